"""Exported translators write the sentences that torch writes, out of files alone."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
import torch
from torch import nn
from torch.testing import assert_close
from training_runs import fit, short

from hypernas.data import translation
from hypernas.evaluation.translations import translations
from hypernas.exports import ExportError, export_translator
from hypernas.exports.passes import passes
from hypernas.generators import shared
from hypernas.spaces import mlp, seq2seq

WHO = {"Tom": "Tomás", "she": "ella", "he": "él", "Ann": "Ana", "Bob": "Beto", "we": "nosotros"}
DOES = {"sees": "ve", "wants": "quiere", "has": "tiene", "buys": "compra", "sells": "vende"}
WHAT = {"a cat": "un gato", "bread": "pan", "it": "eso", "two cars": "dos coches", "tea": "té"}
PAIRS = itertools.product(WHO.items(), DOES.items(), WHAT.items())
LINES = [f"{a} {b} {c}.\t{x} {y} {z}." for (a, x), (b, y), (c, z) in PAIRS]
RECIPE = Path(__file__).parents[2] / "docs" / "exported_translator.py"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("corpus")
    (root / "spa.txt").write_text("\n".join(LINES))
    return translation(root=root, vocabulary=330, num_held_out=12, length=24)


@pytest.fixture(scope="module")
def generator(data):
    space = seq2seq(
        input_shape=data.input_shape,
        num_classes=data.num_classes,
        encoder_dims=[16, 24],
        decoder_dims=[16, 32],
        encoder_depths=[1, 2],
        decoder_depths=[1],
        attend=[1],
        qkv_dim=16,
        padding=0,
    )
    generator = shared(space)
    fit(generator, short(80, batch_size=16), data=data, callbacks=[])
    return generator


@pytest.fixture(scope="module")
def exported(generator, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports") / "small"
    smallest = generator.space.smallest()
    export_translator(generator, smallest, folder, data=data, formats=["onnx", "pt2"])
    return folder


def test_files_alone_translate_as_torch_does(generator, data, exported):
    several = [f"{line.partition(chr(9))[0]}{i % 10}" for i, line in enumerate(LINES)]
    several += [line.partition("\t")[2] for line in LINES]
    expected = translations(generator.export(generator.space.smallest()), data, several)
    done = subprocess.run(
        [sys.executable, "-I", RECIPE, exported],
        input="\n".join(several),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n")[:-1] == expected
    assert len({*expected}) > 5


@pytest.fixture(scope="module")
def programs(exported):
    parts = ("encoder", "decoder_step")
    return [torch.export.load(exported / f"{part}.pt2") for part in parts]


def test_programs_of_torch_take_any_batch_and_length(generator, programs):
    encoder, step = (program.module() for program in programs)
    model = generator.export(generator.space.smallest())
    with torch.no_grad():
        for shape in ((1, 1), (3, 24)):
            sources = torch.randint(1, 300, shape)
            state, own = encoder(source=sources)["state"], model.start(sources)
            for _ in range(24):
                symbols = torch.randint(1, 300, shape[:1])
                found = step(symbols=symbols, state=state)
                logits, *own = model.advance(symbols, *own)
                state = found["next"]
                assert_close(found["logits"], logits, rtol=1e-6, atol=1e-6)


def test_the_folder_tells_what_its_files_are_called_and_take(exported, generator):
    about = json.loads((exported / "translator.json").read_text())
    assert about["architecture"] == generator.space.smallest()
    step = onnx.load(exported / about["onnx"]["decoder_step"]["file"])
    named = {
        x.name: [d.dim_param or d.dim_value for d in x.type.tensor_type.shape.dim]
        for x in step.graph.input
    }
    told = about["onnx"]["decoder_step"]["inputs"]
    assert named == told
    assert told["state_0"] == ["batch", 1, 1, "source"]
    assert told["state_1"][3] == "written"
    assert [x.name for x in step.graph.output] == about["onnx"]["decoder_step"]["outputs"]


def test_files_hold_the_numbers_of_the_subnet_alone(generator, exported, programs):
    model = generator.export(generator.space.smallest())
    own = sum(x.numel() for x in [*model.parameters(), *model.buffers()])
    embedding = model.embedding.weight.numel()  # in both files, in neither twice
    held = 0
    for part, program in zip(("encoder", "decoder_step"), programs, strict=True):
        graph = onnx.load(exported / f"{part}.onnx").graph
        held += sum(onnx.numpy_helper.to_array(x).size for x in graph.initializer)
        assert sum(x.numel() for x in program.state_dict.values()) <= own
    assert own <= held <= own + embedding + 200


def test_what_is_no_translator_is_refused(generator, data, exported, tmp_path):
    smallest = generator.space.smallest()
    for formats, path, told in (
        (["tflite"], tmp_path / "a", "one or more of .'onnx', 'pt2'., got tflite"),
        ([], tmp_path / "a", "got none"),
        (["onnx"], tmp_path / "a.onnx", "has no suffix"),
        (["onnx"], exported, "exists: give overwrite=true"),
    ):
        with pytest.raises(ExportError, match=told):
            export_translator(generator, smallest, path, data=data, formats=formats)
    other = shared(mlp(input_shape=(12,), num_classes=4))
    with pytest.raises(ExportError, match="methods start and advance"):
        export_translator(other, other.space.smallest(), tmp_path / "a", data=data)


class Odd(nn.Module):
    """A state whose size is no multiple of anything."""

    def start(self, source):
        return (torch.zeros(len(source), source.shape[1] + 1),)

    def advance(self, symbols, state):
        return torch.zeros(len(symbols), 4), state


def test_layers_that_attend_to_several_have_multiples_of_a_source():
    space = seq2seq(
        input_shape=(9,),
        num_classes=9,
        encoder_depths=[2],
        encoder_dims=[8],
        decoder_depths=[1],
        decoder_dims=[8],
        qkv_dim=8,
        attend=[2],
    )
    _, step = passes(shared(space).export(space.largest()).eval(), longest=9)
    names = [{axis: dim.__name__ for axis, dim in axes.items()} for axes in step.axes["state"]]
    read = {0: "batch", 2: "2*source"}
    assert names == [{0: "batch", 3: "written"}, read, read]


def test_a_state_of_another_size_is_told():
    with pytest.raises(ExportError, match=r"axis 1 of tensor 0 .* has the size 6"):
        passes(Odd(), longest=9)
