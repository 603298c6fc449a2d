"""The flagship: its formula, its start, and the magnitude-invariant parametrization."""

import itertools

import pytest
import torch
from example_spaces import EXAMPLES
from torch import Tensor, nn
from torch.testing import assert_close

from hypernas import Architecture, SearchSpace
from hypernas.generators import Mixture, hypernas, shared
from hypernas.generators.coefficients.hypernetwork import CoefficientHypernetwork
from hypernas.subnet.supernet import Supernet

SPACES = pytest.mark.parametrize("name", EXAMPLES)


@torch.no_grad()
def stirred(generator: Mixture) -> Mixture:
    """No parameter where it started, in double precision and evaluation mode."""
    generator.double().eval()
    rng = torch.Generator().manual_seed(0)
    for parameter in generator.parameters():
        parameter.add_(0.3 * torch.randn(parameter.shape, generator=rng))
    return generator


def gates_of_one_layer(
    seed: int,
    *,
    num_features: int = 1,
    num_experts: int = 256,
    hidden_dims: tuple[int, ...] = (256, 256),
    gate_scale: float = 1.0,
    encode: bool = True,
    lr_scale: float = 0.25,
) -> CoefficientHypernetwork:
    space = SearchSpace({"width": [2]}, lambda architecture: nn.Linear(2, 2))
    return CoefficientHypernetwork(
        Supernet(space),
        num_features=num_features,
        num_experts={"weight": num_experts},
        gains=[],
        offsets=[],
        base=True,
        hidden_dims=hidden_dims,
        gate="linear",
        gate_scale=gate_scale,
        encode=encode,
        normalize=False,
        centre=False,
        lr_scale=lr_scale,
        rng=torch.Generator().manual_seed(seed),
    )


@SPACES
@pytest.mark.parametrize("gate", ["linear", "softmax", "sigmoid"])
def test_at_the_start_every_subnet_is_that_of_weight_sharing(name, gate):
    space = EXAMPLES[name]().space
    generator, plain = hypernas(space, gate=gate, seed=3), shared(space, seed=3)
    rounding = 0 if gate == "linear" else 1e-5  # experts add up to zero under equal gates
    for architecture in itertools.islice(space.enumerate(), 20):
        assert_close(generator(architecture), plain(architecture), rtol=0, atol=rounding)


@pytest.mark.parametrize("num_experts", [1, 3])
def test_from_the_start_gates_learn_and_then_experts_do(num_experts):
    def build(architecture):
        layer = nn.Linear(3, architecture["width"])
        nn.init.zeros_(layer.weight)  # draws of it are all the same
        return layer

    space = SearchSpace({"width": [2, 4]}, build)
    generator = hypernas(space, num_experts=num_experts, gains=None, offsets=None)
    optimizer = torch.optim.SGD(generator.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        generator(generator.space.largest())["weight"].sin().sum().backward()
        optimizer.step()
    assert generator.source.weight.grad.abs().max() > 0
    assert generator.bank("weight").grad[1:].abs().max() > 0


@pytest.mark.parametrize("spread", [0.5, 1.0])
def test_one_expert_starts_as_noise_of_the_size_of_its_inputs(spread):
    space = SearchSpace({"width": [64]}, lambda a: nn.Linear(100, a["width"]))
    expert = hypernas(space, num_experts=1, spread=spread).bank("weight")[1]
    assert_close(expert.std().item(), spread / 100**0.5, rtol=0.05, atol=0)


def test_gates_and_experts_that_would_wait_for_each_other_are_refused():
    space = EXAMPLES["mlp"]().space
    with pytest.raises(ValueError, match="both 0: experts of zero under gates of zero"):
        hypernas(space, gate_scale=0, spread=0)
    with pytest.raises(ValueError, match="both 0: experts that are alike stay alike"):
        hypernas(space, base=False, gate_scale=0, spread=0)
    with pytest.raises(ValueError, match="both 0: experts that are alike stay alike"):
        hypernas(space, gate="sigmoid", gate_scale=0, spread=0)
    hypernas(space, gate="sigmoid", num_experts=1, gate_scale=0, spread=0)
    hypernas(space, base=False, num_experts=1, gate_scale=0, spread=0)  # learns, and is alone


@SPACES
def test_with_nothing_to_emit_it_is_weight_sharing(name):
    space = EXAMPLES[name]().space
    generator = hypernas(space, experts=None, gains=None, offsets=None, seed=3)
    assert_close(generator(space.largest()), shared(space, seed=3)(space.largest()))


@pytest.mark.parametrize("base", [True, False])
def test_weights_are_the_formula_written_slowly(base):
    space = EXAMPLES["mlp"]().space
    generator = stirred(hypernas(space, num_experts=3, base=base))
    for architecture in (space.smallest(), space.largest()):
        coefficients = generator.coefficients(architecture)
        for name, weight in generator(architecture).items():
            c, bank = coefficients[name], generator.bank(name)
            for index in itertools.product(*(range(size) for size in weight.shape)):
                if weight.dim() == 1:
                    expected = bank[0, index[0]] + c.offset[index[0]]
                else:
                    o, i = index
                    gates = c.experts[1:] if base else c.experts
                    experts = bank[1:, o, i] if base else bank[:, o, i]
                    mixed = sum(gates[k] * experts[k] for k in range(3))
                    if base:
                        mixed = mixed + bank[0, o, i]
                    expected = c.gain_out[o] * c.gain_in[i] * mixed
                assert_close(weight[index], expected)


@pytest.mark.parametrize("centre", [True, False])
def test_all_coefficients_are_one_network_of_the_encoding(centre):
    space = EXAMPLES["conv"]().space
    generator = stirred(hypernas(space, num_experts=2, hidden_dims=(6, 7), centre=centre))
    smallest, source = space.smallest(), generator.source

    def hidden(architecture: Architecture) -> Tensor:
        angle = generator.subnet(architecture).features * torch.pi / 2
        found = torch.cat([angle.cos(), angle.sin()])
        for layer in (source.trunk[0], source.trunk[2]):
            found = nn.functional.leaky_relu(layer.weight @ found + layer.bias, 0.01)
        return found

    all_hidden = [hidden(architecture) for architecture in space.enumerate()]
    deviation = hidden(smallest) - (sum(all_hidden) / len(all_hidden) if centre else 0)
    emitted = source.lr_scale * source.weight @ deviation + source.bias
    gates, rest = [], []  # emitted in this order
    for name, c in generator.coefficients(smallest).items():
        if generator.bank(name).dim() > 2:
            assert c.experts[0] == 1
            gates.append(c.experts[1:])
            rest += [c.gain_out, c.gain_in]
        else:
            rest.append(c.offset)
    assert_close(torch.cat(gates + rest), emitted)


def test_over_a_small_space_the_mean_of_what_is_generated_is_the_base():
    space = EXAMPLES["conv"]().space
    generator = stirred(hypernas(space, gains=None))
    sums: dict[str, list[Tensor]] = {}
    for architecture in space.enumerate():
        for name, c in generator.coefficients(architecture).items():
            sums.setdefault(name, []).append(c.offset if c.experts is None else c.experts[1:])
    for values in sums.values():
        assert_close(torch.stack(values).mean(0), torch.zeros_like(values[0]))


def test_where_nothing_tells_architectures_apart_it_is_weight_sharing():
    space = SearchSpace({"width": [3]}, lambda a: nn.Linear(2, a["width"]))
    generator = stirred(hypernas(space))
    base = {name: generator.bank(name)[0] for name in ("weight", "bias")}
    assert_close(generator(space.largest()), base)


def test_the_mean_over_a_large_space_is_taken_over_a_sample_that_stays_the_same():
    space = SearchSpace({f"c{i}": [1, 2] for i in range(8)}, lambda a: nn.Linear(a["c0"], 2))
    one, other = (hypernas(space, seed=seed).source for seed in (0, 1))
    samples = one._space
    assert len(samples) == 64 < space.size
    assert_close(samples, other._space, rtol=0, atol=0)
    assert_close(samples.mean(0), torch.full((8,), 0.5), rtol=0, atol=0.2)
    ends = {tuple(row) for row in samples.tolist()}
    assert {(0.0,) * 8, (1.0,) * 8} <= ends


def test_what_a_condition_adds_is_not_taken_off():
    space = EXAMPLES["mlp"]().space
    generator = stirred(hypernas(space, condition_dim=1))
    means = [
        torch.stack(
            [
                generator.coefficients(generator.subnet(a, torch.tensor([value])))[
                    "head.bias"
                ].offset
                for a in space.enumerate()
            ]
        ).mean(0)
        for value in (0.0, 1.0)
    ]
    assert_close(means[0], torch.zeros_like(means[0]))
    assert means[1].abs().max() > 1e-3


@pytest.mark.parametrize(("gate", "function"), [("softmax", torch.softmax), ("sigmoid", None)])
def test_gates_are_the_chosen_function_of_the_linear_ones(gate, function):
    space = EXAMPLES["mlp"]().space
    linear, other = stirred(hypernas(space)), stirred(hypernas(space, gate=gate))
    logits = linear.coefficients(space.largest())["head.weight"].experts[1:]
    expected = torch.softmax(logits, 0) if function else torch.sigmoid(logits)
    assert_close(other.coefficients(space.largest())["head.weight"].experts[1:], expected)


def test_patterns_select_what_gets_experts_gains_and_offsets():
    space = EXAMPLES["conv"]().space
    generator = hypernas(
        space,
        num_experts=3,
        experts=["blocks.*.project.*", "head.weight"],
        gains="*.depthwise.weight",
        offsets=["*norm*"],
    )
    expected = {}
    for name, shape in generator.slices(space.largest()).items():
        kinds = []
        if ".project." in name or name.startswith("head"):
            kinds += ["shared base", "3 experts, linear gates"] if len(shape.axes) > 1 else []
        kinds += ["gains of channels"] if name.endswith("depthwise.weight") else []
        kinds += ["offset"] if "norm" in name else []
        expected[name] = " + ".join(kinds) or "shared"
        assert len(generator.bank(name)) == (4 if "shared base" in kinds else 1)
    assert generator.assignment == expected
    assert set(generator.coefficients(space.largest())) == {
        name for name, words in expected.items() if words != "shared"
    }


@pytest.mark.parametrize("argument", ["experts", "gains", "offsets"])
def test_a_pattern_that_matches_nothing_is_refused_with_the_names_there_are(argument):
    space = EXAMPLES["mlp"]().space
    known = "head.bias" if argument == "offsets" else "head.weight"
    with pytest.raises(ValueError, match=rf"{argument}: .*\['haed\*'\] match none of .*'{known}'"):
        hypernas(space, **{argument: ["haed*", "*"]})


def test_without_a_base_the_experts_alone_make_the_weights():
    space = EXAMPLES["mlp"]().space
    generator = hypernas(space, base=False, num_experts=3)
    assert len(generator.bank("head.weight")) == 3
    with torch.no_grad():
        for stack in generator.bank.parameters():
            stack.zero_()
    assert all((weight == 0).all() for weight in generator(space.largest()).values())


@pytest.mark.parametrize("base", [True, False])
def test_spread_sets_how_far_the_experts_start_from_their_mean(base):
    space = EXAMPLES["mlp"]().space
    for spread in (0.0, 0.5, 2.0):
        generator = hypernas(space, base=base, spread=spread, gate_scale=1, num_experts=16)
        experts = generator.bank("layers.1.weight")[base:]
        own = (experts - experts.mean(0)).std() / (1 / 12**0.5 / 3**0.5)  # that of nn.Linear
        assert_close(own.item(), spread, rtol=0.06, atol=1e-6)  # (1 - 1/16)^½ and sampling error


def test_a_head_of_zero_weights_gives_every_architecture_the_same_coefficients():
    space = EXAMPLES["conv"]().space
    generator = stirred(hypernas(space))
    with torch.no_grad():
        generator.source.weight.zero_()
    theta_0 = generator.source.bias
    for architecture in (space.smallest(), space.largest()):
        coefficients = generator.coefficients(architecture).values()
        gates = [c.experts[1:] for c in coefficients if c.experts is not None]
        rest = [
            part
            for c in coefficients
            for part in (c.gain_out, c.gain_in, c.offset)
            if part is not None
        ]
        assert_close(torch.cat(gates + rest), theta_0)


def test_a_frozen_theta_0_gets_no_gradient_and_the_network_does():
    space = EXAMPLES["mlp"]().space
    generator = stirred(hypernas(space))
    generator.source.bias.requires_grad_(False)
    sum(w.square().sum() for w in generator(space.largest()).values()).backward()
    assert generator.source.bias.grad is None
    for parameter in (generator.source.weight, *generator.source.trunk.parameters()):
        assert parameter.grad.abs().max() > 0


def mean_variance(gamma: float, *, encode: bool) -> float:
    """Of what the hypernetwork emits, over 64 seeds."""
    variances = [
        gates_of_one_layer(seed, encode=encode)(torch.tensor([[gamma]]))[0]["weight"]
        .experts[1:]
        .var()
        for seed in range(64)
    ]
    return torch.stack(variances).mean().item()


def test_with_mip_the_variance_at_start_does_not_depend_on_the_magnitude_of_the_input():
    variances = [mean_variance(g, encode=True) for g in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert max(variances) / min(variances) < 1.05


def test_without_mip_the_variance_at_start_is_quadratic_in_the_input():
    ratio = mean_variance(1.0, encode=False) / mean_variance(0.01, encode=False)
    assert_close(ratio, 1e4, rtol=1e-3, atol=0)


@pytest.mark.parametrize("num_features", [1, 8, 40])
@pytest.mark.parametrize("hidden_dims", [(), (64, 64)])
def test_gates_start_with_the_stated_size_for_any_number_of_features(num_features, hidden_dims):
    squares = []
    for seed in range(200):
        source = gates_of_one_layer(
            seed,
            num_features=num_features,
            num_experts=8,
            hidden_dims=hidden_dims,
            gate_scale=0.7,
        )
        features = torch.rand(1, num_features, generator=torch.Generator().manual_seed(seed))
        squares.append(source(features)[0]["weight"].experts[1:].square().sum())
    assert_close(torch.stack(squares).mean().item(), 0.7**2, rtol=0.15, atol=0)


def test_the_normalized_encoding_has_norm_one_at_the_input_of_the_network():
    space = EXAMPLES["conv"]().space
    seen: list[Tensor] = []
    for normalize in (False, True):
        generator = hypernas(space, normalize=normalize)
        generator.source.trunk[0].register_forward_hook(
            lambda m, args, out: seen.append(args[0][0])
        )
        generator(space.largest())
    assert_close(seen[1].norm().item(), 1.0)
    assert_close(seen[0], seen[1] * (len(seen[0]) / 2) ** 0.5)


@pytest.mark.parametrize("gate", ["linear", "softmax"])
def test_without_a_base_every_subnet_starts_as_that_of_weight_sharing(gate):
    space = EXAMPLES["mlp"]().space
    generator, sharing = hypernas(space, base=False, gate=gate), shared(space)
    for architecture in (space.smallest(), space.largest()):
        assert_close(generator(architecture), sharing(architecture), rtol=1e-4, atol=1e-5)


def test_weights_are_generated_in_full_precision_under_autocast():
    generator = hypernas(EXAMPLES["mlp"]().space).eval()
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    largest = generator.space.largest()
    expected = generator(largest)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert_close(generator(largest), expected, rtol=0, atol=0)


@pytest.mark.parametrize("centre", [True, False])
def test_linear_gates_without_a_base_start_with_a_sum_of_one(centre):
    space = EXAMPLES["conv"]().space
    generator = hypernas(space, base=False, gate_scale=1, spread=0, centre=centre).double()
    for architecture in (space.smallest(), space.largest()):
        for coefficients in generator.coefficients(architecture).values():
            if coefficients.experts is not None:
                assert_close(coefficients.experts.sum(-1).item(), 1.0, rtol=0, atol=1e-5)


def test_normalising_the_encoding_changes_learning_but_not_the_start():
    space = EXAMPLES["conv"]().space
    plain, normalized = (
        hypernas(space, normalize=n, gate_scale=1, spread=0).double() for n in (False, True)
    )
    for architecture in (space.smallest(), space.largest()):
        pairs = zip(
            plain.coefficients(architecture).values(),
            normalized.coefficients(architecture).values(),
            strict=True,
        )
        for ours, theirs in pairs:
            if ours.experts is not None:
                assert_close(theirs.experts, ours.experts, rtol=1e-4, atol=1e-5)


@SPACES
@pytest.mark.parametrize("encode", [True, False])
def test_a_hypernetwork_that_reads_no_architecture_gives_all_of_them_the_same_coefficients(
    name, encode
):
    space = EXAMPLES[name]().space
    generator = stirred(
        hypernas(space, centre=False, encode=encode, reads_architecture=False, num_experts=2)
    )
    features = torch.stack(
        [generator.subnet(a).features for a in (space.smallest(), space.largest())]
    )
    small, large = generator.source(features)
    assert_close(
        [vars(c) for c in small.values()], [vars(c) for c in large.values()], rtol=0, atol=0
    )


@SPACES
def test_centred_a_hypernetwork_that_reads_no_architecture_is_weight_sharing(name):
    space = EXAMPLES[name]().space
    generator = stirred(hypernas(space, reads_architecture=False))
    for architecture in (space.smallest(), space.largest()):
        weights = generator(architecture)
        for own, where in generator.subnet(architecture).slices.weights.items():
            base = where(generator.bank(own)[0])
            assert_close(weights[own], base, rtol=0, atol=1e-12)
