"""A large generator over the templates of small ones."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from hypernas.generators import ParameterGroup
from hypernas.generators.banks.bank import Bank, key
from hypernas.generators.children import children
from hypernas.generators.coefficients.learned import Free
from hypernas.generators.coefficients.source import CoefficientSource
from hypernas.generators.selection.slicer import Slicer
from hypernas.growth.blocks import Block, Grid
from hypernas.mixing import Coefficients
from hypernas.slicing import prefix
from hypernas.subnet.subnet import Slices, Subnet

# Legend: a part is the tensor of one block, known by a name of its own, "conv.weight[0:8, 8:16]".


def parts(grids: Mapping[str, Grid]) -> dict[str, dict[str, Block]]:
    """Parameter name -> its blocks by the names of their parts."""
    return {name: {_part(name, grid, b): b for b in grid.blocks} for name, grid in grids.items()}


def _part(name: str, grid: Grid, block: Block) -> str:
    if not grid.cut:
        return f"{name}[member {block.member}]"
    return f"{name}[{', '.join(f'{start}:{stop}' for start, stop in block.place)}]"


class RecombinedBank(Bank):
    """The banks of several members, each part read from one of them; and vectors of its own.

    Args:
        banks: of the members.
        blocks: part -> what it is made from.
        fresh: part -> a tensor at the start, for parts that have no templates to recombine.
        lr_scale: learning rate of the members' parameters, in units of that of `fresh`.
    """

    def __init__(
        self,
        banks: Sequence[Bank],
        blocks: Mapping[str, Block],
        fresh: Mapping[str, Tensor],
        *,
        lr_scale: float,
    ) -> None:
        super().__init__()
        self.banks = nn.ModuleList(banks)
        self.fresh = nn.ParameterDict({key(p): nn.Parameter(t[None]) for p, t in fresh.items()})
        self.lr_scale = lr_scale
        self._blocks = dict(blocks)

    def forward(self, name: str) -> Tensor:  # shape: (K, *shape)
        if key(name) in self.fresh:
            return self.fresh[key(name)]
        block = self._blocks[name]
        return self.banks[block.member](block.name)

    def parameter_groups(self) -> list[ParameterGroup]:
        fresh = list(self.fresh.values())
        return [
            ParameterGroup(
                f"member {m}: {group.name}",
                group.parameters,
                decay=group.decay,
                lr_scale=group.lr_scale * self.lr_scale,
            )
            for m, bank in enumerate(children(self.banks, Bank))
            for group in bank.parameter_groups()
        ] + [
            ParameterGroup("new matrices", [p for p in fresh if p.dim() > 2], decay=True),
            ParameterGroup("new vectors", [p for p in fresh if p.dim() <= 2], decay=False),
        ]

    def words(self, name: str) -> str:
        return f"grown from {len(self.banks)} member{'s' * (len(self.banks) > 1)}"


class RecombinedCoefficients(CoefficientSource):
    """The coefficients of the members for their own parts, free ones for new parts.

    Args:
        sources: of the members; they do not read the architecture.
        own: part -> what it is made from, of parts that are a member's own.
        new: part -> coefficients at the start, shape (K,).
    """

    def __init__(
        self,
        sources: Sequence[CoefficientSource],
        own: Mapping[str, Block],
        new: Mapping[str, Tensor],
    ) -> None:
        super().__init__()
        self.sources = nn.ModuleList(sources)
        self.new = Free(new)
        self._own = dict(own)

    def forward(self, features: Tensor) -> list[dict[str, Coefficients]]:
        found = [source(features[:1])[0] for source in self.sources]
        every = {
            part: found[block.member][block.name]
            for part, block in self._own.items()
            if block.name in found[block.member]
        } | self.new(features[:1])[0]
        return [every for _ in features]

    def words(self, name: str) -> str:
        return "learned coefficients"


class Blocks(Slicer):
    """Each parameter is put together from parts, each a prefix of a member's.

    Args:
        grids: parameter name -> its blocks.
        fresh: parts that are whole tensors of the bank's own.
    """

    def __init__(self, grids: Mapping[str, Grid], fresh: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.grids = dict(grids)
        self._parts = parts(grids)
        self._fresh = set(fresh)

    def locate(self, subnet: Subnet) -> Slices:
        return subnet.derived(self, lambda: self._locate(subnet))

    def _locate(self, subnet: Subnet) -> Slices:
        blocks = {part: b for own in self._parts.values() for part, b in own.items()}
        slices = {
            part: prefix(b.taken.shape, b.taken.shape) if part in self._fresh else b.taken
            for part, b in blocks.items()
        }
        return Slices(slices, subnet.slices.statistics)

    def forward(self, weights: dict[str, Tensor], subnet: Subnet) -> dict[str, Tensor]:
        return {
            name: grid.assemble([weights[part] for part in self._parts[name]])
            for name, grid in self.grids.items()
        }

    def words(self, name: str) -> str:
        own = sum(block.own for block in self.grids[name].blocks)
        return f"{own} own and {len(self.grids[name].blocks) - own} new blocks"
