"""Generators under torch's modes, averages, hooks, copies and optimizers of others."""

import copy
import io

import numpy as np
import torch
from functions import over_methods
from ready import SPACES, made, small
from torch.optim.swa_utils import AveragedModel, update_bn
from verdicts import answer, words

from hypernas import generators
from hypernas.generators import Generator
from hypernas.spaces import mlp


def step(generator: Generator, x: torch.Tensor, rate: float = 0.1) -> float:
    """A step of plain descent; the loss before it."""
    generator.zero_grad()
    loss = generator.call("smallest", x).square().mean()
    loss.backward()
    with torch.no_grad():
        for p in generator.parameters():
            if p.grad is not None:
                p -= rate * p.grad
    return float(loss)


def inferred():
    def check(generator, space, x):
        with torch.inference_mode():
            generator.call("smallest", x)
            generator.export("largest")
        step(generator, x)
        generator.call("largest", x).sum().backward()

    return over_methods(check)


def deterministic():
    torch.use_deterministic_algorithms(True)
    try:
        return over_methods(lambda generator, space, x: step(generator, x) * 0 or None)
    finally:
        torch.use_deterministic_algorithms(False)


def numeric():
    def check(generator, space, x):
        generator.double().eval()
        own = [p for p in generator.parameters() if p.requires_grad]
        generator.zero_grad()
        generator.call("smallest", x.double()).square().sum().backward()
        rng = np.random.default_rng(0)
        for p in own:
            if p.grad is None:
                continue
            for i in rng.integers(p.numel(), size=2):
                found = []
                for sign in (1, -1):
                    with torch.no_grad():
                        p.view(-1)[i] += sign * 1e-6
                        found.append(float(generator.call("smallest", x.double()).square().sum()))
                        p.view(-1)[i] -= sign * 1e-6
                slope, own_slope = (found[0] - found[1]) / 2e-6, float(p.grad.view(-1)[i])
                if abs(slope - own_slope) > 1e-5 * max(1.0, abs(own_slope)):
                    return f"{slope:.6f} against {own_slope:.6f}"
        return None

    return over_methods(check)


def doubles():
    torch.set_default_dtype(torch.float64)
    try:
        return over_methods(
            lambda generator, space, x: (
                {str(w.dtype) for w in generator("smallest").values()} - {"torch.float64"} or None
            )
        )
    finally:
        torch.set_default_dtype(torch.float32)


def averaged():
    def check(generator, space, x):
        generator.eval()
        averages = AveragedModel(generator)
        kept, states = [], []
        for _ in range(3):
            step(generator, x)
            averages.update_parameters(generator)
            states.append(copy.deepcopy(generator.state_dict()))
            kept.append(generator.call("smallest", x).detach().clone())
        if not torch.equal(kept[-1], generator.call("smallest", x)):
            return "the original changed"
        other = copy.deepcopy(generator)
        mean = {n: sum(s[n] for s in states) / 3 if t.is_floating_point() else t for n, t in states[0].items()}  # fmt: skip
        other.load_state_dict(mean)
        far = (averages.module.call("smallest", x) - other.call("smallest", x)).abs().max()
        return None if float(far) <= 1e-6 else f"apart by {float(far):.1e}"

    return over_methods(check)


def updated():
    space = mlp(input_shape=(6,), num_classes=3, widths=(4, 8), norm="batch")
    generator = generators.shared(space)
    averages = AveragedModel(generator)
    try:
        update_bn([torch.randn(5, 6)], averages)
    except Exception as error:
        return "architecture" in str(error).lower(), words(error)
    moved = [n for n, t in averages.module.named_buffers() if "running" in n]
    return False, f"no error; of {len(moved)} statistics none is updated"


def copied():
    def check(generator, space, x):
        other = copy.deepcopy(generator)
        generator.eval(), other.eval()
        before = generator.call("smallest", x).detach().clone()
        for _ in range(3):
            step(other, x)
        if not torch.equal(before, generator.call("smallest", x)):
            return "the original moved"
        return "the copy did not move" if torch.equal(before, other.call("smallest", x)) else None

    return over_methods(check)


def pickled():
    def check(generator, space, x):
        generator.eval()
        file = io.BytesIO()
        torch.save(generator, file)
        file.seek(0)
        other = torch.load(file, weights_only=False)
        far = (other.call("smallest", x) - generator.call("smallest", x)).abs().max()
        return None if float(far) == 0 else f"apart by {float(far):.1e}"

    return over_methods(check)


def hooked():
    def check(generator, space, x):
        counts: dict[str, int] = {}
        for name, p in generator.named_parameters():
            p.register_post_accumulate_grad_hook(
                lambda _, name=name: counts.update({name: counts.get(name, 0) + 1})
            )
        generator.call("smallest", x).sum().backward()
        there = {n for n, p in generator.named_parameters() if p.grad is not None}
        if there != set(counts):
            return f"{len(there ^ set(counts))} of {len(there)}"
        return f"{max(counts.values())} times" if set(counts.values()) != {1} else None

    return over_methods(check)


def quasi_newton():
    def check(generator, space, x):
        generator.eval()
        optimizer = torch.optim.LBFGS(generator.parameters(), lr=0.1)

        def closure():
            optimizer.zero_grad()
            loss = generator.call("smallest", x).square().mean()
            loss.backward()
            return loss

        losses = [float(optimizer.step(closure)) for _ in range(5)]
        return None if losses[-1] < losses[0] else f"{losses[0]:.4f} to {losses[-1]:.4f}"

    return over_methods(check)


def schedule_free():
    """Modes of the optimizer whenever the loop validates."""
    from functools import partial

    from schedulefree import AdamWScheduleFree

    from hypernas.data import digits
    from hypernas.objectives import CrossEntropy
    from hypernas.sampling import Uniform
    from hypernas.training import Strategy, Task, Training
    from hypernas.training.callbacks import Validation

    calls: list[str] = []

    class Watched(AdamWScheduleFree):
        def eval(self) -> None:
            calls.append("eval")
            super().eval()

        def train(self) -> None:
            calls.append("train")
            super().train()

    data = digits()
    generator = generators.shared(mlp(input_shape=data.input_shape, num_classes=10, widths=[8, 16]))
    strategy = Strategy(sampler=Uniform(), optimizer=partial(Watched, lr=0.01), seed=0)
    try:
        figures = Training(steps=30, batch_size=64).run(
            generator, Task(data, CrossEntropy()), strategy, callbacks=[Validation(every=10)]
        )
    except Exception as error:
        return False, words(error, 250)
    return "eval" not in calls, f"calls: {calls[:6]}; accuracy {figures['accuracy']:.2f}"


def last_channels():
    told, held = [], True
    for space_name in ("conv2d", "resnet"):
        make, (x,) = SPACES[space_name]
        for name in ("shared", "hypernas", "mos_layer", "ofa", "acdc"):
            generator = made(name, make()).eval()
            with torch.no_grad():
                before = generator.call("smallest", x)
                try:
                    last = generator.to(memory_format=torch.channels_last)
                except RuntimeError as error:  # as for each tensor of five axes
                    held = False
                    told.append(f"{space_name} {name} {words(error, 60)}")
                    continue
                after = last.call("smallest", x.to(memory_format=torch.channels_last))
            far = float((before - after).abs().max())
            held &= far <= 1e-5
            told.append(f"{space_name} {name} {far:.0e}")
    return held, ", ".join(told)


def numpy_integers():
    space, _ = small()
    own = space.smallest()
    other = space.architecture({name: np.int64(value) if isinstance(value, int) else value for name, value in own.items()})  # fmt: skip
    kinds = {type(v).__name__ for v in other.values()}
    return own == other and hash(own) == hash(other) and own.to_json() == other.to_json(), f"equal: {own == other}; kinds {kinds}; {other.to_json()}"  # fmt: skip


if __name__ == "__main__":
    answer(
        {
            73: inferred, 74: deterministic, 75: numeric, 76: doubles, 77: averaged, 78: updated, 79: copied, 80: pickled,
            81: hooked, 82: quasi_newton, 83: schedule_free, 84: last_channels, 85: numpy_integers,
        },
        "torch schedulefree",
    )  # fmt: skip
