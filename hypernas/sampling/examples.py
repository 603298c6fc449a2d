"""Examples of which the next batches are made."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

# Legend: N examples of the training split, B of a batch, by their numbers.


class Examples(ABC):
    """A second interface of a sampler: it has a say in which examples make the batches, and learns how they fared.

    Batches remain a function of the seed, the step and the state that a checkpoint keeps: a sampler that changes its
    mind is `hypernas.events.Stateful`. What it learns needs an objective that is `hypernas.objectives.ByExample`.
    """

    @abstractmethod
    def order(
        self, epoch: int, num: int, rng: torch.Generator
    ) -> Tensor | None:  # shape: (num,), on the CPU
        """The examples of an epoch, one after the other; None for all of `num`, shuffled.

        Asked as an epoch begins, and again, with the same generator, where a run goes on within it: the answer is
        then the same. The same on all ranks.
        """

    @abstractmethod
    def factors(self, examples: Tensor) -> Tensor | None:  # both of shape: (B,)
        """The factor of the loss of each example of a batch, on their device; None for ones."""

    @abstractmethod
    def fared(self, examples: Tensor, norms: Tensor) -> None:  # both of shape: (B,)
        """Be told of the norms of examples' gradients: see `hypernas.objectives.ByExample.gradient_norms`.

        They are means over the architectures that read an example, the same on all ranks, and on the generator's
        device, so that nobody waits for a GPU who does not read them.
        """
