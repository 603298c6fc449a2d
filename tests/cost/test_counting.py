"""FLOPs are those of closed forms, forward and backward, and what is left out is named."""

import warnings
from math import prod

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils import flop_counter

from hypernas.cost import counting, flops
from hypernas.data import digits
from hypernas.evaluation import step_flops
from hypernas.generators import shared
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Fixed
from hypernas.spaces import mobilenet


class Computes(nn.Module):
    """A module that is a function of its inputs."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


def counted(compute) -> int:
    with counting() as counter:
        compute()
    return counter.get_total_flops()


def forward_and_backward(module, *inputs) -> tuple[int, int]:
    forward = counted(lambda: module(*inputs))
    return forward, counted(lambda: module(*inputs).square().sum().backward()) - forward


CONVOLUTIONS = {  # by name: the module, its inputs, multiply-adds of an example
    "dense": (nn.Conv2d(6, 8, 3), (6, 7, 7), 6 * 8 * 9 * 25),
    "strided": (nn.Conv2d(6, 8, 3, stride=2, padding=1), (6, 7, 7), 6 * 8 * 9 * 16),
    "grouped": (nn.Conv2d(6, 9, 3, groups=3), (6, 7, 7), 2 * 9 * 9 * 25),
    "depthwise": (nn.Conv2d(6, 6, 5, padding=2, groups=6), (6, 7, 7), 6 * 25 * 49),
    "depthwise of several": (nn.Conv1d(4, 12, 3, dilation=2, groups=4), (4, 9), 12 * 3 * 5),
    "grouped in space": (nn.Conv3d(4, 6, 2, groups=2), (4, 3, 3, 3), 2 * 6 * 8 * 8),
    "transposed": (nn.ConvTranspose2d(6, 8, 3, stride=2), (6, 4, 4), 6 * 8 * 9 * 16),
    "transposed and grouped": (nn.ConvTranspose1d(6, 9, 4, groups=3), (6, 5), 6 * 3 * 4 * 5),
    "transposed depthwise": (nn.ConvTranspose2d(4, 4, 3, groups=4), (4, 5, 5), 4 * 9 * 25),
}


@pytest.mark.parametrize(("module", "shape", "expected"), CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_backward_of_a_convolution_costs_twice_its_forward_whatever_its_groups(
    module, shape, expected
):
    inputs = torch.randn(2, *shape)
    total = 2 * 2 * expected
    assert flops(module, inputs) == total
    assert forward_and_backward(module, inputs.requires_grad_()) == (total, 2 * total)
    assert forward_and_backward(module, inputs.detach()) == (total, total)


A, B, V = torch.randn(4, 6), torch.randn(6, 5), torch.randn(6)
BATCH, OTHERS = torch.randn(3, 4, 6), torch.randn(3, 6, 5)
ENDS = torch.tensor([1, 4], dtype=torch.int32)
PRODUCTS = {  # by name: function, inputs, FLOPs
    "matrix and vector": (torch.mv, (A, V), 2 * 4 * 6),
    "batch and vector": (torch.matmul, (BATCH, V), 2 * 3 * 4 * 6),
    "addmv": (torch.addmv, (torch.randn(4), A, V), 2 * 4 * 6),
    "dot": (torch.dot, (V, V), 2 * 6),
    "vecdot": (torch.linalg.vecdot, (V, V), 2 * 6),
    "addr": (torch.addr, (torch.randn(4, 6), torch.randn(4), V), 2 * 4 * 6),
    "addmm in place": (lambda c, a, b: c.clone().addmm_(a, b), (torch.randn(4, 5), A, B), 240),
    "baddbmm": (torch.baddbmm, (torch.randn(3, 4, 5), BATCH, OTHERS), 3 * 240),
    "addbmm": (torch.addbmm, (torch.randn(4, 5), BATCH, OTHERS), 3 * 240),
    "multi_dot": (lambda *m: torch.linalg.multi_dot(m), (A, B, torch.randn(5)), 2 * (30 + 24)),
    "einsum": (lambda a, b: torch.einsum("bij,bjk->ik", a, b), (BATCH, OTHERS), 3 * 240),
    "tensordot": (lambda a, b: torch.tensordot(a, b, dims=1), (BATCH, B), 3 * 240),
    "groups of rows": (
        lambda a, b: functional.grouped_mm(a, b, offs=ENDS.to(a.device)),
        (torch.randn(4, 8), torch.randn(2, 8, 16)),
        2 * 4 * 8 * 16,
    ),
    "groups": (functional.grouped_mm, (torch.randn(2, 4, 8), torch.randn(2, 8, 16)), 2048),
    "distances of many": (torch.cdist, (torch.randn(30, 6), torch.randn(40, 6)), 2 * 30 * 40 * 6),
    "distances of few": (torch.cdist, (A, A), 2 * 4 * 4 * 6),
    "fourier": (torch.fft.fft, (torch.randn(3, 8, dtype=torch.cfloat),), 5 * 3 * 8 * 3),
    "real fourier": (torch.fft.rfft, (torch.randn(3, 8),), 5 * 3 * 8 * 3 // 2),
    "attention": (
        functional.scaled_dot_product_attention,
        (torch.randn(2, 3, 16, 8), torch.randn(2, 3, 12, 8), torch.randn(2, 3, 12, 4)),
        2 * 2 * 3 * 16 * 12 * (8 + 4),
    ),
}


@pytest.mark.parametrize(("function", "inputs", "expected"), PRODUCTS.values(), ids=PRODUCTS)
def test_products_of_every_form_are_counted_with_gradients_and_without(function, inputs, expected):
    assert flops(Computes(function), inputs) == expected
    assert counted(lambda: function(*inputs)) == expected
    with torch.inference_mode():
        assert counted(lambda: function(*inputs)) == expected
    inputs = [tensor.clone().requires_grad_() for tensor in inputs]
    assert counted(lambda: function(*inputs)) == expected


def test_the_backward_pass_of_grouped_products_costs_twice_the_forward_pass():
    inputs = torch.randn(4, 8, requires_grad=True), torch.randn(2, 8, 16, requires_grad=True)
    function = Computes(lambda a, b: functional.grouped_mm(a, b, offs=ENDS))
    assert forward_and_backward(function, *inputs) == (1024, 2048)


def test_bilinear_layers_multiply_by_one_input_and_then_by_the_other():
    inputs = torch.randn(2, 4, requires_grad=True), torch.randn(2, 5, requires_grad=True)
    outer = 2 * 6 * 4 * 5  # N O I J
    forward = 2 * outer + 2 * 2 * 6 * 5
    to_first, to_second = 2 * outer + 2 * 2 * 4 * 5, forward  # gradients of the inputs
    expected = forward, to_first + to_second + 2 * outer
    assert flops(nn.Bilinear(4, 5, 6), inputs) == forward
    assert forward_and_backward(nn.Bilinear(4, 5, 6, bias=False), *inputs) == expected


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
def test_products_with_a_sparse_matrix_are_of_what_it_stores(layout):
    matrix = torch.diag(torch.ones(9)).to_sparse(layout=layout)
    assert flops(Computes(lambda x: torch.sparse.mm(matrix, x)), torch.ones(9, 7)) == 2 * 9 * 7


def gathered(x: torch.Tensor) -> torch.Tensor:
    edges = torch.tensor([[0, 1, 2], [1, 2, 0]], device=x.device)
    return torch.zeros_like(x).index_add(0, edges[1], x[edges[0]]).scatter(0, edges, 0.0)


@pytest.mark.parametrize(
    ("module", "inputs"),
    [
        (nn.EmbeddingBag(9, 3), torch.zeros(2, 4, dtype=torch.long)),
        (nn.Embedding(9, 3), torch.zeros(2, 4, dtype=torch.long)),
        (Computes(gathered), torch.ones(3, 5)),
        (nn.Upsample(scale_factor=2, mode="bilinear"), torch.ones(1, 2, 3, 3)),
        (nn.Sequential(nn.LayerNorm(5), nn.GELU(), nn.Softmax(-1)), torch.ones(3, 5)),
    ],
    ids=["embedding bag", "embedding", "scatter", "upsample", "norm"],
)
def test_element_wise_work_and_look_ups_count_nothing_and_need_no_name(module, inputs):
    assert flops(module, inputs) == 0
    assert counted(lambda: module(inputs)) == 0


@pytest.mark.filterwarnings("ignore:.*weight_norm.*deprecated:FutureWarning")
@pytest.mark.parametrize("norm", [nn.utils.weight_norm, nn.utils.parametrizations.weight_norm])
def test_modules_under_weight_norm_count_as_without_it_and_stay_as_they_are(norm):
    module = nn.Sequential(norm(nn.Conv1d(4, 6, 3, groups=2)), nn.Flatten(), nn.Linear(30, 2))
    before = module[0].weight
    assert flops(module, torch.ones(1, 4, 7)) == 2 * (6 * 2 * 3 * 5 + 30 * 2)
    torch.testing.assert_close(module[0].weight, before)


def test_copies_that_are_counted_do_not_hold_the_weights():
    module = nn.Linear(3, 3)
    copied = []
    module.register_forward_hook(lambda own, *_: copied.append(own.weight.device.type))
    flops(module, torch.ones(1, 3))
    assert copied == ["meta"]


@torch.library.custom_op("hypernas_tests::product", mutates_args=())
def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return a @ b


@pytest.mark.parametrize(
    ("function", "inputs", "name"),
    [
        (torch.linalg.inv, (torch.eye(3),), "aten::linalg_inv_ex"),
        (torch.linalg.qr, (torch.eye(3),), "aten::linalg_qr"),
        (torch.linalg.matrix_exp, (torch.eye(3),), "aten::linalg_matrix_exp"),
        (torch.ops.hypernas_tests.product, (A, B), "hypernas_tests::product"),
    ],
    ids=["inverse", "qr", "exponential", "of others"],
)
def test_what_multiplies_without_a_formula_is_named(function, inputs, name):
    with pytest.warns(UserWarning, match=f"no FLOPs are counted of.*{name}.*register_flop_formula"):
        assert flops(Computes(function), inputs) == 0


def test_an_operation_with_a_formula_of_the_users_is_counted_with_it(monkeypatch):
    operation = torch.ops.hypernas_tests.product
    own = flop_counter.shape_wrapper(lambda a, b, **_: 2 * prod(a) * b[1])
    monkeypatch.setitem(flop_counter.flop_registry, operation, own)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert flops(Computes(operation), (A, B)) == 240


def test_a_training_step_of_a_mobile_network_costs_three_forward_passes():
    space, data = mobilenet(input_shape=(1, 8, 8), num_classes=10), digits()
    step = step_flops(
        shared(space),
        data,
        sampler=Fixed(),
        objective=CrossEntropy(),
        batch_size=4,
        num=1,
        counted=1,
    )
    module = space.build(space.largest())
    stem = flops(module.stem, torch.ones(4, 1, 8, 8))  # whose inputs need no gradient
    assert step == 3 * flops(module, torch.ones(4, 1, 8, 8)) - stem
