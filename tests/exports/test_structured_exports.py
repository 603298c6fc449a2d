"""Models of keyword inputs and of several outputs are exported, and checked output by output."""

import json
from dataclasses import dataclass

import pytest
import torch
from safetensors.torch import load_file, load_model
from structured_models import Answer, batch, space
from torch import nn
from torch.testing import assert_close

from hypernas import SearchSpace, generators
from hypernas.exports import ExportError, export_file
from hypernas.subnet.arguments import Arguments

SUFFIXES = [".safetensors", ".pt2", ".onnx", ""]


def inputs(num: int = 4) -> dict[str, torch.Tensor]:
    found = batch(num)
    del found["labels"]
    return found


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("shape", ["object", "mapping", "tuple"])
def test_structured_outputs_are_those_of_the_generator(shape, suffix, tmp_path):
    generator = generators.hypernas(space(shape)).eval()
    path = tmp_path / f"net{suffix}"
    export = export_file(generator, generator.space.smallest(), path, inputs=inputs())
    assert export.difference <= 1e-4
    assert export.left_out == ()
    assert path.exists()


def test_a_program_takes_keywords_for_any_batch_and_gives_objects_as_dictionaries(tmp_path):
    generator, more = generators.shared(space()).eval(), inputs(9)
    small = generator.space.smallest()
    path = export_file(generator, small, tmp_path / "net.pt2", inputs=inputs()).path
    found, expected = torch.export.load(path).module()(**more), generator.call(small, **more)
    assert list(found) == ["logits", "states"]
    assert_close(found, {"logits": expected.logits, "states": expected.states})


def test_onnx_names_inputs_after_keywords_and_outputs_after_their_places(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    generator, more = generators.shared(space()).eval(), inputs(9)
    small = generator.space.smallest()
    shuffled = dict(reversed(inputs().items()))
    path = export_file(generator, small, tmp_path / "net.onnx", inputs=shuffled).path
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert {x.name for x in session.get_inputs()} == {"input_ids", "attention_mask"}
    assert [y.name for y in session.get_outputs()] == ["logits", "states_0", "states_1"]
    (logits,) = session.run(["logits"], {name: x.numpy() for name, x in more.items()})
    expected = generator.call(small, **more).logits
    assert_close(torch.from_numpy(logits), expected, rtol=1e-4, atol=1e-4)


@dataclass
class Cache:
    words: str


class Boxes(nn.Module):
    """Positional and keyword inputs, and an output that is no tensor."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, width), nn.Linear(width, 4)

    def forward(self, x, *, scale, places=None):
        z = self.a(x * scale).relu()
        if places is not None:
            z = z + places.sum()
        return self.b(z), {"found": [z > 0, z], "cache": Cache("kept")}, None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_arguments_of_both_kinds_and_what_is_no_tensor(suffix, tmp_path):
    generator = generators.shared(SearchSpace({"w": [4, 8]}, lambda a: Boxes(a["w"])))
    given = Arguments((torch.randn(5, 3),), {"scale": torch.rand(5, 1), "places": torch.ones(2)})
    path = tmp_path / f"net{suffix}"
    export = export_file(generator, {"w": 4}, path, inputs=given)
    assert export.difference <= 1e-4
    if suffix in (".pt2", ".onnx"):
        assert export.left_out == ("1.cache.words (str)",)
    if suffix == ".pt2":
        x, scale = torch.randn(9, 3), torch.rand(9, 1)
        found = torch.export.load(path).module()(x, scale=scale, places=torch.ones(2))
        assert_close(found[0], generator.call({"w": 4}, x, scale=scale, places=torch.ones(2))[0])


@pytest.mark.parametrize("output", ["logits", "states"])
def test_a_difference_in_any_output_is_told_by_its_name(output, tmp_path, monkeypatch):
    """Of what `generator.call` computes, and not of what another export would."""
    generator = generators.shared(space()).eval()
    called = generator.call

    def wrong(*given, **keywords):
        found = called(*given, **keywords)
        x, y = found.states
        if output == "states":
            return Answer(logits=found.logits, states=(x, y + 0.1))
        return Answer(logits=found.logits + 0.1, states=found.states)

    monkeypatch.setattr(generator, "call", wrong)
    name = "states.1" if output == "states" else "logits"
    with pytest.raises(ExportError, match=rf"differ from the generator's by \S+ \({name}\)"):
        export_file(generator, {"width": 8}, tmp_path / "a.safetensors", inputs=inputs())
    assert not list(tmp_path.iterdir())


def test_infinite_outputs_that_are_equal_do_not_differ(tmp_path):
    class Masked(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.a = nn.Linear(3, width)

        def forward(self, x):
            return self.a(x).masked_fill(x[:, :1] > 0, float("-inf"))

    generator = generators.shared(SearchSpace({"w": [4, 8]}, lambda a: Masked(a["w"])))
    x = torch.randn(6, 3)
    assert export_file(generator, {"w": 4}, tmp_path / "a.safetensors", inputs=x).difference == 0


# --- ties and folders --------------------------------------------------------------------------


class Tied(nn.Module):
    """An embedding that is also the head, and a config of its own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.p, self.q = nn.Embedding(9, width), nn.Linear(width, 9, bias=False)
        self.q.weight = self.p.weight
        self.register_buffer("r", torch.full((9,), 0.5))
        self.config = {"width": width, "kind": "tied"}

    def forward(self, ids):
        return self.q(self.p(ids).tanh()) + self.r


class Kept(Tied):
    """What brings its own pair of functions."""

    def save_pretrained(self, folder):
        folder.mkdir()
        torch.save(self.state_dict(), folder / "weights.bin")
        (folder / "config.json").write_text(json.dumps(self.config))

    @classmethod
    def from_pretrained(cls, folder):
        made = cls(json.loads((folder / "config.json").read_text())["width"])
        made.load_state_dict(torch.load(folder / "weights.bin"))
        return made


def tied(kind=Tied):
    generator = generators.shared(SearchSpace({"w": [4, 8]}, lambda a: kind(a["w"])))
    return generator, torch.randint(0, 9, (3, 5))


def test_tied_tensors_are_stored_once_and_load_into_tied_modules(tmp_path):
    generator, ids = tied()
    path = export_file(generator, {"w": 4}, tmp_path / "net.safetensors", inputs=ids).path
    assert set(load_file(path)) == {"p.weight", "r"}
    module = Tied(4)
    load_model(module, path)
    assert_close(module(ids), generator.call({"w": 4}, ids), rtol=0, atol=0)


def test_a_folder_holds_the_modules_own_config_and_weights(tmp_path):
    generator, ids = tied()
    folder = export_file(generator, {"w": 4}, tmp_path / "net", inputs=ids).path
    assert json.loads((folder / "config.json").read_text()) == {"width": 4, "kind": "tied"}
    assert json.loads((folder / "architecture.json").read_text())["architecture"] == {"w": 4}
    assert set(load_file(folder / "model.safetensors")) == {"p.weight", "r"}


def test_a_module_that_saves_itself_is_read_by_its_own_class(tmp_path):
    generator, ids = tied(Kept)
    folder = export_file(generator, {"w": 4}, tmp_path / "net", inputs=ids).path
    assert {file.name for file in folder.iterdir()} == {
        "weights.bin",
        "config.json",
        "architecture.json",
    }
    module = Kept.from_pretrained(folder).eval()
    assert_close(module(ids), generator.call({"w": 4}, ids), rtol=0, atol=0)


def test_a_folder_that_holds_something_is_replaced_only_when_asked(tmp_path):
    generator, ids = tied()
    (tmp_path / "net").mkdir()
    export_file(generator, {"w": 4}, tmp_path / "net", inputs=ids)  # an empty one may be there
    before = (tmp_path / "net" / "model.safetensors").read_bytes()
    with pytest.raises(ExportError, match=r"config\.json.*exists: give overwrite=true"):
        export_file(generator, {"w": 8}, tmp_path / "net", inputs=ids)
    assert (tmp_path / "net" / "model.safetensors").read_bytes() == before
    export_file(generator, {"w": 8}, tmp_path / "net", inputs=ids, overwrite=True)
    assert json.loads((tmp_path / "net" / "config.json").read_text())["width"] == 8
    (tmp_path / "file").write_text("precious")
    with pytest.raises(ExportError, match="is a file: give a folder"):
        export_file(generator, {"w": 8}, tmp_path / "file", inputs=ids, overwrite=True)


def test_a_module_whose_own_saving_fails_is_refused_in_words(tmp_path, monkeypatch):
    generator, ids = tied(Kept)
    monkeypatch.setattr(Kept, "save_pretrained", lambda self, folder: 1 / 0)
    with pytest.raises(ExportError, match=r"Kept\.save_pretrained failed: ZeroDivisionError"):
        export_file(generator, {"w": 4}, tmp_path / "net", inputs=ids)
    assert not list(tmp_path.iterdir())
