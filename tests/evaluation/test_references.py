import dataclasses
import functools
import json
import sys

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from hypernas import SearchSpace
from hypernas.cli import main as command
from hypernas.data import digits
from hypernas.evaluation import Recipe, References, evaluate
from hypernas.objectives import CrossEntropy, InPlaceDistillation
from hypernas.runs.assembly import part, training_of
from hypernas.runs.load import load
from hypernas.schedules import Constant, Cosine
from hypernas.spaces import mlp
from hypernas.training import Diverged, Training

DATA = digits()
SPACE = mlp(input_shape=(1, 8, 8), num_classes=10, depths=(1, 2), widths=(8, 16))
SMALLEST = SPACE.smallest()


def recipe(
    *,
    lr=0.01,
    optimizer=torch.optim.AdamW,
    objective=None,
    schedule=None,
    batches=8,
    **training,
):
    return Recipe(
        training=Training(**{"steps": 4, "batch_size": 32, **training}),
        objective=objective or CrossEntropy(),
        optimizer=functools.partial(optimizer, lr=lr),
        schedule=schedule or Cosine(),
        calibration_batches=batches,
    )


def references(folder=None, *, space=SPACE, data=DATA, **settings):
    return References(space, data, recipe(**settings), folder=folder, device="cpu")


def key(*, seed=0, architecture=SMALLEST, **settings):
    some = references(**settings)
    return some.key(some.space.architecture(architecture), seed=seed)


def test_a_subnet_is_trained_once_and_read_from_the_file_after(tmp_path, monkeypatch):
    first = references(tmp_path)(SMALLEST, seed=0)
    assert set(first) == {"validation", "test"}
    assert set(first["test"]) == {"accuracy", "cross_entropy"}
    (path,) = tmp_path.iterdir()
    entry = json.loads(path.read_text())
    assert entry["architecture"] == dict(SMALLEST)
    assert (entry["seed"], entry["data"]) == (0, "digits")
    monkeypatch.setattr(Training, "run", None)  # would fail
    assert references(tmp_path)(dict(SMALLEST), seed=0) == first


def test_without_a_folder_it_is_kept_in_memory(monkeypatch):
    known = references()
    first = known(SMALLEST, seed=0)
    monkeypatch.setattr(Training, "run", None)
    assert known(SMALLEST, seed=0) == first


def test_training_again_gives_the_same_and_another_seed_does_not():
    first = references()(SMALLEST, seed=0)
    torch.rand(7)
    assert references()(SMALLEST, seed=0) == first
    assert references()(SMALLEST, seed=1) != first


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": 0.02},
        {"optimizer": torch.optim.Adam},
        {"objective": CrossEntropy(label_smoothing=0.2)},
        {"objective": InPlaceDistillation()},
        {"steps": 5},
        {"batch_size": 16},
        {"schedule": Cosine(warmup=0.2)},
        {"schedule": Constant(warmup=0.1)},
        {"accumulate": 2},
        {"max_grad_norm": None},
        {"batches": 4},
        {"seed": 1},
        {"architecture": SPACE.largest()},
        {"data": dataclasses.replace(DATA, train=DATA.validation)},
        {"data": dataclasses.replace(DATA, test=DATA.validation)},
        {"space": mlp(input_shape=(1, 8, 8), num_classes=10, depths=(1, 2), widths=(8, 16), norm="layer")},
    ],
    ids=lambda settings: next(iter(settings)),
)  # fmt: skip
def test_what_decides_the_outcome_changes_the_key(settings):
    assert key(**settings) != key()


@pytest.mark.parametrize(
    "settings",
    [{"log_every": 1}, {"num_workers": 1}],
)
def test_what_is_only_reported_does_not_change_the_key(settings):
    assert key(**settings) == key()


def test_the_largest_choices_of_a_space_do_not_matter_to_a_subnet():
    wider = mlp(input_shape=(1, 8, 8), num_classes=10, depths=(1, 2), widths=(8, 32))
    assert key(space=wider) == key()


def of(module):
    """A space of one architecture: a linear map, then a module."""
    build = lambda a: nn.Sequential(nn.Flatten(), nn.Linear(64, 10), module())  # noqa: E731
    return {"space": SearchSpace({"width": [8]}, build), "architecture": {"width": 8}}


def test_another_forward_pass_of_the_same_weights_changes_the_key():
    assert key(**of(nn.Tanh)) != key(**of(nn.ReLU))


def test_what_shows_in_training_alone_changes_the_key():
    rates = [key(**of(functools.partial(nn.Dropout, p))) for p in (0.0, 0.1, 0.5)]
    assert len(set(rates)) == 3
    assert rates[0] == key(**of(nn.Identity))
    assert rates[1] == key(**of(functools.partial(nn.Dropout, 0.1)))


def test_making_a_key_leaves_the_state_of_torch_alone():
    before = torch.get_rng_state()
    key(**of(functools.partial(nn.Dropout, 0.5)))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("damage", ["", '{"measures": {"tes', "[]", "{}", '{"measures": null}'])
def test_a_damaged_file_is_trained_again(tmp_path, damage):
    first = references(tmp_path)(SMALLEST, seed=0)
    (path,) = tmp_path.iterdir()
    whole = path.read_text()
    path.write_text(damage)
    assert references(tmp_path)(SMALLEST, seed=0) == first
    assert path.read_text() == whole


def test_training_that_diverges_is_told_and_not_kept(tmp_path):
    with pytest.raises(Diverged):
        references(tmp_path, lr=1e30)(SMALLEST, seed=0)
    assert list(tmp_path.iterdir()) == []


def test_an_architecture_of_another_space_is_refused():
    with pytest.raises(ValueError, match="is not an architecture of this space"):
        references()({"depth": 3}, seed=0)


def test_data_of_several_inputs_has_a_key_too():
    pairs = TensorDataset(torch.randn(40, 4), torch.randn(40, 4), torch.arange(40) % 2)
    data = dataclasses.replace(DATA, train=pairs, validation=pairs, test=pairs)

    class Sum(nn.Linear):
        def forward(self, a, b):
            return {"logits": super().forward(a + b), "more": (a, b)}

    space = SearchSpace({"width": [2, 3]}, lambda a: Sum(4, a["width"]))
    assert key(space=space, data=data, architecture={"width": 2})


def test_a_reference_is_what_the_command_trains_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    architecture = "{depth: 2, width_0: 16, width_1: 8}"
    settings = ["space=mlp", "space.depths=[1,2]", "space.widths=[8,16]", "seed=5"]
    settings += [
        "generator=standalone",
        "sampling=fixed",
        f"sampling.architectures=[{architecture}]",
    ]
    settings += ["training.steps=6", "training.batch_size=32", "callbacks.validation.every=2"]
    arguments = ["train", *settings, "optimizer.lr=0.01", "device=cpu", "hydra.run.dir=run"]
    monkeypatch.setattr(sys, "argv", ["hypernas", *arguments])
    command.main()
    parts = load("run")
    trained = parts.space.architecture({"depth": 2, "width_0": 16, "width_1": 8})
    told = Recipe(
        training=training_of(parts.settings),
        objective=parts.objective,
        optimizer=part(parts.settings, "optimizer"),
    )
    alone = References(parts.space, parts.data, told, folder=None, device="cpu")(trained, seed=5)
    for split in ("validation", "test"):
        (found,) = evaluate(
            parts.generator,
            parts.data,
            {"it": trained},
            objective=parts.objective,
            split=split,
            calibration_batches=8,
        )
        assert found.calibrated == alone[split]
