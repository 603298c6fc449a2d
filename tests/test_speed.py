"""The benchmark of steps: its clock, and the sizes of its targets."""

import importlib
import sys
from pathlib import Path

import pytest
import torch

from hypernas import generators

FOLDER = Path(__file__).parent.parent / "experiments" / "speed"


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module
    for name in [path.stem for path in FOLDER.glob("*.py")]:
        sys.modules.pop(name, None)


def test_ratios_are_taken_within_rounds_to_the_first_arm(module, monkeypatch):
    clock = module("clock").Clock(torch.device("cpu"), scale=0, rounds=(3, 9))
    ran: list[tuple[str, int]] = []

    def timed(work) -> float:
        name, number = work()
        ran.append((name, number))
        return {"one": 1.0, "three": 3.0}[name] * (number + 1)  # the machine slows down

    monkeypatch.setattr(clock, "_time", timed)
    arms = {name: (lambda i, name=name: lambda: (name, i)) for name in ("one", "three")}
    clock.measure("m", "t", arms, warmup=0)
    orders = [tuple(name for name, at in ran if at == i) for i in range(3)]
    assert orders == [("three", "one"), ("one", "three"), ("three", "one")]
    (row,) = clock.rows
    assert (row["arm"], row["rounds"], row["ratio_median"]) == ("three", 3, 3.0)


def test_rows_hold_the_quartiles_of_ratios(module):
    clock = module("clock").Clock(torch.device("cpu"))
    clock.add("m", "t", "a", [1.0, 2.0, 3.0])
    assert [clock.rows[0][f"ratio_{q}"] for q in ("q1", "median", "q3")] == [1.0, 2.0, 3.0]


def test_targets_are_as_large_as_they_are_said_to_be(module):
    tasks = {task.name: task for task in module("targets").tasks(torch.device("cpu"))}

    def size(name: str) -> int:
        space = tasks[name].make()
        return sum(p.numel() for p in space.build(space.largest()).parameters())

    assert size("mlp") == 269_322
    assert size("resnet20") == 272_474
    assert 21e6 < size("vit_small") < 23e6


@pytest.mark.parametrize("name", ["mlp", "resnet20", "vit_small", "transformer"])
def test_the_elastic_baseline_computes_what_a_subnet_with_shared_weights_does(module, name):
    task = {task.name: task for task in module("targets").tasks(torch.device("cpu"))}[name]
    space, elastic = task.make(), module("elastic").ELASTIC[name]()
    generator = generators.shared(space)
    weights = generator(space.largest())
    own = dict(elastic.named_parameters())
    assert set(own) == set(weights)
    with torch.no_grad():
        for key, parameter in own.items():
            parameter.copy_(weights[key])
        inputs = task.inputs(torch.device("cpu"))[:2]
        for architecture in (space.smallest(), space.sample(torch.Generator().manual_seed(0))):
            elastic.resize(architecture)
            torch.testing.assert_close(
                elastic(inputs), generator.call(architecture, inputs), rtol=0, atol=0
            )


def test_the_plain_translator_keeps_what_it_would_read_again_and_is_as_large(module):
    ours, plain = module("translators").space(64), module("plain_translator").PlainTranslator
    model = plain(64, vocabulary=4000, length=32)
    largest = ours.build(ours.largest())
    assert sum(p.numel() for p in model.parameters()) == sum(
        p.numel() for p in largest.parameters()
    )
    model = plain(16, vocabulary=9, length=12).double()
    rng = torch.Generator().manual_seed(2)
    for parameter in model.parameters():  # large matrices, so that what was written decides
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, generator=rng)
    model.embedding.weight.data.mul_(0.1)
    torch.nn.init.normal_(model.decoder_norm.weight, generator=rng)
    source = torch.randint(1, 9, (3, 7), generator=torch.Generator().manual_seed(1))
    source[1, 5:] = 0
    written = model.write(source, 10)
    before = torch.cat([torch.full((3, 1), 2), written[:, :-1]], dim=1)
    assert torch.equal(model.all_again(source, before).argmax(-1), written)
    assert len(written.unique()) > 4
