"""What ranks train in tests."""

import signal
from functools import partial

import torch
from configured import NAMES, from_configuration
from torch import nn

from hypernas import generators
from hypernas.data import Data, split_tensors
from hypernas.distributed import Replicated
from hypernas.generators import Generator, Mixture
from hypernas.generators.selection.slicer import Prefix
from hypernas.objectives import CrossEntropy, InPlaceDistillation
from hypernas.sampling import Sandwich, rows_of
from hypernas.spaces import mlp
from hypernas.training import (
    Begun,
    Callback,
    Ended,
    Interrupted,
    Stepped,
    Strategy,
    Task,
    Training,
    Validated,
)
from hypernas.training.callbacks import Checkpoints, Validation
from hypernas.training.gradients import add_gradients
from hypernas.training.part import Part

ADAMW = partial(torch.optim.AdamW, lr=0.01, weight_decay=0.1)
STRATEGY = Strategy(sampler=Sandwich(num_random=1), optimizer=ADAMW)
VARIANTS = {
    "balanced": partial(generators.mos_layer, balance=0.5, dropout=0.0),
    "dropout": partial(generators.mos_neuron, dropout=0.5),
}


def blobs(dtype=torch.float32) -> Data:
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(240) % 3
    centres = torch.tensor([[2.0, 0.0], [-1.0, 2.0], [-1.0, -2.0]])
    inputs = (centres[labels] + torch.randn(240, 2, generator=rng)).to(dtype)
    parts = split_tensors(inputs, labels, (160, 40, 40), seed=0)
    return Data("blobs", *parts, input_shape=(2,), num_classes=3)


def made(name, norm="layer", **options) -> Generator:
    """A generator of a variant or of the configuration, the latter without dropout."""
    space = mlp(input_shape=(2,), num_classes=3, depths=(1, 2, 3), widths=(8, 12, 16), norm=norm)
    if name in VARIANTS:
        return VARIANTS[name](space, **options)
    generator = from_configuration(name, space, **options)
    for part in generator.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    return generator


def served() -> list[str]:
    """The configured generators that serve a space of linear layers."""
    return [name for name in NAMES if _serves(name)]


def _serves(name) -> bool:
    try:
        made(name)
    except ValueError:
        return False
    return True


def divisible() -> list[str]:
    """Those of which ranks can divide the bank: mixtures of plain slices of their own parameters."""
    found = []
    for name in served():
        generator = made(name)
        if isinstance(generator, Mixture) and isinstance(generator.slicer, Prefix):
            own = {id(parameter) for parameter in generator.bank.parameters()}
            if all(id(generator.bank(reader)) in own for reader in generator.assignment):
                found.append(name)
    return found


class Recorder(Callback):
    def __init__(self):
        self.heard = []

    def __call__(self, run, event):
        match event:
            case Begun(step=step):
                self.heard.append(("begin", step))
            case Stepped(step=step, figures=figures) if figures is not None:
                self.heard.append((step, dict(figures)))
            case Validated(step=step, subnets=subnets):
                told = {label: measures for label, (_, measures) in subnets.items()}
                self.heard.append((step, told))
            case Ended(figures=figures):
                self.heard.append(("end", dict(figures)))


def trained(ranks, name, steps, folder=None, recorder=None, shard_banks=False, **options):
    """Parameters after training in double precision, what a callback saw, and the result."""
    generator = made(name).double()
    recorder = recorder or Recorder()
    training = Training(steps=steps, batch_size=32, log_every=2, shard_banks=shard_banks)
    saves = [] if folder is None else [Checkpoints(folder, every=3)]
    final = training.run(
        generator,
        Task(blobs(torch.float64), options.pop("objective", InPlaceDistillation())),
        STRATEGY,
        callbacks=[recorder, Validation(every=4), *saves],
        device="cpu",
        ranks=ranks,
        **options,
    )
    return dict(generator.named_parameters()), recorder.heard, final


class Asker(Recorder):
    def __call__(self, run, event):
        if isinstance(event, Stepped) and event.step == 4:
            signal.raise_signal(signal.SIGTERM)


def first_half(ranks, name, folder, shard_banks=False):
    """Stop after 5 of 8 steps: only rank 0, where callbacks are told, hears the signal."""
    try:
        trained(ranks, name, 8, folder, recorder=Asker(), shard_banks=shard_banks)
    except Interrupted as stop:
        return str(stop)


def second_half(ranks, name, folder, shard_banks=False):
    return trained(ranks, name, 8, folder, shard_banks=shard_banks, resume=folder)[0]


def gradients(
    ranks,
    name,
    num_random,
    combine,
    distils,
    norm="layer",
    dtype=torch.float32,
    kept=Replicated,
    divide=False,
):
    """Name -> gradient or None, and the losses, of a step of num_random + 2 architectures, or of 1."""
    generator = made(name, norm).to(dtype).train()
    rng = torch.Generator().manual_seed(1)
    sampler = Sandwich(num_random=max(num_random, 0), divide=divide)
    architectures = sampler(generator.space, rng)
    rows = rows_of(sampler, architectures)  # None where all read the whole batch
    if num_random < 0:
        architectures, rows = architectures[:1], rows and rows[:1]
    inputs, targets = (tensor[:33] for tensor in blobs(dtype).train.tensors)
    objective = InPlaceDistillation(weight=0.7, temperature=2.0) if distils else CrossEntropy()
    storage = kept(generator, ranks)
    storage.place(torch.device("cpu"))
    loss = add_gradients(
        storage,
        [Part([generator.subnet(a) for a in architectures], (inputs, targets), rows)],
        objective,
        combine=combine,
        precision="auto",
        rng=rng,
    )
    held = {n: p.grad for n, p in generator.named_parameters() if storage.holds(p)}
    return held, loss


def assert_same_gradient(found, expected, *, each, whole):
    """Relative errors in norm, of each parameter's gradient and of all together, stay below these.

    One step of the type at the size of the whole gradient is allowed to each beside it: entries that nearly cancel are
    rounded at the size of what cancels, otherwise by each processor.
    """
    assert {n: g is None for n, g in found.items()} == {n: g is None for n, g in expected.items()}
    pairs = [(found[n].flatten(), g.flatten()) for n, g in expected.items() if g is not None]
    every = torch.cat([right for _, right in pairs])
    for got, right in [*pairs, tuple(torch.cat(column) for column in zip(*pairs, strict=True))]:
        limit = whole if len(right) > max(len(g) for _, g in pairs) else each
        rounded = torch.finfo(right.dtype).eps * every.norm()
        assert (got - right).norm() <= limit * right.norm() + rounded
