"""Templates: layers of equal shape mix their weights from one stack."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from hypernas.generators.banks.bank import Bank
from hypernas.generators.banks.draws import Starts
from hypernas.generators.generator import ParameterGroup
from hypernas.generators.start.startable import StartableBank


class TemplateBank(Bank, StartableBank):
    """For each group of parameters of equal largest shape one stack of templates.

    Savarese and Maire, "Learning Implicitly Recurrent CNNs Through Parameter Sharing", 2019, arXiv
    1902.09701. Each template starts as the builder initialises the first parameter of its group.

    Args:
        starts: the builder's initialisation, with a draw for each template.
        groups: of parameters that share; others are not in this bank.
        num_templates: K; no group has more templates than parameters.

    Attributes:
        sharing: the groups.
        num_entries: parameter name -> K.
        scales: parameter name -> how much larger than its templates the builder makes it.
    """

    def __init__(
        self, starts: Starts, *, groups: Sequence[Sequence[str]], num_templates: int
    ) -> None:
        super().__init__()
        self.sharing = [list(names) for names in groups]
        self.stacks = nn.ParameterList()
        self._group = {name: i for i, names in enumerate(self.sharing) for name in names}
        self.num_entries: dict[str, int] = {}
        self.scales: dict[str, float] = {}
        for first, *others in self.sharing:
            num = min(num_templates, 1 + len(others))
            stack = torch.stack([draw[first] for draw in starts.draws[:num]])
            self.stacks.append(nn.Parameter(stack))
            for name in (first, *others):
                self.num_entries[name] = num
                self.scales[name] = starts.ratio(name, first)

    def forward(self, name: str) -> Tensor:  # shape: (K, *largest)
        return self.stacks[self._group[name]]

    def parameter_groups(self) -> list[ParameterGroup]:
        return [ParameterGroup("templates", list(self.stacks), decay=True)]

    def words(self, name: str) -> str:
        sharers = len(self.sharing[self._group[name]])
        return f"{self.num_entries[name]} templates of {sharers} parameters"

    def hold(self, mixes: Mapping[str, Tensor], gates: Mapping[str, Tensor]) -> None:
        groups = [(names, stack) for names, stack in zip(self.sharing, self.stacks, strict=True)]
        groups = [(names, stack) for names, stack in groups if names[0] in mixes]
        crowded = [
            n for names, _ in groups if len(names) > self.num_entries[names[0]] for n in names
        ]
        if crowded:
            words = "\n  ".join(f"{name}: {self.words(name)}" for name in crowded)
            raise ValueError(
                f"fewer templates than parameters cannot hold any weights:\n  {words}\nGive as many "
                f"templates, or leave these parameters out of what is shared."
            )
        for names, stack in groups:
            stack.copy_(solved(stack, [mixes[n] for n in names], [gates[n] for n in names]))


def solved(
    stack: Tensor,  # shape: (K, *largest)
    mixes: Sequence[Tensor],  # of N parameters, N <= K, each of shape (*largest)
    gates: Sequence[Tensor],  # of each, shape (K,)
) -> Tensor:  # shape: (K, *largest), double
    """The templates nearest to some whose mixes under the gates are the given ones."""
    wanted, factors = torch.stack(list(mixes)).flatten(1), torch.stack(list(gates))
    flat = stack.detach().double().flatten(1)
    return (flat + torch.linalg.pinv(factors) @ (wanted - factors @ flat)).view_as(stack)
