"""Coefficients of new blocks, which recombine templates that others use already."""

import warnings
from typing import Literal

import torch
from torch import Tensor

Rule = Literal["orthogonal", "copy", "copy_noise", "zero", "random"]
_TRIED = 512  # directions, where none is at right angles to all
RULES: tuple[Rule, ...] = ("orthogonal", "copy", "copy_noise", "zero", "random")


class Recombiner:
    """Draws coefficients for stacks of templates, each apart from those that read the same stack.

    Rules, each of the length of the member's own coefficients a:

        orthogonal     at right angles to all that read the stack; where they leave no such
                       direction, the one of many whose largest |cosine| is the least
        copy           a
        copy_noise     a + noise · |a| · a random unit vector
        zero           0
        random         a random direction

    Pham et al. (WACV 2024) make one vector of four orthogonal to the three others, two of which
    multiply other templates, and leave another as it was drawn at first; here every new vector is
    orthogonal to those of the same templates, so T templates suffice for T readers.

    Args:
        rule: one of the above.
        noise: of copy_noise.
        seed: of the draws.

    Raises:
        ValueError: for an unknown rule.
    """

    def __init__(self, rule: Rule, *, noise: float, seed: int) -> None:
        if rule not in RULES:
            raise ValueError(f"coefficients must be one of {list(RULES)}, got {rule!r}.")
        self.rule, self.noise = rule, noise
        self._rng = torch.Generator().manual_seed(seed)
        self._readers: dict[int, list[Tensor]] = {}
        self._crowded: dict[int, tuple[int, str]] = {}  # stack -> its templates, who came too late
        self._closest = 0.0

    def reads(self, stack: Tensor, vector: Tensor) -> None:
        """Coefficients of shape (T,) multiply a stack already."""
        unit = vector.detach().double().cpu()
        if unit.norm() > 0:
            self._readers.setdefault(id(stack), []).append(unit / unit.norm())

    def __call__(
        self,
        name: str,
        stack: Tensor,  # shape: (T, ...)
        own: Tensor,  # shape: (T,)
        *,
        silent: bool,
    ) -> Tensor:  # shape: (T,)
        """Coefficients of a new reader of a stack.

        Args:
            name: of the new block, for what there is to say about it.
            own: those of the member that the block is made from.
            silent: the rule "zero" makes it zero; it takes a random direction otherwise.
        """
        start, length = own.detach().double().cpu(), float(own.detach().norm())
        if self.rule == "zero" and silent:
            found = torch.zeros_like(start)
        elif self.rule == "orthogonal":
            found = length * self._apart(name, stack, len(own))
        elif self.rule == "copy":
            found = start
        elif self.rule == "copy_noise":
            found = start + self.noise * length * self._direction(torch.eye(len(own)).double())
        else:
            found = length * self._direction(torch.eye(len(own)).double())
        self.reads(stack, found)
        return found.to(own)

    def _apart(self, name: str, stack: Tensor, num: int) -> Tensor:  # shape: (T,), of length 1
        readers = torch.stack(self._readers.get(id(stack), [torch.zeros(num).double()]))
        values, vectors = torch.linalg.eigh(readers.T @ readers)
        free = vectors[:, values < 1e-9]
        if free.shape[1]:
            return self._direction(free)
        drawn = torch.stack([self._direction(torch.eye(num).double()) for _ in range(_TRIED)])
        closest, best = (drawn @ readers.T).abs().amax(1).min(0)
        self._crowded.setdefault(id(stack), (num, name))
        self._closest = max(self._closest, float(closest))
        return drawn[best]

    def _direction(self, basis: Tensor) -> Tensor:  # shape: (T, n) -> (T,), of length 1
        drawn = basis @ torch.randn(basis.shape[1], generator=self._rng, dtype=torch.double)
        return drawn / drawn.norm()

    def warn(self) -> None:
        """Say where coefficients could not be orthogonal."""
        if not self._crowded:
            return
        num, name = next(iter(self._crowded.values()))
        most = max(len(self._readers[stack]) for stack in self._crowded)
        warnings.warn(
            f"{len(self._crowded)} stacks have fewer templates than readers ({num} for {name}, up "
            f"to {most} readers): their coefficients cannot be orthogonal, the largest |cosine| is "
            f"{self._closest:.2f}. Train members with num_templates={most}, or grow with "
            f"coefficients=random.",
            stacklevel=4,
        )
