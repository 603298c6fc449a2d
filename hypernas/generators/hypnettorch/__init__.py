"""hypernas beside other hypernetwork libraries: hypnettorch."""

from hypernas.generators.hypnettorch.generators import from_hypnettorch
from hypernas.generators.hypnettorch.hypernetwork import as_hypnettorch
from hypernas.generators.hypnettorch.main_networks import main_network_space
from hypernas.generators.hypnettorch.network import hypnettorch_arguments

__all__ = ["as_hypnettorch", "from_hypnettorch", "hypnettorch_arguments", "main_network_space"]
