"""The stacks of a bank, and which rank keeps which."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from hypernas.generators import Generator, Mixture
from hypernas.generators.selection.slicer import Prefix


@dataclass(frozen=True)
class Stack:
    """A parameter of a bank, as it is before ranks divide them.

    Attributes:
        name: in the generator.
        shape: (K, *largest).
        readers: the parameters of the target that are mixed from it.
        rank: which keeps it.
    """

    name: str
    parameter: nn.Parameter
    shape: tuple[int, ...]
    readers: tuple[str, ...]
    rank: int


def divisible(generator: Generator) -> Mixture:
    """The generator, as the mixture of plain slices that it must be for ranks to divide its bank.

    Raises:
        ValueError: if it is no mixture, or makes more of the mixed slices than weights.
    """
    if not isinstance(generator, Mixture):
        raise _refusal(f"{type(generator).__name__} is none")
    if not isinstance(generator.slicer, Prefix):
        raise _refusal(f"the slices of this one go through {type(generator.slicer).__name__}")
    return generator


def stacks_of(generator: Mixture, num_ranks: int) -> list[Stack]:
    """The stacks of a mixture, dealt out by size, the largest first, to the rank that has least.

    Raises:
        ValueError: if a stack is no parameter of the bank, or some rank would have none.
    """
    names = {id(parameter): name for name, parameter in generator.named_parameters()}
    read: dict[int, tuple[nn.Parameter, list[str]]] = {}
    for reader in generator.assignment:
        stack = generator.bank(reader)
        if id(stack) not in names:
            raise _refusal(f"{type(generator.bank).__name__} makes the stack of {reader}")
        read.setdefault(id(stack), (stack, []))[1].append(reader)
    if len(read) < num_ranks:
        raise ValueError(
            f"{num_ranks} ranks cannot divide a bank of {len(read)} stacks: start fewer, or leave "
            f"training.shard_banks off."
        )
    ranks = _dealt([stack.numel() for stack, _ in read.values()], num_ranks)
    return [
        Stack(names[id(stack)], stack, tuple(stack.shape), tuple(readers), rank)
        for (stack, readers), rank in zip(read.values(), ranks, strict=True)
    ]


def _dealt(sizes: Sequence[int], num_ranks: int) -> list[int]:
    """The rank of each; none is without."""
    loads = [(0, 0)] * num_ranks  # elements, stacks
    found = [0] * len(sizes)
    for i in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        least = loads.index(min(loads))
        found[i] = least
        loads[least] = loads[least][0] + sizes[i], loads[least][1] + 1
    return found


def _refusal(why: str) -> ValueError:
    return ValueError(
        f"ranks can divide the bank of a mixture whose stacks are its parameters and are sliced as "
        f"they are (shared, mos_layer, mos_neuron, hypernas, soft_sharing), and {why}: leave "
        f"training.shard_banks off."
    )
