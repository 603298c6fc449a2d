"""Dropout and stochastic depth of the largest subnet alone."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from hypernas.border import checked
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.spaces.changes.branches import branch_norms
from hypernas.spaces.changes.change import changed

_PROBABILITIES = ("p", "dropout", "dropout_p", "drop_prob", "attention_dropout")


class Dropout:
    """A hook before a module: zeros among its inputs, while it trains."""

    def __init__(self, probability: float) -> None:
        self.probability = probability

    def __call__(self, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        first, *others = inputs
        return (F.dropout(first, self.probability, module.training), *others)


class DropPath:
    """A hook behind a module: the outputs of whole examples are 0, while it trains.

    Stochastic depth (Huang et al., 2016, arXiv 1603.09382), those that stay divided by the share of them.
    """

    def __init__(self, probability: float) -> None:
        self.probability = probability

    def __call__(self, module: nn.Module, inputs: Any, output: Tensor) -> Tensor | None:
        if not module.training:
            return None
        kept = output.new_empty((len(output), *[1] * (output.dim() - 1)))
        share = 1 - self.probability
        return output * kept.bernoulli_(share) / share


@checked
def regularized_largest(
    space: SearchSpace,
    *,
    dropout: float = 0.2,
    drop_path: float = 0.2,
    head: str | None = None,
    branches: Sequence[str] | None = None,
) -> SearchSpace:
    """The space whose largest architecture alone has dropout: smaller ones underfit without it.

    BigNAS (Yu et al., 2020, arXiv 2003.11142, section 3.3). Dropout of the builder's own modules (attributes `p`, `dropout`,
    `drop_prob`, ... that are numbers) stays in the largest and is 0 in all others. Weight decay needs no rule: with training.combine=sum
    the gradient of the largest's penalty, λ times the weights of the largest, which are all, is what an optimizer
    adds once a step. As modules are plain functions of architectures, it holds wherever they are trained, also stand-alone.

    Args:
        dropout: of the inputs of the last linear layer; 0 for none.
        drop_path: of residual branches, in the last half of them (there in the last two stages); 0 for none.
        head: name of the layer; None for the last one.
        branches: patterns of the modules whose outputs are branches; None for the norms that `branch_norms` finds.

    Raises:
        ValueError: if a share is not in [0, 1), or there is no such layer or branch.
    """
    if not (0 <= dropout < 1 and 0 <= drop_path < 1):
        raise ValueError(f"dropout and drop_path must be in [0, 1), got {dropout}, {drop_path}.")
    module = space.build(space.largest())
    names = [name for name, _ in module.named_modules()]
    heads = [n for n, part in module.named_modules() if isinstance(part, nn.Linear)]
    if head is not None:
        heads = [name for name in names if name == head]
    paths: list[str] = []
    if drop_path and branches is None:
        found = branch_norms(space)
        ordered = [name for name in names if name in found]
        paths = ordered[len(ordered) // 2 :]
    elif drop_path:
        paths = [n for n in names if any(fnmatchcase(n, pattern) for pattern in branches or ())]
    if (dropout and not heads) or (drop_path and not paths):
        raise ValueError(
            f"no layer for dropout ({head or 'linear'}), or no branch for drop_path ({branches}), among the modules {names}."
        )
    build = partial(
        _built,
        space,
        {heads[-1]: Dropout(dropout)} if dropout else {},
        {name: DropPath(drop_path) for name in paths},
    )
    return changed(space, build)


def _built(
    space: SearchSpace,
    before: dict[str, Dropout],
    behind: dict[str, DropPath],
    architecture: Architecture,
) -> nn.Module:
    module = space.build(architecture)
    if space.architecture(architecture) == space.largest():
        for name, dropout in before.items():
            module.get_submodule(name).register_forward_pre_hook(dropout)
        for name, path in behind.items():
            module.get_submodule(name).register_forward_hook(path)
        return module
    for part in module.modules():
        for name in _PROBABILITIES:
            if isinstance(getattr(part, name, None), float):
                setattr(part, name, 0.0)
    return module
