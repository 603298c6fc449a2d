"""hypernas beside other hypernetwork libraries: hypnettorch."""

from hypernas.generators.hypnettorch_hypernetworks import from_hypnettorch
from hypernas.generators.hypnettorch_network import hypnettorch_arguments
from hypernas.interop.hypernetwork import as_hypnettorch
from hypernas.interop.main_networks import main_network_space

__all__ = ["as_hypnettorch", "from_hypnettorch", "hypnettorch_arguments", "main_network_space"]
