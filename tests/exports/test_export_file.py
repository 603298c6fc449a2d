import json
import sys

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.testing import assert_close

from hypernas import SearchSpace, generators
from hypernas.exports import ExportError, export_file
from hypernas.exports.program import Program
from hypernas.spaces import conv1d, conv2d, mlp
from hypernas.spaces.changes import elastic_resolution

SPACES = {
    "mlp": (mlp, (1, 8, 8)),
    "conv1d": (conv1d, (1, 20)),
    "conv2d": (conv2d, (1, 8, 8)),
}


def trained(name: str, norm: str = "batch", factory=generators.hypernas):
    """A generator whose coefficients and statistics are not those of the start."""
    make, shape = SPACES[name]
    generator = factory(make(input_shape=shape, num_classes=10, norm=norm))
    inputs = torch.randn(6, *shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
        generator.train().call(generator.space.largest(), inputs)
    return generator.eval(), inputs


@pytest.mark.parametrize("suffix", [".safetensors", ".pt2", ".onnx"])
@pytest.mark.parametrize("name", SPACES)
def test_files_compute_what_the_generator_does(name, suffix, tmp_path):
    generator, inputs = trained(name)
    architecture = generator.space.smallest()
    statistics = generator.calibrate(architecture, [inputs])
    export = export_file(
        generator, architecture, tmp_path / f"net{suffix}", inputs=inputs, statistics=statistics
    )
    assert export.difference <= (1e-4 if suffix == ".onnx" else 1e-6)
    assert export.path.exists()


def test_files_of_half_precision_may_differ_by_some_of_its_own_steps(tmp_path):
    generator, inputs = trained("mlp")
    generator.half()
    smallest = generator.space.smallest()
    made = export_file(generator, smallest, tmp_path / "net.onnx", inputs=inputs.half())
    assert 1e-6 < made.difference < 8e-3


def test_bfloat16_is_refused_by_onnx_with_the_way_out(tmp_path):
    generator, inputs = trained("mlp")
    generator.bfloat16()
    smallest, path = generator.space.smallest(), tmp_path / "net.onnx"
    with pytest.raises(ExportError, match=r"of bfloat16, which NumPy .* generator\.float\(\)"):
        export_file(generator, smallest, path, inputs=inputs.bfloat16())
    assert not path.exists()
    export_file(generator, smallest, path.with_suffix(".pt2"), inputs=inputs.bfloat16())
    export_file(generator.float(), smallest, path, inputs=inputs)


@pytest.mark.parametrize("suffix", [".pt2", ".onnx"])
def test_programs_take_any_batch_size(suffix, tmp_path):
    generator, inputs = trained("conv1d", "layer")
    architecture = generator.space.largest()
    path = export_file(generator, architecture, tmp_path / f"a{suffix}", inputs=inputs).path
    more = torch.randn(11, *inputs.shape[1:])
    if suffix == ".pt2":
        outputs = torch.export.load(path).module()(more)
    else:
        import onnxruntime

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        outputs = torch.from_numpy(session.run(None, {"inputs": more.numpy()})[0])
    assert_close(outputs, generator.call(architecture, more), rtol=1e-4, atol=1e-4)


def test_weights_load_into_the_users_own_module_without_hypernas(tmp_path):
    generator, inputs = trained("conv2d")
    architecture = generator.space.smallest()
    path = export_file(generator, architecture, tmp_path / "net.safetensors", inputs=inputs).path
    record = json.loads(path.with_suffix(".json").read_text())
    assert record["architecture"] == architecture
    module = generator.space.build(record["architecture"]).eval()
    module.load_state_dict(load_file(path))
    assert_close(module(inputs), generator.call(architecture, inputs), rtol=0, atol=1e-6)


@pytest.mark.parametrize("suffix", [".safetensors", ".onnx"])
def test_an_existing_file_is_replaced_only_when_asked(suffix, tmp_path):
    generator, inputs = trained("mlp")
    path = tmp_path / f"net{suffix}"
    path.write_text("precious")
    with pytest.raises(ExportError, match="exists: give overwrite=true"):
        export_file(generator, generator.space.smallest(), path, inputs=inputs)
    assert path.read_text() == "precious"
    export_file(generator, generator.space.smallest(), path, inputs=inputs, overwrite=True)
    assert path.read_bytes() != b"precious"


def test_an_unknown_suffix_is_refused_with_those_there_are(tmp_path):
    generator, inputs = trained("mlp")
    with pytest.raises(ExportError, match=r"\.safetensors.*\.pt2.*\.onnx"):
        export_file(generator, generator.space.smallest(), tmp_path / "net.tflite", inputs=inputs)


class Flat(nn.Module):
    """Makes a number of the batch size."""

    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(20, width)

    def forward(self, x):
        return self.linear(x.reshape(len(x), -1))


@pytest.mark.parametrize("suffix", [".pt2", ".onnx"])
def test_a_module_that_fixes_its_batch_size_is_refused_with_what_to_write(suffix, tmp_path):
    generator = generators.shared(SearchSpace({"width": [4, 8]}, lambda a: Flat(a["width"])))
    inputs, small = torch.randn(6, 1, 20), generator.space.smallest()
    with pytest.raises(ExportError, match=r"cannot follow Flat for any batch size(.|\n)*x\.shape"):
        export_file(generator, small, tmp_path / f"a{suffix}", inputs=inputs)
    assert not list(tmp_path.iterdir())
    assert export_file(generator, small, tmp_path / "a.safetensors", inputs=inputs).path.exists()


def test_a_file_that_computes_something_else_is_not_kept(tmp_path, monkeypatch):
    generator, inputs = trained("mlp")
    run = Program.run
    monkeypatch.setattr(Program, "run", lambda *given: run(*given) + 0.01)
    with pytest.raises(ExportError, match="was not written: its outputs differ"):
        export_file(generator, generator.space.smallest(), tmp_path / "net.pt2", inputs=inputs)
    assert not list(tmp_path.iterdir())


def test_without_onnx_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    generator, inputs = trained("mlp")
    with pytest.raises(ExportError, match=r"pip install 'hypernas\[onnx\]'"):
        export_file(generator, generator.space.smallest(), tmp_path / "net.onnx", inputs=inputs)
    assert not list(tmp_path.iterdir())


def test_a_file_resizes_inputs_to_the_resolution_of_its_subnet(tmp_path):
    plain = conv2d(input_shape=(1, 8, 8), num_classes=3, widths=[[4]], depths=[1], norm="layer")
    generator = generators.shared(elastic_resolution(plain, scales=[0.5, 1])).eval()
    inputs = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    export = export_file(
        generator, generator.space.smallest(), tmp_path / "net.onnx", inputs=inputs
    )
    assert export.difference <= 1e-4
    halved = generator.call(generator.space.smallest(), inputs)
    assert not torch.allclose(halved, generator.call(generator.space.largest(), inputs))
