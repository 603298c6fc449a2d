"""Ends of residual branches: with zeros there, a new branch changes nothing."""

from collections.abc import Iterator, Sequence

from torch import nn

from hypernas.generators.methods.patterns import matching
from hypernas.growth.network import Network


def branch_ends(
    net: Network, members: Sequence[Network], patterns: Sequence[str] | str | None = None
) -> set[str]:
    """The parameters of the layers that end a branch.

    Without patterns, of each module that some member lacks altogether: its last child that has
    parameters, if that is a layer. Lists and sequences do not count as modules, but their children
    as those of the module around them. So the second norm of a residual block, the projection of an
    attention, the second matrix of a feed-forward layer; in a plain chain of layers nothing. Whether
    a branch is added to what it read cannot be seen.

    Raises:
        ValueError: if a pattern matches no parameter.
    """
    if patterns is not None:
        return set(matching(net.weights, patterns, purpose="silent"))
    found: set[str] = set()
    for path, module in net.module.named_modules():
        inside = f"{path}." if path else ""
        lacking = any(not any(n.startswith(inside) for n in small.weights) for small in members)
        children = list(_children(module, inside))
        if _gathers(module) or not lacking or not children:
            continue
        last, child = children[-1]
        if not list(child.children()):
            found |= {name for name in net.weights if name.startswith(f"{last}.")}
    return found


def _children(module: nn.Module, inside: str) -> Iterator[tuple[str, nn.Module]]:
    """The children that have parameters, with those of lists and sequences in their place."""
    for name, child in module.named_children():
        if _gathers(child):
            yield from _children(child, f"{inside}{name}.")
        elif any(True for _ in child.parameters()):
            yield f"{inside}{name}", child


def _gathers(module: nn.Module) -> bool:
    return isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict)
