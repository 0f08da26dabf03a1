"""Search: spaces, what to choose by, and searches that a stop or a failure does not undo."""

from skdeepopt.search._auto import AutoOptimizer
from skdeepopt.search._bayes import BayesSearchCV
from skdeepopt.search._hyperband import HyperbandSearchCV
from skdeepopt.search._space import search_space
from skdeepopt.search._within import fastest_within, smallest_within

__all__ = [
    "AutoOptimizer",
    "BayesSearchCV",
    "HyperbandSearchCV",
    "fastest_within",
    "search_space",
    "smallest_within",
]
