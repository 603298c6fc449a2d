"""One's own model of keyword inputs that computes its own loss, from the command line alone."""

import csv
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

MODULE = """
import torch
from torch import nn
from torch.nn import functional as F

from hypernas import SearchSpace
from hypernas.data import Data


class Tags(torch.utils.data.Dataset):
    def __init__(self, num, seed):
        rng = torch.Generator().manual_seed(seed)
        self.ids = torch.randint(0, 9, (num, 5), generator=rng)

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        ids = self.ids[i]
        mask = (ids > 0).float()
        return {"words": ids, "mask": mask, "labels": (ids % 3).where(ids > 0, -100)}


def data():
    return Data("tags", Tags(128, 0), Tags(32, 1), Tags(32, 2), (5,), 3)


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.config = {"width": width}
        self.a, self.b = nn.Embedding(9, width), nn.Linear(width, 3)

    def forward(self, words, mask, labels=None):
        logits = self.b(self.a(words) * mask[..., None])
        found = {"logits": logits}
        if labels is not None:
            found["loss"] = F.cross_entropy(logits.flatten(0, 1), labels.flatten())
        return found


def space(input_shape, num_classes):
    return SearchSpace({"width": [4, 8]}, lambda a: Net(a["width"]))

def teacher():
    table = (torch.arange(9)[:, None] % 3 == torch.arange(3)).float() * 9.0

    class Table(nn.Module):
        def forward(self, words):
            return table[words]

    return Table()
"""
OWN = ["data=own", "data._target_=tagging.data", "space=own", "space._target_=tagging.space"]
FAST = ["training.steps=150", "training.batch_size=32", "optimizer.lr=0.03", "device=cpu"]

TAUGHT = [
    "objective=teacher_logits",
    "objective.teacher._target_=tagging.teacher",
    "+objective.labels._target_=hypernas.objectives.CrossEntropy",
    "objective.num_stored=192",
]


@pytest.fixture(autouse=True)
def _module(tmp_path):
    (tmp_path / "tagging.py").write_text(MODULE)


@pytest.mark.parametrize(
    "objective",
    [
        ["objective=own_loss"],
        ["objective=cross_entropy"],
        ["objective=distillation", "sampling=sandwich"],
        TAUGHT,
    ],
    ids=lambda settings: settings[0].partition("=")[2],
)
def test_it_is_trained_evaluated_and_exported(run, objective):
    status, _, error = run("train", *OWN, *FAST, *objective, "hydra.run.dir=it")
    assert status == 0, error
    status, _, error = run("evaluate", "run=it", "subnets=1", "trust=tagging")
    assert status == 0, error
    with open("it/evaluation.csv") as file:
        rows = list(csv.DictReader(file))
    assert min(float(row["accuracy"]) for row in rows) > 0.9
    export = ["export", "run=it", "architecture=smallest", "trust=tagging"]
    for out in ("net.safetensors", "net.pt2", "net"):
        status, told, error = run(*export, f"out={out}")
        assert status == 0, error
        assert "checked: outputs differ" in told
    assert json.loads(Path("net/config.json").read_text()) == {"width": 4}
    assert load_file("net/model.safetensors")["a.weight"].shape == (9, 4)
    program = torch.export.load("net.pt2").module()
    words = torch.randint(0, 9, (3, 5))
    assert program(words=words, mask=torch.ones(3, 5))["logits"].shape == (3, 5, 3)


def test_inputs_of_a_program_that_a_batch_does_not_have_are_refused_with_those_it_has(run):
    assert run("train", *OWN, "training.steps=2", "device=cpu", "hydra.run.dir=it")[0] == 0
    settings = ["run=it", "architecture=smallest", "out=net.pt2"]
    settings += ["inputs=[words,attention]", "trust=tagging"]
    status, _, error = run("export", *settings)
    assert status == 2
    assert "has the keywords ['words', 'mask', 'labels'], and not ['attention']" in error
