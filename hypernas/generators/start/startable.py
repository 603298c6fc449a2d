"""Interfaces of what can begin at a trained module: generators, and the banks that they mix from."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor

from hypernas.generators.start.trained import Trained


class Startable(ABC):
    """A generator that can give its largest architecture any weights."""

    @abstractmethod
    def hold(self, trained: Trained) -> None:
        """Change parameters and statistics, in place, so that the largest architecture has these.

        What `trained` does not name stays.

        Raises:
            ValueError: naming every weight that cannot be held, and why.
        """


class StartableBank(ABC):
    """A bank whose mixes, under given gates, can be any tensors."""

    @abstractmethod
    def hold(self, mixes: Mapping[str, Tensor], gates: Mapping[str, Tensor]) -> None:
        """Change the stacks, in place, so that Σ_k gates_k B_k are these mixes.

        Args:
            mixes: parameter name -> tensor of its largest shape.
            gates: for each of them, shape (K,), or (O, K) for one row an output neuron.

        Raises:
            ValueError: naming every mix that cannot be held, and why.
        """
