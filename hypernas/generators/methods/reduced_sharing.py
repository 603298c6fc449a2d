"""Reduced sharing: some parameters are shared by all architectures, the others by groups of them."""

from collections.abc import Callable, Sequence
from functools import partial

from hypernas.border import checked
from hypernas.generators.generator import Generator
from hypernas.generators.methods.by_name import by_name
from hypernas.generators.methods.few_shot import few_shot
from hypernas.generators.methods.grouping import Kind
from hypernas.generators.methods.shared import shared
from hypernas.generators.start.start import start_at
from hypernas.generators.start.trained import Start
from hypernas.space import SearchSpace


@checked
def reduced_sharing(
    space: SearchSpace,
    *,
    share: Sequence[str] | str = (),
    num_groups: int | None = 4,
    grouping: Kind = "random",
    choice: str | None = None,
    generator: Callable[[SearchSpace], Generator] = shared,
    seed: int = 0,
    start: Start | None = None,
) -> Generator:
    """One weight for each parameter that all share, and one a group for each of the others.

    Zhang et al., "Deeper insights into weight sharing in neural architecture search", 2020, arXiv 2001.01431: *group* sharing shares
    nothing among groups; *prefix* sharing shares the first layers (`share=["stem.*", "stages.0.*"]`) and *keyword* sharing
    what is called so (`share="*norm*"`), with `num_groups=None` a private copy of the rest for each architecture. What
    a step does not use has no gradient, and so the optimizer neither moves it nor changes what it remembers of it: there, weights
    and optimizer states are swapped in and out instead.

    Args:
        share: patterns of the names of parameters that all share; none is group sharing, "*" plain weight sharing.
        num_groups: of architectures; None for one each.
        grouping, choice: see `few_shot`; with a group for each architecture it is sequential.
        generator: of what is shared, and of each group.
        seed: of the grouping.
        start: a trained module that all start at (see `start_at`).

    Raises:
        ValueError: see `by_name` and `few_shot`; or if architectures are too many for a copy each.
    """
    patterns = [share] if isinstance(share, str) else list(share)
    if num_groups is None:
        num_groups, grouping = space.size, "sequential"
    groups = partial(
        few_shot,
        num_groups=num_groups,
        grouping=grouping,
        choice=choice,
        generator=generator,
        seed=seed,
    )
    if not patterns:
        return groups(space, start=start)
    if patterns == ["*"]:
        return start_at(generator(space), start)
    return by_name(space, dict.fromkeys(patterns, generator), rest=groups, start=start)
