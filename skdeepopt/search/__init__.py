"""Searches that a stop or a failure does not undo, and what they choose by."""

from skdeepopt.search._bayes import BayesSearchCV
from skdeepopt.search._hyperband import HyperbandSearchCV
from skdeepopt.search._within import fastest_within, smallest_within

__all__ = ["BayesSearchCV", "HyperbandSearchCV", "fastest_within", "smallest_within"]
