"""What it costs that entries which a step does not use move under Adam: per-row steps against those as they are.

`shared` and `hypernas` on digits; nearly all steps are of the smallest architecture, one in 16 or 4 of a random one.
`per_entry` leaves parameters and moments of entries whose gradient is 0 as they are, and counts steps for each entry
(as LazyAdam does for rows). One row a run in `results.csv`; those that are there are kept.
"""

import csv
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from hypernas import generators
from hypernas.data import digits
from hypernas.spaces import mlp

RESULTS = Path(__file__).parent / "results.csv"
FIELDS = ["generator", "one_in", "arm", "seed", "subnet", "accuracy"]
STEPS, BATCH, RATE, BETAS, SEEDS = 600, 64, 3e-3, (0.9, 0.999), range(3)


class PerEntry(torch.optim.Optimizer):
    """Adam that knows of no step in which the gradient of an entry is exactly 0."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad, group["lr"])

    def _move(self, weight: Tensor, gradient: Tensor, rate: float) -> None:
        state = self.state[weight]
        if not state:
            state |= {name: torch.zeros_like(weight) for name in ("first", "second", "steps")}
        used = gradient != 0
        state["steps"] += used
        for name, value, beta in zip(
            ("first", "second"), (gradient, gradient**2), BETAS, strict=True
        ):
            state[name] = torch.where(used, beta * state[name] + (1 - beta) * value, state[name])
        steps = state["steps"].clamp(min=1)
        first = state["first"] / (1 - BETAS[0] ** steps)
        second = (state["second"] / (1 - BETAS[1] ** steps)).sqrt()
        weight -= torch.where(used, rate * first / (second + 1e-8), 0.0)


def main() -> None:
    torch.set_num_threads(1)
    rows = list(csv.DictReader(RESULTS.open())) if RESULTS.exists() else []
    known = {(r["generator"], r["one_in"], r["arm"], r["seed"]) for r in rows}
    for seed in SEEDS:
        for name in ("shared", "hypernas"):
            for one_in in (16, 4):
                for arm in ("as_is", "per_entry"):
                    if (name, str(one_in), arm, str(seed)) in known:
                        continue
                    for subnet, accuracy in trained(name, one_in, arm, seed).items():
                        values = (name, one_in, arm, seed, subnet, f"{accuracy:.4f}")
                        rows.append(dict(zip(FIELDS, map(str, values), strict=True)))
                    print(rows[-1], flush=True)
                    with RESULTS.open("w", newline="") as file:
                        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
                        writer.writeheader()
                        writer.writerows(rows)


def trained(name: str, one_in: int, arm: str, seed: int) -> dict[str, float]:
    """Test accuracy of the smallest, of the largest and the mean of 16 random subnets."""
    space = mlp(
        input_shape=(1, 8, 8), num_classes=10, depths=(1, 2, 3), widths=(16, 32, 64), norm="none"
    )
    generator = getattr(generators, name)(space, seed=seed)
    parameters = list(generator.parameters())
    optimizer = (
        PerEntry(parameters, RATE)
        if arm == "per_entry"
        else torch.optim.Adam(parameters, RATE, BETAS)
    )
    data = digits()
    images, labels = data.train.tensors
    rng = torch.Generator().manual_seed(seed)
    for step in range(STEPS):
        architecture = space.sample(rng) if step % one_in == one_in - 1 else space.smallest()
        batch = torch.randint(len(images), (BATCH,), generator=rng)
        optimizer.zero_grad()
        outputs = generator.call(architecture, images[batch])
        nn.functional.cross_entropy(outputs, labels[batch]).backward()
        optimizer.step()
    generator.eval()
    x, y = data.test.tensors

    @torch.no_grad()
    def accuracy(architecture: object) -> float:
        return float((generator.call(architecture, x).argmax(1) == y).float().mean())

    other = torch.Generator().manual_seed(100)
    some = [accuracy(space.sample(other)) for _ in range(16)]
    return {
        "smallest": accuracy(space.smallest()),
        "largest": accuracy(space.largest()),
        "mean of 16": sum(some) / len(some),
    }


if __name__ == "__main__":
    main()
