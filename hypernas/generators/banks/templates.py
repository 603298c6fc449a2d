"""Templates: layers of equal shape mix their weights from one stack."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hypernas.generators.banks.bank import Bank
from hypernas.generators.banks.draws import Starts
from hypernas.generators.generator import ParameterGroup


class TemplateBank(Bank):
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
