"""Generators as hypernetworks of hypnettorch, for its main networks and its regulariser."""

import copy
import importlib
import pickle

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

pytest.importorskip("hypnettorch")

from hypernas import Choice, SearchSpace
from hypernas.generators import Generator, Standalone, hmlp, hypernas, mip_hypernetwork
from hypernas.generators.hypnettorch import as_hypnettorch, main_network_space

hnets = importlib.import_module("hypnettorch.hnets")
mnets = importlib.import_module("hypnettorch.mnets")
regularizer = importlib.import_module("hypnettorch.utils.hnet_regularizer")

PLAIN = SearchSpace({"width": [4, 6]}, lambda a: nn.Linear(5, a["width"]))


def assert_same(first, second) -> None:
    assert_close(first, second, rtol=0, atol=0)


def build_mlp(architecture) -> nn.Module:
    return mnets.MLP(n_in=4, n_out=3, hidden_layers=[architecture["width"]] * 2, use_batch_norm=True,
                     bn_track_stats=False)  # fmt: skip


def build_resnet(architecture) -> nn.Module:
    width = architecture["width"]
    return mnets.ResNet(
        in_shape=(8, 8, 3),
        num_classes=3,
        num_feature_maps=(4, 4, width, 2 * width),
        n=1,
        bn_track_stats=False,
    )


MAIN = {  # by builder: number of inputs
    build_mlp: 4,
    build_resnet: 8 * 8 * 3,
}


@pytest.fixture(params=MAIN, ids=["MLP", "ResNet"])
def build(request):
    return request.param


@pytest.fixture
def main_space(build) -> SearchSpace:
    """Widths, and tasks that have the same main network."""
    choices = {"width": [6, 8], "task": Choice(["first", "second", "third"])}
    return main_network_space(choices, build)


@pytest.fixture(params=[mip_hypernetwork, hypernas, hmlp], ids=lambda make: make.__name__)
def main_generator(request, main_space) -> Generator:
    return request.param(main_space)


def tasks(space: SearchSpace) -> list[dict[str, str]]:
    return [dict(a) for a in space.enumerate() if a["width"] == 8]


def batch(build) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    return torch.randn(12, MAIN[build], generator=rng), torch.arange(12) % 3


def test_target_shapes_are_those_of_the_main_network(main_generator, main_space, build):
    hnet = as_hypnettorch(main_generator)
    assert hnet.target_shapes == [list(s) for s in build(main_space.largest()).param_shapes]
    assert hnet.num_outputs == main_generator.describe().num_generated
    assert hnet.num_params == main_generator.describe().num_stored


def test_a_main_network_computes_the_same_as_the_generators_call(main_generator, build):
    hnet = as_hypnettorch(main_generator, tasks(main_generator.space))
    x, _ = batch(build)
    mnet = build(main_generator.space.largest()).eval()
    main_generator.eval()
    for condition, architecture in enumerate(tasks(main_generator.space)):
        expected = main_generator.call(architecture, x)
        for given in (condition, architecture):
            weights = hnet.forward(cond_id=given)
            assert_close(mnet.forward(x, weights=weights), expected)


def test_training_a_main_network_lowers_its_loss_on_every_condition(main_generator, build):
    hnet = as_hypnettorch(main_generator, tasks(main_generator.space))
    x, labels = batch(build)
    mnet = build(main_generator.space.largest())
    optimizer = torch.optim.Adam(hnet.parameters(), 1e-2)

    def losses() -> Tensor:
        return torch.stack(
            [
                nn.functional.cross_entropy(mnet.forward(x, weights=weights), (labels + i) % 3)
                for i, weights in enumerate(hnet.forward(cond_id=[0, 1, 2]))
            ]
        )

    before = losses()
    for _ in range(30):
        optimizer.zero_grad()
        losses().sum().backward()
        optimizer.step()
    assert (losses() < 0.9 * before).all()


def test_the_regularizer_is_zero_for_unchanged_weights_and_positive_for_changed_ones(
    main_generator,
):
    hnet = as_hypnettorch(main_generator, tasks(main_generator.space)).train()
    targets = regularizer.get_current_targets(2, hnet)
    assert hnet.training
    assert_same(
        regularizer.calc_fix_target_reg(hnet, 2, targets=targets).detach(), torch.tensor(0.0)
    )
    step = [0.01 * torch.ones_like(p) for p in hnet.unconditional_params]
    after_step = regularizer.calc_fix_target_reg(hnet, 2, targets=targets, dTheta=step)
    assert after_step > 0
    with torch.no_grad():
        for parameter, change in zip(hnet.internal_params, step, strict=True):
            parameter += change
    changed = regularizer.calc_fix_target_reg(hnet, 2, targets=targets)
    assert_close(changed, after_step)
    changed.backward()
    assert any(p.grad is not None and p.grad.any() for p in hnet.parameters())


def test_the_first_task_has_no_targets(main_generator):
    assert regularizer.get_current_targets(0, as_hypnettorch(main_generator)) == []


def test_every_format_converts_into_every_other(main_generator):
    hnet = as_hypnettorch(main_generator, tasks(main_generator.space))
    formats = ("flattened", "sequential", "squeezed")
    for conditions in (1, [0, 2]):
        for source in formats:
            for wanted in formats:
                given = hnet.forward(cond_id=conditions, ret_format=source)
                expected = hnet.forward(cond_id=conditions, ret_format=wanted)
                assert_same(hnet.convert_out_format(given, source, wanted), expected)


def test_conditions_may_differ_in_shapes_but_are_then_not_flattened(main_generator):
    space = main_generator.space
    hnet = as_hypnettorch(main_generator, [space.smallest(), space.largest()])
    for architecture, weights in zip(hnet.architectures, hnet.forward(cond_id=[0, 1]), strict=True):
        assert_same(weights, list(main_generator(architecture).values()))
    with pytest.raises(ValueError, match="ask for ret_format='sequential'"):
        hnet.forward(cond_id=[0, 1], ret_format="flattened")


def test_a_generator_whose_parameters_appear_in_training_has_them_all():
    hnet = as_hypnettorch(Standalone(PLAIN), PLAIN.enumerate())
    assert len(hnet.internal_params) == 2 * len(list(PLAIN.build(PLAIN.largest()).parameters()))
    targets = regularizer.get_current_targets(2, hnet)
    assert regularizer.calc_fix_target_reg(hnet, 2, targets=targets) == 0


def test_a_generator_made_of_a_hypernetwork_is_one_again():
    generator = hmlp(PLAIN)
    hnet = as_hypnettorch(generator, PLAIN.enumerate())
    assert isinstance(hnet, hnets.HyperNetInterface)
    assert "unconditional weights" in str(hnet)
    weights = [2 * p for p in hnet.internal_params]
    doubled = copy.deepcopy(generator)
    with torch.no_grad():
        for parameter in doubled.parameters():
            parameter *= 2
    expected = list(doubled(PLAIN.largest()).values())
    assert_close(hnet.forward(cond_id=1, weights=weights), expected)
    assert_close(hnet.forward(cond_id=1, weights={"uncond_weights": weights}), expected)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({}, "give cond_id"),
        ({"uncond_input": torch.zeros(1, 2)}, "reads architectures only"),
        ({"cond_id": 7}, "condition 7 is not known, there are 2"),
        ({"cond_id": 0, "weights": []}, "expected 8 weights, got 0"),
        ({"cond_id": 0, "weights": {"cond_weights": [1]}}, "no conditional weights"),
        ({"cond_id": 0, "ret_format": "flat"}, "ret_format must be one of"),
    ],
)
def test_what_a_generator_cannot_do_is_refused(arguments, problem):
    with pytest.raises(ValueError, match=problem):
        as_hypnettorch(hmlp(PLAIN), PLAIN.enumerate()).forward(**arguments)


def test_no_conditions_are_refused():
    with pytest.raises(ValueError, match="give one or more"):
        as_hypnettorch(hmlp(PLAIN), [])


# --- main networks as targets --------------------------------------------------------------------


def test_a_main_networks_parameters_stand_once_in_the_order_of_its_shapes(main_space, build):
    module = main_space.build(main_space.largest())
    shapes = [list(shape) for shape in build(main_space.largest()).param_shapes]
    assert [list(p.shape) for p in module.parameters()] == shapes
    assert [n for n, _ in module.named_parameters()] == [f"weights.{i}" for i in range(len(shapes))]
    parameters = {name for name in module.state_dict() if "num_stats" not in name}
    assert parameters == {f"weights.{i}" for i in range(len(shapes))}


def test_a_main_network_computes_the_same_as_a_module(main_space, build):
    torch.manual_seed(3)
    module = main_space.build(main_space.largest()).eval()
    torch.manual_seed(3)
    mnet = build(main_space.largest()).eval()
    x, _ = batch(build)
    assert_close(module(x), mnet.forward(x, weights=list(mnet.internal_params)))


def test_a_main_networks_subnet_exports_and_pickles(main_generator, build):
    generator = pickle.loads(pickle.dumps(main_generator)).eval()
    x, _ = batch(build)
    for architecture in generator.space.enumerate():
        exported = pickle.loads(pickle.dumps(generator.export(architecture)))
        assert_close(exported(x), generator.call(architecture, x))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"no_weights": True}, "build it with no_weights=False"),
        ({"use_batch_norm": True}, "build it with bn_track_stats=False"),
    ],
)
def test_a_main_network_that_no_generator_can_serve_is_refused(options, problem):
    space = main_network_space({"a": [1]}, lambda _: mnets.MLP(**options))
    with pytest.raises(ValueError, match=problem):
        space.build({"a": 1})


def test_building_main_networks_and_their_hypernetworks_prints_nothing(capsys):
    space = main_network_space({"width": [4]}, lambda a: mnets.MLP(hidden_layers=[a["width"]]))
    as_hypnettorch(mip_hypernetwork(space)).forward(cond_id=0)
    assert capsys.readouterr() == ("", "")
