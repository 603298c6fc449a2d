"""torch.compile over many subnets, over sizes of the batch, and over a whole step of a generator.

Needs a C++ compiler; numbers 33 to 35 take minutes.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from ready import SPACES
from torch import Tensor
from verdicts import answer, words

from hypernas import SearchSpace, generators

NUM = 12


class Graphs:
    """A backend that runs what it is given as it is, and counts graphs and their runs."""

    def __init__(self) -> None:
        self.made = self.runs = 0

    def __call__(self, graph: Any, _: Any) -> Callable[..., Any]:
        self.made += 1

        def run(*given: Any) -> Any:
            self.runs += 1
            return graph(*given)

        return run


def plain_modules() -> tuple[list[Any], tuple[Tensor, ...]]:
    """Exported subnets of one class, each of another shape."""
    make, inputs = SPACES["vit"]
    generator = generators.shared(make()).eval()
    rng = torch.Generator().manual_seed(0)
    found = {str(a): a for a in (generator.space.sample(rng) for _ in range(200))}
    modules = [generator.export(a) for a in list(found.values())[:NUM]]
    return modules, inputs


def each_compiled():
    """How many of the subnets run as graphs, called again after all were compiled."""
    torch.compiler.reset()
    modules, inputs = plain_modules()
    graphs = Graphs()
    compiled = [torch.compile(module, backend=graphs, dynamic=False) for module in modules]
    with torch.inference_mode():
        for call in compiled:
            call(*inputs)
        before = graphs.runs
        for call in compiled:
            call(*inputs)
    ran = graphs.runs - before
    held = graphs.made == ran == len(modules) == NUM
    return held, f"{graphs.made} graphs; {ran} of {len(modules)} run as one"


def batch_sizes():
    torch.compiler.reset()
    modules, (x,) = plain_modules()
    graphs = Graphs()
    call = torch.compile(modules[0], backend=graphs)
    made = []
    with torch.inference_mode():
        for num in (1, 8, 32):
            call(x[:1].expand(num, -1, -1, -1).contiguous())
            made.append(graphs.made)
    return made[-1] <= 2, f"graphs after batches of 1, 8, 32: {made}"


def step_of(name: str) -> tuple[Callable[[], Tensor], Any]:
    """A loss through generated weights as a function of nothing, and the generator."""
    space, x = perceptrons()
    generator = getattr(generators, name)(space).train()
    architecture = space.smallest()
    generator.call(architecture, x)  # resolves the subnet
    return lambda: generator.call(architecture, x).square().mean(), generator


def perceptrons() -> tuple[SearchSpace, Tensor]:
    from ready import small

    return small()


def whole(name: str):
    """One graph of generation and call, by inductor."""

    def question():
        torch.compiler.reset()
        loss, _ = step_of(name)
        try:
            torch.compile(loss, fullgraph=True)()
        except Exception as error:
            return False, words(error, 300)
        return True, "one graph"

    return question


def gradients(generator: Any, loss: Callable[[], Tensor]) -> Mapping[str, Tensor]:
    generator.zero_grad()
    loss().backward()
    return {n: p.grad.clone() for n, p in generator.named_parameters() if p.grad is not None}


def alike():
    """Gradients of a compiled step and of the same one as it is; parts that dynamo breaks at run by themselves."""
    told, held = [], True
    for name in ("shared", "hypernas"):
        torch.compiler.reset()
        loss, generator = step_of(name)
        plain = gradients(generator, loss)
        found = gradients(generator, torch.compile(loss))
        if plain.keys() != found.keys():
            return False, f"{name}: gradients of {sorted(plain.keys() ^ found.keys())[:3]}"
        far = max(float((plain[n] - found[n]).abs().max()) for n in plain)
        told.append(f"{name} apart by {far:.1e}")
        held &= far <= 1e-5
    return held, ", ".join(told)


if __name__ == "__main__":
    answer(
        {
            10: each_compiled, 11: batch_sizes, 33: whole("shared"), 34: whole("hypernas"), 35: alike,
        }
    )  # fmt: skip
