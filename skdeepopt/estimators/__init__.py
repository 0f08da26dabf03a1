"""Deep estimators: scikit-learn estimators that own a network."""

from skdeepopt.estimators._cnn import CNNClassifier, CNNRegressor
from skdeepopt.estimators._neural import NeuralClassifier, NeuralRegressor

__all__ = ["CNNClassifier", "CNNRegressor", "NeuralClassifier", "NeuralRegressor"]
