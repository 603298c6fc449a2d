"""Once-for-All: kernels that are learned maps of the centres of larger ones."""

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from hypernas import Choice, SearchSpace
from hypernas.generators import Mixture, ofa, shared
from hypernas.spaces import conv1d, mlp

# (kind of convolution, its chain of kernel sizes)
CHAINS = [
    (nn.Conv1d, (7, 5, 3)),
    (nn.Conv2d, (7, 5, 3)),
    (nn.Conv1d, (9, 7, 3, 1)),
    (nn.Conv2d, (5, 1)),
    (nn.Conv3d, (3, 1)),
    (nn.ConvTranspose2d, (5, 3)),
    (nn.Conv1d, (7, 4, 3, 2)),  # centres of another parity
    (nn.Conv2d, (4, 3, 2)),
]


class Net(nn.Module):
    def __init__(self, kind: type[nn.Module], width: int, kernel: int | tuple[int, ...]) -> None:
        super().__init__()
        self.conv = kind(2, width, kernel)
        self.deep = nn.Conv1d(width, width, kernel, groups=width) if kind is nn.Conv1d else None


def net_space(kind: type[nn.Module] = nn.Conv1d, kernels=(7, 5, 3)) -> SearchSpace:
    choices = {"width": [4, 6], "kernel": Choice(sorted(kernels))}
    return SearchSpace(choices, lambda a: Net(kind, a["width"], a["kernel"]))


def shaken(generator: Mixture) -> Mixture:
    """As after training: no matrix is the identity."""
    rng = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=rng))
    return generator


def matrix(generator: Mixture, name: str, size: tuple[int, ...]) -> Tensor:
    key = f"{name.replace('.', '/')}/{'x'.join(map(str, size))}"
    return generator.slicer.matrices[key]


def cropped(kernel: Tensor, size: int, space_dim: int, largest: int) -> Tensor:
    """The positions of `kernel`, the centre of a largest one, that the centre of `size` has there."""
    for axis in range(kernel.dim() - space_dim, kernel.dim()):
        start = (largest - size) // 2 - (largest - kernel.shape[axis]) // 2
        kernel = kernel.narrow(axis, start, size)
    return kernel


@pytest.mark.parametrize(("kind", "kernels"), CHAINS)
def test_at_the_start_every_subnet_is_exactly_that_of_weight_sharing(kind, kernels):
    space = net_space(kind, kernels)
    ours, plain = ofa(space, seed=3), shared(space, seed=3)
    for architecture in space.enumerate():
        assert_close(ours(architecture), plain(architecture), rtol=0, atol=0)


@pytest.mark.parametrize(("kind", "kernels"), CHAINS)
def test_a_smaller_kernel_is_the_matrix_times_the_centre_of_the_next_larger_one(kind, kernels):
    generator = shaken(ofa(net_space(kind, kernels)))
    space_dim = generator.bank("conv.weight").dim() - 3
    expected = generator({"width": 6, "kernel": kernels[0]})["conv.weight"]
    assert_close(expected, generator.bank("conv.weight")[0], rtol=0, atol=0)
    for kernel in kernels[1:]:
        centre = cropped(expected, kernel, space_dim, kernels[0])
        flat = torch.stack([k.flatten() for k in centre.flatten(0, 1)])
        rows = torch.stack(
            [matrix(generator, "conv.weight", (kernel,) * space_dim) @ k for k in flat]
        )
        expected = rows.view(centre.shape)
        found = generator({"width": 6, "kernel": kernel})["conv.weight"]
        assert_close(found, expected)
        narrow = generator({"width": 4, "kernel": kernel})["conv.weight"]
        in_axis = isinstance(
            generator.subnet({"width": 4, "kernel": kernel}).target.module.conv, nn.ConvTranspose2d
        )
        assert_close(narrow, expected[:, :4] if in_axis else expected[:4])


def test_channels_share_a_matrix_and_parameters_do_not():
    slicer = ofa(net_space(nn.Conv1d)).slicer
    shapes = {name: tuple(p.shape) for name, p in slicer.matrices.items()}
    assert shapes == {
        "conv/weight/5": (5, 5),
        "conv/weight/3": (3, 3),
        "deep/weight/5": (5, 5),
        "deep/weight/3": (3, 3),
    }


@pytest.mark.parametrize(("kernel", "reached"), [(7, set()), (5, {5}), (3, {5, 3})])
def test_gradients_reach_the_matrices_a_kernel_goes_through(kernel, reached):
    generator = shaken(ofa(net_space()))
    generator({"width": 4, "kernel": kernel})["conv.weight"].square().sum().backward()
    for size in (5, 3):
        gradient = matrix(generator, "conv.weight", (size,)).grad
        assert (gradient is not None and gradient.abs().sum() > 0) == (size in reached)
    assert generator.bank("conv.weight").grad.abs().sum() > 0


def test_a_gradient_through_two_matrices_agrees_with_finite_differences():
    generator = shaken(ofa(net_space())).double()
    small = {"width": 4, "kernel": 3}
    tensors = [matrix(generator, "conv.weight", (size,)) for size in (5, 3)]

    def weight(*_: Tensor) -> Tensor:
        return generator(small)["conv.weight"]

    assert torch.autograd.gradcheck(weight, tensors)


def test_kernels_that_need_not_be_square_have_matrices_of_their_area():
    space = SearchSpace({"tall": [1, 3, 5]}, lambda a: Net(nn.Conv2d, 3, (a["tall"], 3)))
    shapes = {name: len(p) for name, p in ofa(space).slicer.matrices.items()}
    assert shapes == {"conv/weight/3x3": 9, "conv/weight/1x3": 3}


def test_transforms_may_be_left_out_of_some_convolutions_or_of_all():
    space = net_space()
    plain, some = ofa(space, transforms=None), shaken(ofa(space, transforms="conv.*"))
    assert not list(plain.slicer.parameters())
    assert all(name.startswith("conv/") for name in some.slicer.matrices)
    kernel = some({"width": 6, "kernel": 3})["deep.weight"]
    assert_close(kernel, cropped(some.bank("deep.weight")[0], 3, 1, 7), rtol=0, atol=0)
    with pytest.raises(ValueError, match=r"transforms: .*\['stem'\] match none of"):
        ofa(space, transforms=["conv.*", "stem"])


def test_a_space_without_varying_kernels_needs_no_matrices():
    space = mlp(input_shape=(4,), num_classes=2)
    assert not list(ofa(space).slicer.parameters())


def test_kernel_sizes_of_which_neither_holds_the_other_are_refused():
    def build(architecture):
        return Net(nn.Conv2d, 3, (architecture["tall"], architecture["wide"]))

    space = SearchSpace({"tall": [3, 5], "wide": [3, 5]}, build)
    with pytest.raises(ValueError, match="neither holds the other, so they form no chain"):
        ofa(space)
    assert ofa(space, transforms=None)(space.smallest())["conv.weight"].shape == (3, 2, 3, 3)


def test_a_kernel_size_that_only_choices_together_make_is_refused_when_it_comes():
    def build(architecture):
        return Net(nn.Conv1d, 3, max(architecture.values()))

    generator = ofa(SearchSpace({"a": [1, 3, 5], "b": [1, 3, 5], "c": [0, 7]}, build))
    with pytest.raises(ValueError, match=r"conv\.weight: a kernel of \(3,\) came"):
        generator({"a": 3, "b": 3, "c": 0})


def test_matrices_do_not_decay():
    generator = ofa(net_space())
    matrices = {id(p) for p in generator.slicer.parameters()}
    for group in generator.parameter_groups():
        if matrices & {id(p) for p in group.parameters}:
            assert (group.name, group.decay) == ("slicing", False)
            assert {id(p) for p in group.parameters} == matrices


def test_the_description_names_the_kernels():
    space = conv1d(input_shape=(1, 16), num_classes=3)
    assert "shared, kernels 7 -> 5 -> 3: 4 parameters" in str(ofa(space).describe())
