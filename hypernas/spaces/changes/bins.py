"""Values of a choice that stand at about equal distances of cost."""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from hypernas.border import checked
from hypernas.space import Choice, SearchSpace
from hypernas.space.architecture import Architecture, Value
from hypernas.spaces.changes.change import changed
from hypernas.subnet.skeleton import build_skeleton


@checked
def equal_bins(
    space: SearchSpace,
    *,
    num_bins: int = 16,
    choices: Sequence[str] | str = "*width*",
    cost: Callable[[Architecture], float] | None = None,
) -> SearchSpace:
    """The space with fewer widths: of each choice those between which the largest architecture's cost changes by about one bin.

    CafeNet (Su et al., 2021, arXiv 2102.05258) groups channels into bins that are sensitive to FLOPs: a bin holds fewer channels
    where a channel is dear, and all layers together have a given number of bins. Here the cost of a value is that of the
    largest architecture which has it, a bin is 1 / `num_bins` of the sum over choices of the cost between their smallest and largest value,
    and of each choice the values next to whole numbers of bins are kept, the two ends among them. No code is public: these rules
    are ours.

    Args:
        num_bins: of all choices together; each has one at least.
        choices: patterns of their names; they must have an order.
        cost: of an architecture, such as its FLOPs; None for its number of parameters, to which the FLOPs of linear layers are proportional.

    Raises:
        ValueError: if a pattern matches no choice with an order, or there are no bins.
    """
    patterns = [choices] if isinstance(choices, str) else list(choices)
    ordered = [name for name, choice in space.choices.items() if choice.ordered]
    wrong = [p for p in patterns if not any(fnmatchcase(name, p) for name in ordered)]
    if wrong or num_bins < 1:
        raise ValueError(
            f"bins need patterns of the choices {ordered} and num_bins of 1 or more, got {wrong or patterns} and "
            f"{num_bins}."
        )
    own = cost or (lambda architecture: _num_parameters(space, architecture))
    named = [name for name in ordered if any(fnmatchcase(name, p) for p in patterns)]
    costs = {
        name: [own(space.largest_with(name, value)) for value in space.choices[name].values]
        for name in named
    }
    size = sum(max(some) - min(some) for some in costs.values()) / num_bins
    kept = {name: _kept(space.choices[name], costs[name], size) for name in named}
    return changed(space, space.build, {**space.choices, **kept})


def _kept(choice: Choice, costs: Sequence[float], size: float) -> Choice:
    """The choice with the values nearest to whole numbers of bins."""
    low, high = min(costs), max(costs)
    num = max(1, round((high - low) / size)) if size else 1
    places = [
        min(range(len(costs)), key=lambda i: abs(costs[i] - low - k * (high - low) / num))
        for k in range(num + 1)
    ]
    values: list[Value] = [choice.values[i] for i in sorted({*places, 0, len(costs) - 1})]
    return Choice(values, when=choice.when)


def _num_parameters(space: SearchSpace, architecture: Architecture) -> float:
    return float(sum(p.numel() for p in build_skeleton(space, architecture).parameters()))
