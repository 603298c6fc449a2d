"""What is grown in the study, and the arms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from hypernas import SearchSpace
from hypernas.data import Data, fashion_mnist, tiny_shakespeare
from hypernas.growth import Growth, Incubate, Net2Net, RandomGrowth, Recombine, Scratch
from hypernas.spaces import conv2d, transformer_lm


@dataclass(frozen=True)
class Task:
    """A data set, two small networks, and the large one that they become.

    Attributes:
        steps: of the large network from scratch, and of each small one.
        lrs: to choose from, of what is trained from scratch.
        grown_lrs: the same for what is grown.
        divided: what is divided so that logits are averaged.
        measure: that is the score, in `unit`, of which a measure of 1 has `scale`.
        smoothing: of labels in training.
        stage_steps: of each module that is incubated; None where the large network is no deeper.
    """

    data: Callable[[], Data]
    space: Callable[[Data], SearchSpace]
    small: Mapping[str, Any]
    large: Mapping[str, Any]
    steps: int
    batch_size: int
    lrs: tuple[float, ...]
    grown_lrs: tuple[float, ...]
    divided: bool | tuple[str, ...]
    measure: str
    unit: str
    scale: float
    smoothing: float
    stage_steps: int | None = None

    def gain(self, score: float) -> float:
        """More of it is better."""
        return score if self.measure == "accuracy" else -score


def blocks(*widths: int, depth: int = 1) -> dict[str, int]:
    """An architecture of `conv2d` of so many blocks a stage."""
    found = {}
    for s, width in enumerate(widths):
        found |= {f"width_{s}": width, f"depth_{s}": depth}
        for b in range(depth):
            found |= {f"kernel_{s}_{b}": 3, f"expansion_{s}_{b}": 1}
    return found


def layers(depth: int, dim: int, heads: int) -> dict[str, int]:
    """An architecture of `transformer_lm`."""
    choices = {"depth": depth, "embed_dim": dim}
    for i in range(depth):
        choices |= {f"heads_{i}": heads, f"ratio_{i}": 2}
    return choices


TASKS = {
    "fashion_mnist": Task(
        data=partial(fashion_mnist, num_train=10_000, num_validation=5000, num_test=10_000),
        space=lambda data: conv2d(
            input_shape=data.input_shape,
            num_classes=data.num_classes,
            widths=((4, 8), (8, 16)),
            depths=(1,),
            kernels=(3,),
            expansions=(1,),
            stem_stride=2,
        ),
        small=blocks(4, 8),
        large=blocks(8, 16),
        steps=800,
        batch_size=64,
        lrs=(0.003, 0.01, 0.03),
        grown_lrs=(0.001, 0.003, 0.01),
        divided=True,
        measure="accuracy",
        unit="%",
        scale=100.0,
        smoothing=0.1,
    ),
    "tiny_shakespeare": Task(
        data=partial(tiny_shakespeare, context=64, num_train=200_000),
        space=lambda data: transformer_lm(
            input_shape=data.input_shape,
            num_classes=data.num_classes,
            depths=(2, 3),
            embed_dims=(48, 96),
            heads=(3, 6),
            head_dim=16,
            ratios=(2,),
        ),
        small=layers(2, 48, 3),
        large=layers(3, 96, 6),
        steps=400,
        batch_size=16,
        lrs=(0.003, 0.006, 0.012),
        grown_lrs=(0.0015, 0.003, 0.006),
        divided=("norm.weight", "norm.bias"),
        measure="cross_entropy",
        unit="nats",
        scale=1.0,
        smoothing=0.0,
    ),
    "fashion_mnist_deep": Task(
        data=partial(fashion_mnist, num_train=10_000, num_validation=5000, num_test=10_000),
        space=lambda data: conv2d(
            input_shape=data.input_shape,
            num_classes=data.num_classes,
            widths=((8,), (16,)),
            depths=(1, 4),
            kernels=(3,),
            expansions=(1,),
            stem_stride=2,
        ),
        small=blocks(8, 16),
        large=blocks(8, 16, depth=4),
        steps=500,
        batch_size=64,
        lrs=(0.003, 0.01, 0.03),
        grown_lrs=(0.001, 0.003, 0.01),
        divided=True,
        measure="accuracy",
        unit="%",
        scale=100.0,
        smoothing=0.1,
        stage_steps=125,
    ),
    "tiny_shakespeare_deep": Task(
        data=partial(tiny_shakespeare, context=64, num_train=200_000),
        space=lambda data: transformer_lm(
            input_shape=data.input_shape,
            num_classes=data.num_classes,
            depths=(2, 6),
            embed_dims=(48,),
            heads=(3,),
            head_dim=16,
            ratios=(2,),
        ),
        small=layers(2, 48, 3),
        large=layers(6, 48, 3),
        steps=200,
        batch_size=16,
        lrs=(0.003, 0.006, 0.012),
        grown_lrs=(0.0015, 0.003, 0.006),
        divided=("norm.weight", "norm.bias"),
        measure="cross_entropy",
        unit="nats",
        scale=1.0,
        smoothing=0.0,
        stage_steps=50,
    ),
}


@dataclass(frozen=True)
class Family:
    """Arms that are grown from the same small networks.

    Attributes:
        members: the method that makes those.
        arms: name -> method that grows them.
        tuned_as: the family and arm whose learning rates are taken; its own if None.
    """

    members: Growth
    num_members: int
    arms: Mapping[str, Growth]
    tuned_as: tuple[str, str] | None = None


def families(task: Task) -> dict[str, Family]:
    return in_width(task) if task.stage_steps is None else in_depth(task)


def in_depth(task: Task) -> dict[str, Family]:
    """One small network, as wide as the large one; nothing is averaged."""
    slow = partial(Recombine, num_templates=2, coefficient_lr_scale=0.1)
    recombined = Incubate(layers="recombined", coefficients="zero", coefficient_lr_scale=0.1)
    return {
        "scratch": Family(Scratch(), 0, {"scratch_70": Scratch(), "scratch": Scratch()}),
        "ordinary": Family(
            Net2Net(),
            1,
            {"net2net": Net2Net(), "random_blocks": RandomGrowth(), "incubate": Incubate()},
        ),
        "templates_2_slow": Family(
            slow(),
            1,
            {
                **{f"{rule}_slow": slow(coefficients=rule) for rule in ("orthogonal", "zero")},
                "incubate_recombined": recombined,
            },
        ),
    }


def in_width(task: Task) -> dict[str, Family]:
    mean = task.divided if isinstance(task.divided, bool) else list(task.divided)
    recombine = partial(Recombine, average=mean, coefficient_lr_scale=1.0)
    extra = () if isinstance(task.divided, bool) else list(task.divided)
    rules = ("orthogonal", "copy", "zero", "random")
    grown = {rule: recombine(num_templates=2, coefficients=rule) for rule in rules}
    slow = partial(Recombine, average=mean, num_templates=2, coefficient_lr_scale=0.1)
    like = ("templates_2", "orthogonal")
    return {
        "scratch": Family(Scratch(), 0, {"scratch_70": Scratch(), "scratch": Scratch()}),
        "net2net": Family(Net2Net(), 1, {"net2net": Net2Net(divided=extra)}),
        "templates_2": Family(
            recombine(num_templates=2), 2, grown | {"random_blocks": RandomGrowth(average=mean)}
        ),
        "templates_2_slow": Family(
            slow(),
            2,
            {f"{rule}_slow": slow(coefficients=rule) for rule in ("orthogonal", "zero")},
        ),
        "templates_2_slow_random": Family(
            slow(), 2, {"random_blocks_slow": RandomGrowth(average=mean)}
        ),
        **{
            f"templates_{t}": Family(
                recombine(num_templates=t),
                2,
                {f"orthogonal_{t}": recombine(num_templates=t)},
                tuned_as=like,
            )
            for t in (4, 8)
        },
    }
