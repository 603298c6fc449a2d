"""Banks: the trained tensors that weights are mixed and sliced from."""

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from hypernas.border import checked
from hypernas.generators.children import children
from hypernas.generators.generator import ParameterGroup
from hypernas.generators.start.mixes import cannot_hold, too_small, with_mix
from hypernas.generators.start.startable import StartableBank
from hypernas.subnet.supernet import Supernet


class Bank(nn.Module, ABC):
    """Parameter name -> a stack of K tensors of the parameter's largest shape."""

    @abstractmethod
    def forward(self, name: str) -> Tensor:  # shape: (K, *largest)
        """The stack that a parameter is mixed from."""

    @abstractmethod
    def parameter_groups(self) -> list[ParameterGroup]:
        """Every parameter of the bank once, by how an optimizer should treat it."""

    @abstractmethod
    def words(self, name: str) -> str:
        """A description of a parameter's stack; empty where it is just its own."""


class PerParameterBank(Bank, StartableBank):
    """For each parameter a stack of its own.

    The stacks start from the user's own initialisation, drawn G once and D_1 ... D_K more times:

        with a base     B_0 = G,  B_k = spread (D_k - mean_j D_j)      K = 1 + experts
        without         B_k = G + spread (D_k - mean_j D_j)            K = experts
        independent     B_k = D_k                                      K = experts

    Uniform gates thus give exactly G, so the variance of the mixed weights at the start does not
    depend on K, and what the builder sets to a constant (norm scales of 1) stays that constant.
    Published mixtures of experts draw each B_k independently, which shrinks the mixed weights by
    1/√K where gates are uniform (`independent`); `spread=1` keeps experts as far apart as there, `spread=0` starts them as copies (without
    a base) or as zeros (beside one). Experts of matrices whose draws are all the same, up to rounding,
    start as normal noise of deviation spread/√fan_in: those that the builder loads from a file, and, beside
    a base, those of a constant and a single one. They would stay alike for ever, or they and gates of
    zero wait for each other.

    Args:
        supernet: the largest shapes.
        names: the parameters that have a stack here; None for all.
        num_experts: parameter name -> number of experts; others get one entry.
        base: whether a shared entry stands before the experts.
        spread: how far experts start apart, in units of the initialisation's own deviation.
        independent: draw experts independently, as published.
        seed: of all draws.

    Raises:
        ValueError: if a parameter is to have less than one expert, or independent ones are to have a base or another spread than 1.
    """

    @checked
    def __init__(
        self,
        supernet: Supernet,
        *,
        names: Collection[str] | None = None,
        num_experts: Mapping[str, int] | None = None,
        base: bool = False,
        spread: float = 1.0,
        independent: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if independent and (base or spread != 1):
            raise ValueError(
                f"independent experts stand beside no base and have their own spread of 1, got base={base} and "
                f"spread={spread}: leave independent out, or both of these."
            )
        self.num_experts, self.base = dict(num_experts or {}), base
        if min(self.num_experts.values(), default=1) < 1:
            raise ValueError(
                f"num_experts must be 1 or more, got {min(self.num_experts.values())}."
            )
        most = max(self.num_experts.values(), default=0)
        common = supernet.draw(seed)
        draws = [supernet.draw(seed, k + 1) for k in range(most if spread else 0)]
        rng = torch.Generator().manual_seed(seed)
        self.stacks = nn.ParameterDict()
        for name, tensor in common.items():
            if names is not None and name not in names:
                continue
            entries = tensor[None]
            num = self.num_experts.get(name, 0)
            if num and independent:
                entries = torch.stack([draw[name] for draw in draws[:num]])
            elif num:
                apart = _apart([draw[name] for draw in draws[:num]]) if spread else None
                if apart is None:
                    apart = torch.zeros(num, *tensor.shape)
                    if spread and (base or _loaded(tensor, num)):
                        apart = _noise(apart, rng)
                apart = apart * spread
                entries = torch.cat([entries, apart]) if base else entries + apart
            self.stacks[key(name)] = nn.Parameter(entries)

    def forward(self, name: str) -> Tensor:  # shape: (K, *largest)
        # to ask the dictionary of parameters itself takes several times as long
        found = self.stacks._parameters.get(key(name))
        return self.stacks[key(name)] if found is None else found

    def parameter_groups(self) -> list[ParameterGroup]:
        stacks = list(self.stacks.values())
        return [
            ParameterGroup("matrices", [p for p in stacks if p.dim() > 2], decay=True),
            ParameterGroup("vectors", [p for p in stacks if p.dim() <= 2], decay=False),
        ]

    def words(self, name: str) -> str:
        return ""

    def hold(self, mixes: Mapping[str, Tensor], gates: Mapping[str, Tensor]) -> None:
        own = [name for name in mixes if key(name) in self.stacks]
        bases = {name: self.base and name in self.num_experts for name in own}
        if wrong := [name for name in own if not bases[name] and too_small(gates[name])]:
            raise ValueError(
                f"the gates of the largest architecture add up to about 0 for {wrong}, so that no "
                f"experts make its weights. Take softmax or sigmoid gates."
            )
        for name in own:
            stack = self.stacks[key(name)]
            stack.copy_(with_mix(stack, mixes[name], gates[name], base=bases[name]))


def _apart(draws: list[Tensor]) -> Tensor | None:  # shape: (K, *largest)
    """Draws without their mean; None where they are all the same, up to rounding."""
    stacked = torch.stack(draws)
    if all(torch.equal(draw, draws[0]) for draw in draws):
        return None
    return stacked - stacked.mean(0)


def _loaded(tensor: Tensor, num_experts: int) -> bool:
    """True for a matrix of several experts that is the same in each draw, and yet no constant."""
    return num_experts > 1 and tensor.dim() > 1 and bool((tensor != tensor.flatten()[0]).any())


def _noise(like: Tensor, rng: torch.Generator) -> Tensor:  # shape: (K, *largest)
    """Of mean zero over several entries, and variance 1 / fan_in."""
    drawn = torch.randn(like.shape, generator=rng, dtype=like.dtype)
    if len(drawn) > 1:
        drawn = drawn - drawn.mean(0)
    return drawn / math.sqrt(max(1, like[0, 0].numel()))


class JoinedBank(Bank, StartableBank):
    """Several banks as one: the parameters of each, which do not overlap.

    Args:
        banks: each with the names of the parameters that are read from it.
    """

    def __init__(self, *banks: tuple[Bank, Collection[str]]) -> None:
        super().__init__()
        self.banks = nn.ModuleList(bank for bank, _ in banks)
        self._position = {name: i for i, (_, names) in enumerate(banks) for name in names}

    def forward(self, name: str) -> Tensor:  # shape: (K, *largest)
        return self.banks[self._position[name]](name)

    def parameter_groups(self) -> list[ParameterGroup]:
        return [group for bank in children(self.banks, Bank) for group in bank.parameter_groups()]

    def words(self, name: str) -> str:
        return children(self.banks, Bank)[self._position[name]].words(name)

    def hold(self, mixes: Mapping[str, Tensor], gates: Mapping[str, Tensor]) -> None:
        banks = children(self.banks, Bank)
        cannot = {
            name: self.words(name)
            for name in mixes
            if not isinstance(banks[self._position[name]], StartableBank)
        }
        if cannot:
            raise ValueError(cannot_hold(cannot))
        for i, bank in enumerate(banks):
            own = {name: mix for name, mix in mixes.items() if self._position[name] == i}
            if isinstance(bank, StartableBank):
                bank.hold(own, gates)


def key(name: str) -> str:
    """Parameter names as keys of torch's containers: no dots, no name of the container's own."""
    return name.replace(".", "/") if "." in name else f"/{name}"
