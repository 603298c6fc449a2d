"""What does each generator store, and what does a training step cost, on each ready-made space?

    python experiments/generators/run.py            measure everything, write results.csv
    python experiments/generators/run.py NAME ...   measure these generators, keep the other rows
    python experiments/generators/run.py --quick    two spaces, few rounds; writes nothing
    hypernas report experiments/generators --trust --into docs/generators.md          make the tables of results.csv

A step generates the weights of a new random architecture, runs it forward and backward on a batch, and
updates all parameters with AdamW. Generator and weight sharing take turns on the same architectures in
one process of one thread; what is reported is the median over rounds of the ratio of their CPU times.
"""

import argparse
import csv
import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from torch import Tensor

from hypernas import SearchSpace, generators, spaces
from hypernas.evaluation import write_csv
from hypernas.generators import Generator
from hypernas.runs.config_files import configs

HERE = Path(__file__).parent
IMAGES, SYMBOLS = (3, 16, 16), (32,)
SPACES = {  # name -> shape of an example, examples a batch
    "mlp": (IMAGES, 128),
    "conv1d": ((1, 40), 64),
    "conv2d": (IMAGES, 32),
    "resnet": (IMAGES, 32),
    "mobilenet": (IMAGES, 32),
    "vit": (IMAGES, 32),
    "transformer_lm": (SYMBOLS, 32),
    "seq2seq": (SYMBOLS, 32),
}
GENERATORS = sorted({path.stem for path in (configs() / "generator").glob("*.yaml")} - {"own"})


def space_of(name: str) -> SearchSpace:
    shape, _ = SPACES[name]
    return getattr(spaces, name)(input_shape=shape, num_classes=65 if shape == SYMBOLS else 10)


def batch_of(name: str) -> tuple[Tensor, ...]:
    shape, size = SPACES[name]
    if shape != SYMBOLS:
        return (torch.randn(size, *shape),)
    return tuple(torch.randint(65, (size, *shape)) for _ in range(1 + (name == "seq2seq")))


def generator_of(name: str, space: SearchSpace) -> Generator:
    with initialize_config_dir(str(configs()), version_base="1.3"):
        config = compose("train", overrides=[f"generator={name}"])
    return instantiate(config.generator)(space=space).train()


def stepper(generator: Generator, inputs: tuple[Tensor, ...]) -> Callable[[dict], float]:
    """A function that takes a training step on an architecture and returns its CPU seconds."""
    made: list[torch.optim.Optimizer] = []

    def step(architecture: dict) -> float:
        started = time.process_time()
        outputs = generator.call(architecture, *inputs)
        torch.nn.functional.cross_entropy(
            outputs.flatten(0, -2), outputs.detach().flatten(0, -2).argmax(-1)
        ).backward()
        if not made:  # after the first backward: some generators have no parameters before
            made.append(torch.optim.AdamW(generator.parameters(), lr=1e-3))
        made[0].step()
        made[0].zero_grad()
        return time.process_time() - started

    return step


def measure(name: str, space_name: str, *, rounds: int) -> dict:
    space, inputs = space_of(space_name), batch_of(space_name)
    generator, plain = generator_of(name, space), generators.shared(space).train()
    steps = [stepper(generator, inputs), stepper(plain, inputs)]
    rng = torch.Generator().manual_seed(0)
    for architecture in (space.largest(), space.smallest()):  # warm-up
        for step in steps:
            step(architecture)
    ratios = []
    for number in range(rounds):
        architecture = space.sample(rng)
        order = steps if number % 2 else steps[::-1]
        seconds = {id(step): step(architecture) for step in order}
        ratios.append(seconds[id(steps[0])] / seconds[id(steps[1])])
    low, median, high = statistics.quantiles(ratios, n=4)
    described = generator_of(name, space)
    described(space.largest())  # where parameters are created late, those of one architecture
    size = described.describe()
    widest = max(space.build(space.largest()).named_parameters(), key=lambda item: item[1].numel())
    return {
        "generator": name,
        "space": space_name,
        "weights": size.num_generated,
        "stored": size.num_stored,
        "stored_per_weight": round(size.stored_per_weight, 3),
        "how": size.assignment[widest[0]],
        "taxonomy": "; ".join(str(own).removeprefix("hypernetwork: ") for own in size.taxonomies),
        "ratio_q1": round(low, 3),
        "ratio_median": round(median, 3),
        "ratio_q3": round(high, 3),
        "rounds": rounds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("generators", nargs="*", metavar="NAME", help="default: all that there are")
    parser.add_argument("--quick", action="store_true", help="little, and nothing is written")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    names, rounds = (["mlp", "conv2d"], 4) if arguments.quick else (list(SPACES), 15)
    wanted = arguments.generators or GENERATORS
    rows: list[dict] = []
    for generator, space in itertools.product(wanted, names):
        rows.append(measure(generator, space, rounds=rounds))
        print(f"{generator}, {space}: {rows[-1]['ratio_median']}", flush=True)
    if not arguments.quick:
        write_csv(HERE / "results.csv", kept(wanted) + rows)


def kept(measured_anew: Sequence[str]) -> list[dict]:
    """The rows of the other generators."""
    if not (HERE / "results.csv").exists():
        return []
    with (HERE / "results.csv").open() as file:
        return [row for row in csv.DictReader(file) if row["generator"] not in measured_anew]


if __name__ == "__main__":
    main()
