"""hypernas beside hypnettorch, both ways: its hypernetworks as generators, generators as hypernetworks.

What needs that package is imported when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from hypernas.generators.hypnettorch.generators import from_hypnettorch
from hypernas.generators.hypnettorch.network import hypnettorch_arguments

if TYPE_CHECKING:
    from hypernas.generators.hypnettorch.hypernetwork import as_hypnettorch
    from hypernas.generators.hypnettorch.main_networks import main_network_space

__all__ = ["as_hypnettorch", "from_hypnettorch", "hypnettorch_arguments", "main_network_space"]

_LATER = {"as_hypnettorch": "hypernetwork", "main_network_space": "main_networks"}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
