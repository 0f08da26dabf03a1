"""What every compression needs to know of a network's layers, and may do to them."""

from skdeepopt.layers._batch_norm import reestimate_batch_norm
from skdeepopt.layers._cost import LayerCost, layer_costs
from skdeepopt.layers._weighted import weight_layers

__all__ = ["LayerCost", "layer_costs", "reestimate_batch_norm", "weight_layers"]
