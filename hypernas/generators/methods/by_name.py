"""Different generators for different parameters, chosen by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial

from torch import Tensor, nn

from hypernas.border import checked
from hypernas.generators.children import children
from hypernas.generators.composite import Composite
from hypernas.generators.generator import Generator, ParameterGroup
from hypernas.generators.start.start import hold, start_at
from hypernas.generators.start.startable import Startable
from hypernas.generators.start.trained import Start, Trained
from hypernas.slicing import PREFIX, layout_of
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.subnet.norms import tracks
from hypernas.subnet.subnet import Subnet
from hypernas.subnet.supernet import Supernet
from hypernas.subnet.target import generated_shapes

GeneratorMaker = Callable[[SearchSpace], Generator]


class ByName(Composite, Startable):
    """The parameters of a target, each from one of several generators.

    Each part is a generator over the same architectures, whose targets have only its parameters, and
    the statistics of the norms that own one of them (norms without parameters go with the first).

    Args:
        space: the search space.
        parts: label -> generator over a part of the space; together they have every parameter once.

    Raises:
        ValueError: if conditions of two parts differ in size.
    """

    @checked
    def __init__(self, space: SearchSpace, parts: Mapping[str, Generator]) -> None:
        dims = {label: part.condition_dim for label, part in parts.items() if part.condition_dim}
        if len(set(dims.values())) > 1:
            raise ValueError(
                f"all parts that read a condition read the same one, but their sizes are {dims}."
            )
        super().__init__(space, condition_dim=max(dims.values(), default=0))
        self.labels = list(parts)
        self.parts = nn.ModuleList(parts.values())
        self.assignment = {n: words for g in parts.values() for n, words in g.assignment.items()}
        self.taxonomies = tuple(own for g in parts.values() for own in g.taxonomies)

    def members(self, subnet: Subnet) -> list[Generator]:
        return children(self.parts, Generator)

    def generate(self, subnets: Sequence[Subnet]) -> list[dict[str, Tensor]]:
        weights: list[dict[str, Tensor]] = [{} for _ in subnets]
        for part in children(self.parts, Generator):
            own = part.generate([part.subnet(subnet) for subnet in subnets])
            for all_weights, some in zip(weights, own, strict=True):
                all_weights.update(some)
        return weights

    def hold(self, trained: Trained) -> None:
        """Let each part hold what is its own."""
        for part in children(self.parts, Generator):
            hold(part, trained.of(part.assignment))

    def parameter_groups(self) -> list[ParameterGroup]:
        return [
            replace(group, name=f"{label}: {group.name}")
            for label, part in zip(self.labels, children(self.parts, Generator), strict=True)
            for group in part.parameter_groups()
        ]


@checked
def by_name(
    space: SearchSpace,
    parts: Mapping[str, GeneratorMaker] | None = None,
    *,
    rest: GeneratorMaker | None = None,
    start: Start | None = None,
) -> ByName:
    """Compose generators: each makes the parameters whose names match its pattern.

    `by_name(space, {"*norm*": shared}, rest=partial(mos_layer, num_experts=2))`

    Args:
        parts: shell-style pattern of parameter names -> generator of a search space. Every
            parameter matches one pattern.
        rest: the generator of the parameters that match none.
        start: a trained module that all start at (see `start_at`).

    Raises:
        ValueError: naming at once every parameter that matches no pattern (without a `rest`) or
            several, and every pattern that matches none.
    """
    patterns, makers = list(parts or {}), list((parts or {}).values())
    names = list(Supernet(space).shapes)
    matches = {n: [p for p in patterns if fnmatchcase(n, p)] for n in names}
    problems = [
        f"{name}: " + (f"matches {found}" if found else "matches no pattern")
        for name, found in matches.items()
        if len(found) > 1 or (not found and rest is None)
    ]
    used = {p for found in matches.values() for p in found}
    problems += [f"{p!r}: matches no parameter" for p in patterns if p not in used]
    if problems:
        raise ValueError(
            "every parameter must match one pattern:\n  "
            + "\n  ".join(problems)
            + f"\nThe patterns are {patterns}; rest= names a generator for what matches none."
        )
    if rest is not None and not all(matches.values()):
        makers.append(rest)
    labels = [*patterns, "rest"]
    composed = ByName(
        space,
        {
            label: maker(_part_of(space, names, patterns, i))
            for i, (label, maker) in enumerate(zip(labels, makers, strict=False))
        },
    )
    return start_at(composed, start)


def _part_of(
    space: SearchSpace, names: Sequence[str], patterns: Sequence[str], position: int
) -> SearchSpace:
    """The same architectures, with only the parameters of one part."""
    own = [name for name in names if _position(name, patterns) == position]
    layouts = {
        pattern: layout
        for pattern, layout in space.layouts.items()
        if any(layout_of(name, {pattern: layout}) for name in own)
    }
    build = partial(_build_part, space=space, patterns=tuple(patterns), position=position)
    # The whole space was put to the law before, and a part of its parameters computes nothing.
    return SearchSpace(space.choices, build, {"*": PREFIX, **layouts})


def _position(name: str, patterns: Sequence[str]) -> int:
    """Of the first pattern that matches, or after the last where none does."""
    found = (i for i, pattern in enumerate(patterns) if fnmatchcase(name, pattern))
    return next(found, len(patterns))


def _build_part(
    architecture: Architecture, *, space: SearchSpace, patterns: Sequence[str], position: int
) -> nn.Module:
    """The module of an architecture without the parameters of other parts; it cannot be run."""
    module = space.build(architecture)
    own = {name for name in generated_shapes(module) if _position(name, patterns) == position}
    kept = {id(p) for name, p in module.named_parameters() if name in own}
    for path, owner in module.named_modules():
        held = [name for name in owner._parameters if owner._parameters[name] is not None]
        if tracks(owner):
            first = f"{path}.{held[0]}" if path and held else "".join(held[:1])
            vars(owner)["track_running_stats"] = position == (
                _position(first, patterns) if held else 0
            )
        for name in held:
            if id(owner._parameters[name]) not in kept:
                owner._parameters[name] = None
    return module
