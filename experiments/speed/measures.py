"""What is measured: steps, the primitive, growth, skeletons, search."""

import statistics
from collections.abc import Callable, Sequence
from functools import partial

import torch
from clock import Clock, Ready
from elastic import ELASTIC
from peers import PEERS
from steps import (
    FULL,
    GENERATORS,
    HYPERNAS,
    ON_LARGE,
    elastic_step,
    generator_step,
    plain_step,
    steps_of,
    training_step,
)
from targets import Task
from torch import Tensor, nn

from hypernas import Architecture, SearchSpace, generators, spaces
from hypernas.generators import Generator
from hypernas.mixing import Coefficients, kernels, mix
from hypernas.mixing.part import part_of
from hypernas.slicing import Slice, prefix
from hypernas.subnet.skeleton import build_seeded, build_skeleton
from hypernas.subnet.target import skeleton

_END = 140  # architectures; generators remember 128


def distinct(space: SearchSpace, num: int) -> list[Architecture]:
    """Random architectures, none twice as long as there are others: the largest and the smallest first."""
    rng = torch.Generator().manual_seed(0)
    found = dict.fromkeys([space.largest(), space.smallest()])
    for _ in range(20 * num):
        if len(found) < num:
            found.setdefault(space.sample(rng))
    return list(found)


def steps(clock: Clock, task: Task, *, names: Sequence[str] = tuple(GENERATORS)) -> None:
    """(a) A step of each generator against a plain one and against sliced sharing."""
    names = [name for name in names if name in ON_LARGE or not task.large]
    architectures, inputs = distinct(task.make(), 200), task.inputs(clock.device)
    fast = [name for name in names if name not in FULL]
    arms = steps_of(task, fast, architectures, inputs)
    times = clock.measure("step_over_plain", task.name, arms, seconds=task.seconds)
    for name in fast[1:]:
        ratios = [a / b for a, b in zip(times[name], times["shared"], strict=True)]
        clock.add("step_over_sharing", task.name, name, ratios)
    for name in [name for name in names if name in FULL]:  # each alone: they fill the caches
        arms = steps_of(task, [name], architectures, inputs)
        clock.measure("step_over_plain", task.name, arms, seconds=task.seconds / 4)


def elastic(clock: Clock, task: Task) -> None:
    """(a') Steps against an ordinary elastic module's, gradients clipped in both as in training."""
    architectures, inputs = distinct(task.make(), 200), task.inputs(clock.device)
    arms = {"elastic": elastic_step(ELASTIC[task.name](), architectures, inputs, clip=True)}
    for name in ("shared", "hypernas"):
        generator = GENERATORS[name](task.make())
        arms[name] = generator_step(generator, architectures, inputs, clip=True)
        path, step = training_step(GENERATORS[name](task.make()), architectures, inputs)
        arms[f"{name}, {path}"] = step
    clock.measure("step_over_elastic", task.name, arms, seconds=task.seconds)


def shapes(clock: Clock, task: Task) -> None:
    """(a'') The same among the smallest and the largest architectures, which tell the worst shape from the best.

    They are the ends of a thousand random ones, more than a generator remembers.
    """
    space, inputs = task.make(), task.inputs(clock.device)
    ordered = sorted(distinct(space, 1000), key=partial(_size, space))
    for end, architectures in (("smallest", ordered[:_END]), ("largest", ordered[-_END:])):
        arms = {"elastic": elastic_step(ELASTIC[task.name](), architectures, inputs, clip=True)}
        for name in ("shared", "hypernas"):
            path, step = training_step(GENERATORS[name](task.make()), architectures, inputs)
            arms[f"{name}, {path}"] = step
        where = f"{task.name}, {end} shapes"
        clock.measure("step_over_elastic", where, arms, seconds=task.seconds / 3)


def _size(space: SearchSpace, architecture: Architecture) -> int:
    return sum(p.numel() for p in build_skeleton(space, architecture).parameters())


def mixing(clock: Clock) -> None:
    """(b) `mix` of K = 4 large entries against copying as many bytes as it must read and write."""
    num, size = 4, 1536
    bank = torch.randn(num, size, size, device=clock.device)
    gates, gain = torch.rand(num, device=clock.device), torch.rand(size, device=clock.device)
    for target, part in (("whole", size), ("prefix of 3/4", size * 3 // 4)):
        where = prefix((size, size), (part, part))
        moved = (num + 1) * part * part // 2  # a copy reads and writes each of its numbers
        source = torch.randn(moved, device=clock.device)
        place = torch.empty_like(source)
        arms = {
            "copy": lambda i, place=place, source=source: partial(place.copy_, source),
            "gates": _mix(bank, Coefficients(gates), where),
            "gates and gains": _mix(bank, Coefficients(gates, gain, gain), where),
            "gates, native": _native_mix(bank, Coefficients(gates), where),
            "gates and gains, native": _native_mix(bank, Coefficients(gates, gain, gain), where),
        }
        clock.measure("mix_over_copy", target, arms, seconds=4, warmup=5)


def _mix(bank: Tensor, coefficients: Coefficients, where: Slice) -> Ready:
    def work() -> None:
        with torch.no_grad():
            mix(bank, coefficients, where)

    return lambda i: work


def _native_mix(bank: Tensor, coefficients: Coefficients, where: Slice) -> Ready:
    """Where there is no native part, this raises."""

    def work() -> None:
        part = part_of(bank, bank.new_empty(where.shape), coefficients, where)
        kernels.mix([] if part is None else [part])

    return lambda i: work


def peers(clock: Clock, task: Task) -> None:
    """(c) Other packages on the largest architecture, against the plain step, and against ours."""
    space, inputs = task.make(), task.inputs(clock.device)
    largest = [space.largest()]
    arms = {
        "plain": plain_step(space, largest, inputs),
        "hypernas": generator_step(HYPERNAS(task.make()), largest, inputs),
    }
    for number, (name, make) in enumerate(PEERS.items()):
        try:
            theirs = make(space.build(largest[0]).to(clock.device), inputs)
        except ImportError as error:
            print(f"{name}: left out, as it is not installed ({error})", flush=True)
            continue
        both = {**arms, name: theirs}
        written = [name] if number else ["hypernas", name]
        times = clock.measure(
            "peers_over_plain", task.name, both, seconds=task.seconds / 4, written=written
        )
        ratios = [a / b for a, b in zip(times[name], times["hypernas"], strict=True)]
        clock.add("peers_over_hypernas", task.name, name, ratios)


def growth(clock: Clock) -> None:
    """(d) Generating weights and sending gradients back, as sizes double: ratio to the smallest.

    A cost that is linear doubles at most; what is fixed makes it less. The slope is what one more costs,
    from the smallest size to the largest, in units of what each costs at the smallest.
    """
    series: dict[str, tuple[Callable[[int], Ready], Sequence[int], Callable[[int], int]]] = {
        "experts": (
            lambda k: _generation(clock, _layers(8, 256), num_experts=k),
            (1, 3, 7, 15),
            lambda k: k + 1,  # entries of the bank: the base is one
        ),
        "width": (
            lambda w: _generation(clock, _layers(8, w)),
            (64, 128, 256, 512),
            lambda w: w**2,  # weights
        ),
        "tensors": (lambda n: _generation(clock, _layers(n, 64)), (8, 16, 32, 64), lambda n: n),
        "architectures": (
            lambda n: _generation(clock, _layers(8, 128), num=n),
            (1, 2, 4, 8),
            lambda n: n,
        ),
    }
    for name, (make, sizes, unit) in series.items():
        arms = {f"{name} {size}": make(size) for size in sizes}
        times = clock.measure("growth", name, arms, seconds=4)
        least, most = (times[f"{name} {size}"] for size in (sizes[0], sizes[-1]))
        more = (unit(sizes[-1]) - unit(sizes[0])) / unit(sizes[0])
        slopes = [(b / a - 1) / more for a, b in zip(least, most, strict=True)]
        clock.add("growth_slope", name, "one more", slopes)


def _layers(num: int, width: int) -> SearchSpace:
    """Linear layers of equal width, without biases."""

    def build(architecture: Architecture) -> nn.Module:
        part = architecture["width"]
        return nn.Sequential(*(nn.Linear(part, part, bias=False) for _ in range(num)))

    return SearchSpace({"width": [width // 2, width]}, build)


def _generation(clock: Clock, space: SearchSpace, *, num_experts: int = 3, num: int = 1) -> Ready:
    """Weights of the largest architecture, `num` times over, and their gradients to the bank."""
    generator = generators.hypernas(
        space, num_experts=num_experts, experts="*", gains="*", offsets="*", base=True
    ).to(clock.device)
    architectures = [space.largest()] * num

    def work() -> None:
        made = [w for weights in generator.many(architectures) for w in weights.values()]
        torch.autograd.backward(made, made)
        generator.zero_grad()

    return lambda i: work


def skeletons(clock: Clock) -> None:
    """(e) The module of a new architecture: with weights and initialisers, without, remembered."""
    encoder = SearchSpace({"width": [256]}, _encoder)
    resnet = spaces.resnet(input_shape=(3, 32, 32), num_classes=10)
    for name, space in (("encoder of 12 layers", encoder), ("resnet", resnet)):
        architecture = space.largest()
        generator = generators.shared(space)
        arms = {
            "with weights": lambda i, s=space, a=architecture: lambda: skeleton(build_seeded(s, a)),
            "without": lambda i, s=space, a=architecture: lambda: build_skeleton(s, a),
            "remembered": lambda i, g=generator, a=architecture: lambda: g.subnet(a),
        }
        clock.measure("skeleton", name, arms, seconds=5)


def resolution(clock: Clock, task: Task) -> None:
    """(e') A new architecture resolved (skeleton, slices, features), against building its module with weights."""
    space, generator = task.make(), generators.shared(task.make())
    architectures = distinct(space, 200)
    arms = {
        "build": lambda i: partial(space.build, architectures[i]),
        "skeleton": lambda i: partial(build_skeleton, space, architectures[i]),
        "resolved": lambda i: partial(generator.subnet, architectures[i]),
    }
    clock.measure("resolution_over_building", task.name, arms, seconds=10)


def _encoder(architecture: Architecture) -> nn.Module:
    layer = nn.TransformerEncoderLayer(architecture["width"], 4, batch_first=True)
    return nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)


def search(clock: Clock, task: Task) -> None:
    """(f) Evaluating a subnet in a search: its weights, and four batches forward."""
    space, inputs = task.make(), task.inputs(clock.device)
    architectures = distinct(space, 200)

    def plain(i: int):
        module = space.build(architectures[i % len(architectures)]).to(clock.device).eval()
        return lambda: _forward(module, inputs)

    arms: dict[str, Ready] = {"plain": plain}
    for name in ("shared", "hypernas"):
        generator = GENERATORS[name](task.make()).to(clock.device).eval()
        arms[name] = partial(_evaluation, generator, architectures, inputs)
    times = clock.measure("search_over_plain", task.name, arms, seconds=10)
    for name, spent in times.items():
        print(f"{name}: {60 / statistics.median(spent):,.0f} subnets a minute", flush=True)


def _evaluation(
    generator: Generator, architectures: Sequence[Architecture], inputs: Tensor, i: int
) -> Callable[[], None]:
    architecture = architectures[i % len(architectures)]

    def work() -> None:
        with torch.no_grad():
            weights = generator(architecture)
            _forward(lambda x: generator.call(architecture, x, weights=weights), inputs)

    return work


@torch.no_grad()
def _forward(run: Callable[[Tensor], Tensor], inputs: Tensor) -> None:
    for _ in range(4):
        run(inputs)
