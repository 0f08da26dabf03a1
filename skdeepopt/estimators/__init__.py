"""Deep estimators: scikit-learn estimators that own a network."""

from skdeepopt.estimators._cnn import CNNClassifier, CNNRegressor
from skdeepopt.estimators._neural import NeuralClassifier, NeuralRegressor
from skdeepopt.measurement._scorers import register_scorers

__all__ = ["CNNClassifier", "CNNRegressor", "NeuralClassifier", "NeuralRegressor"]

# Whoever has a network can ask a search for its bytes and its latency by name.
register_scorers()
