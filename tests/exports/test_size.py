"""Files of exported subnets hold the numbers of the subnet, and none of the supernet."""

import pytest
import torch
from example_spaces import tied

from hypernas import generators
from hypernas.cost import num_parameters
from hypernas.exports import export_file
from hypernas.spaces import mlp


@pytest.mark.parametrize(
    ("suffix", "rest"), [(".safetensors", 700), (".pt2", 20_000), (".onnx", 10_000)]
)
def test_a_file_is_as_large_as_its_subnets_weights_whatever_the_largest(suffix, rest, tmp_path):
    """The largest network has 2 MB of numbers, and mixes four entries of a bank."""
    space = mlp(input_shape=(20,), num_classes=3, depths=(2,), widths=(24, 700), norm="none")
    generator, inputs = generators.hypernas(space), torch.randn(3, 20)
    for width in (24,) if suffix == ".onnx" else (24, 700):
        architecture = space.architecture({"depth": 2, "width_0": 700, "width_1": width})
        path = export_file(
            generator, architecture, tmp_path / f"{width}{suffix}", inputs=inputs
        ).path
        own = sum(4 * weight.numel() for weight in generator(architecture).values())
        assert own <= path.stat().st_size <= own + rest


def test_a_tied_weight_comes_out_of_a_program_as_two_parameters_of_one_memory_and_can_be_tied_again(
    tmp_path,
):
    space, ids = tied()
    path = export_file(
        generators.shared(space), space.largest(), tmp_path / "tied.pt2", inputs=ids
    ).path
    module = torch.export.load(path).module()
    every = list(module.named_parameters(remove_duplicate=False))
    own = num_parameters(space.build(space.largest()))
    first: dict[int, torch.nn.Parameter] = {}
    for name, parameter in every:
        owner, _, leaf = name.rpartition(".")
        setattr(
            module.get_submodule(owner), leaf, first.setdefault(parameter.data_ptr(), parameter)
        )
    assert sum(p.numel() for _, p in every) > own  # the docs tell how they are tied again
    assert num_parameters(module) == num_parameters(module.double()) == own
