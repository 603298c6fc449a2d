"""The published ways of training a supernet, each by its name."""

import itertools
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hypernas.runs.config_files import configs

STRATEGIES = sorted(
    path.stem for path in (configs() / "experiment").glob("*.yaml") if path.stem != "fast"
)
SHORT = ["space=mlp", "space.widths=[16,24,32]", "training.steps=8", "device=cpu", "threads=1"]
SHORT += ["callbacks.checkpoints.every=6", "callbacks.validation.every=100"]
IMAGES = ["space=conv2d", "space.widths=[[4,6]]", "space.depths=[1,2]", *SHORT[2:]]
SPACES = {
    "bignas": IMAGES,
    "once_for_all": IMAGES,
    "autodistil": [
        *(
            "space=transformer_lm",
            "space.embed_dims=[16,24,32]",
            "space.heads=[1]",
            "space.head_dim=8",
        ),
        *("data=tiny_shakespeare", "data.root=.", "data.context=8", *SHORT[2:]),
    ],
    "mos_translation": [
        *("data=translation", "data.root=.", "data.vocabulary=300", "data.num_held_out=4"),
        *("space=seq2seq", "space.encoder_depths=[1]", "space.decoder_depths=[1,2]"),
        *("space.encoder_dims=[8]", "space.decoder_dims=[8]", "space.qkv_dim=8"),
        *("space.attend=[1]", "generator=shared", "training.batch_size=8", *SHORT[2:]),
    ],
    "pada": [*SHORT, "training.batch_size=250"],  # a second epoch, entered in its middle
}  # of strategies that need residual blocks, kernels or axes of space
TEACHERS = {
    "autodistil": [
        "objective.teacher._target_=torch.nn.Embedding",
        "+objective.teacher.num_embeddings=65",
        "+objective.teacher.embedding_dim=12",
    ]
}


def weights(folder):
    found = load_file(Path(folder) / "checkpoints" / "00000008" / "state.safetensors")
    return {name: tensor for name, tensor in found.items() if name.startswith("generator")}


def same(one, other):
    alike = bool(one) and one.keys() == other.keys()
    return alike and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("name", [n for n in STRATEGIES if n not in ("hat", "hat_translation")])
def test_a_strategy_trains_otherwise_than_uniform_sampling_and_resumes_to_the_last_bit(run, name):
    Path("input.txt").write_text(
        "First Citizen:\nBefore we proceed any further, hear me speak.\n" * 20
    )
    names = {"Tom": "Tomás", "Ann": "Ana", "Bob": "Beto"}
    triples = itertools.product(names, names, range(5))
    pairs = [f"{a} gave {b} {n}.\t{names[a]} dio {n} a {names[b]}." for a, b, n in triples]
    Path("spa.txt").write_text("\n".join(pairs))
    for folder, more in (("plain", []), ("own", [f"experiment={name}", *TEACHERS.get(name, [])])):
        status, _, error = run("train", *SPACES.get(name, SHORT), *more, f"hydra.run.dir={folder}")
        assert status == 0, error
    whole = weights("own")
    assert not same(whole, weights("plain"))
    shutil.rmtree("own/checkpoints/00000008")
    status, _, error = run("train", "resume=own")
    assert status == 0, error
    assert same(weights("own"), whole)


def test_hat_is_uniform_sampling_with_a_longer_warm_up(run):
    assert run("train", *SHORT, "experiment=hat", "hydra.run.dir=own")[0] == 0
    assert run("train", *SHORT, "schedule.warmup=0.25", "hydra.run.dir=plain")[0] == 0
    assert same(weights("own"), weights("plain"))
