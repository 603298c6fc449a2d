"""Laws of generators that start at a trained module."""

from functools import partial

import pytest
import torch
from configured import configured
from example_spaces import EXAMPLES
from ready_made import READY
from safetensors.torch import save_file
from torch import nn
from torch.testing import assert_close

from hypernas import Choice, SearchSpace, generators
from hypernas.generators.banks.bank import PerParameterBank
from hypernas.growth import member
from hypernas.subnet.supernet import Supernet

EXACT = ("shared", "ofa", "hypernas", "cafenet", "by_name", "few_shot", "standalone")
WITHIN = ("mos_layer", "mos_neuron", "mip_hypernetwork", "hmlp", "chunked_hmlp")


def trained(space, seed=1):
    """The largest module of a space, each of its tensors as training might leave it."""
    torch.manual_seed(seed)
    module = space.build(space.largest())
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        for name, buffer in module.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_()
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 2)
            elif name.endswith("num_batches_tracked"):
                buffer.fill_(7)
    return module.eval()


def unlike(generator, module):
    """The largest distance of a weight of the largest subnet from the module's."""
    with torch.no_grad():
        made = generator.eval()(generator.space.largest())
        return max(float((made[n] - p).abs().max()) for n, p in module.named_parameters())


@pytest.mark.parametrize("ready", ["mlp", "conv2d", "transformer_lm"])
@pytest.mark.parametrize("name", EXACT)
def test_the_largest_subnet_is_the_trained_module_to_the_last_bit(name, ready):
    space, inputs = READY[ready]().space, READY[ready]().inputs
    module = trained(space)
    generator = configured(name)(space=space, start=module)
    assert unlike(generator, module) == 0
    exported = generator.export(space.largest())
    assert_close(dict(exported.state_dict()), dict(module.state_dict()), rtol=0, atol=0)
    assert_close(exported(*inputs), module(*inputs), rtol=0, atol=0)


@pytest.mark.parametrize("ready", ["mlp", "conv2d", "transformer_lm"])
@pytest.mark.parametrize("name", WITHIN)
def test_the_largest_subnet_of_a_mixture_is_the_trained_module_up_to_rounding(name, ready):
    space = READY[ready]().space
    module = trained(space)
    generator = configured(name)(space=space, start=module)
    assert unlike(generator, module) < 1e-6
    assert_close(
        dict(generator.export(space.largest()).named_buffers()), dict(module.named_buffers())
    )


def test_smaller_subnets_are_slices_of_the_start():
    space = READY["resnet"]().space
    module = trained(space)
    weights = dict(module.named_parameters())
    for make in (generators.shared, generators.hypernas, generators.Standalone):
        generator = make(space, start=module)
        smallest = space.smallest()
        slices = Supernet(space).slices(smallest)
        made, kept = generator(smallest), generator.statistics(smallest).tensors
        for name, where in slices.weights.items():
            assert_close(made[name], where(weights[name]), rtol=0, atol=0)
        for name, where in slices.statistics.items():
            assert_close(kept[name], where(module.get_buffer(name)), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["acdc", "ssn"])
def test_a_generator_of_fewer_numbers_than_weights_refuses_and_names_them(name):
    space = READY["conv2d"]().space
    with pytest.raises(ValueError, match=r"cannot start.*\n  [\w.]+weight: .* from a flat|8 atoms"):
        configured(name)(space=space, start=trained(space))


def test_a_network_without_independent_weights_refuses():
    space = READY["mlp"]().space
    with pytest.raises(ValueError, match="independent=True"):
        generators.mip_hypernetwork(space, independent=False, start=trained(space))


def alike(num):
    """A space of layers that are all of one shape."""

    def build(architecture):
        width = architecture["width"]
        return nn.Sequential(*[nn.Linear(width, width, bias=False) for _ in range(num)])

    return SearchSpace({"width": [3, 6]}, build)


def test_templates_hold_a_start_where_there_are_as_many_as_layers():
    space = alike(3)
    module = trained(space)
    generator = generators.soft_sharing(space, num_templates=3, start=module)
    assert unlike(generator, module) < 1e-6
    with pytest.raises(ValueError, match=r"1\.weight: 2 templates of 3 parameters"):
        generators.soft_sharing(space, num_templates=2, start=module)


def test_all_misfits_are_named_at_once():
    space = READY["mlp"]().space
    state = trained(space).state_dict()
    first, second, *_ = state
    state[first] = state[first][:-1]
    state["other"] = state.pop(second)
    with pytest.raises(ValueError, match=rf"{second}: missing.*\n  {first}: expected.*\n  other: "):
        generators.shared(space, start=state)


def test_a_start_is_a_mapping_of_tensors_or_a_file_of_it(tmp_path):
    space = READY["mlp"]().space
    module = trained(space)
    save_file(module.state_dict(), tmp_path / "trained.safetensors")
    for start in (module.state_dict(), tmp_path / "trained.safetensors"):
        assert unlike(generators.hypernas(space, start=start), module) == 0
    with pytest.raises(ValueError, match="state_dict: OrderedDict"):
        generators.shared(space, start={"state_dict": module.state_dict()})
    with pytest.raises(ValueError, match=r"expected a file \.safetensors"):
        generators.shared(space, start="trained.pt")
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        generators.shared(space, start="missing.safetensors")


@pytest.mark.parametrize("prefix", ["module.", "model.", "a.b."])
def test_a_prefix_is_taken_off_and_told(prefix):
    space = READY["conv2d"]().space
    module = trained(space)
    state = {prefix + name: tensor for name, tensor in module.state_dict().items()}
    with pytest.warns(UserWarning, match=f"the prefix '{prefix}' was taken off"):
        generator = generators.shared(space, start=state)
    assert unlike(generator, module) == 0


def test_a_prefix_that_only_the_builder_has_is_put_before_and_told():
    inner = READY["mlp"]().space
    space = SearchSpace(inner.choices, lambda a: nn.ModuleDict({"wrapped": inner.build(a)}))
    module = trained(inner)
    with pytest.warns(UserWarning, match="the prefix 'wrapped.' was put before"):
        generator = generators.shared(space, start=module)
    assert unlike(generator, nn.ModuleDict({"wrapped": module})) == 0


def test_tensors_that_the_largest_architecture_lacks_are_named():
    space = READY["mlp"]().space
    module = trained(space)
    state = module.state_dict() | {"pooler.weight": torch.zeros(2)}
    with pytest.warns(UserWarning, match="not used.*: pooler.weight"):
        assert unlike(generators.shared(space, start=state), module) == 0


def test_another_type_is_converted_and_told():
    space = READY["mlp"]().space
    module = trained(space).bfloat16()
    with pytest.warns(UserWarning, match="from torch.bfloat16 to torch.float32"):
        assert unlike(generators.shared(space, start=module), module.float()) == 0


def test_tied_parameters_are_read_under_either_name_and_must_be_equal():
    space = EXAMPLES["tied"]().space
    torch.manual_seed(0)
    module = space.build(space.largest())  # draws its random buffer as the generator's builder does
    state = module.state_dict()
    del state["embedding.weight"]
    assert unlike(generators.shared(space, start=state), module) == 0
    state["embedding.weight"] = state["head.weight"] + 1
    with pytest.raises(ValueError, match=r"embedding\.weight: tied .* differ"):
        generators.shared(space, start=state)


@pytest.mark.parametrize("name", EXACT)
def test_buffers_that_the_builder_makes_otherwise_come_along_and_are_saved(name):
    space, tokens = EXAMPLES["tied"]()
    module = trained(space, seed=5)
    generator = configured(name)(space=space, start=module).eval()
    other = configured(name)(space=space)
    other.load_state_dict(generator.state_dict())
    for made in (generator, other.eval()):
        assert_close(made.call(space.largest(), tokens), module(tokens), rtol=0, atol=0)
        small = made.export(space.smallest())
        assert_close(small.phases, module.phases[..., : small.phases.shape[-1]], rtol=0, atol=0)


def test_a_row_of_padding_is_the_starts():
    def build(a):
        return nn.Sequential(nn.Embedding(5, a["dim"], padding_idx=1), nn.Linear(a["dim"], 2))

    space = SearchSpace({"dim": [2, 4]}, build)
    module = trained(space)
    for make in (generators.shared, generators.hypernas, generators.Standalone):
        assert unlike(make(space, start=module), module) == 0


def test_parameters_of_other_categories_are_told_where_the_start_lacks_them():
    space = EXAMPLES["categorical"]().space
    module = trained(space)
    with pytest.warns(UserWarning, match=r"left as the builder draws them.*: norm\.|activation"):
        generator = generators.shared(space, start=module)
    assert unlike(generator, module) == 0


def test_under_a_condition_of_zeros_a_mixture_is_the_start():
    space = READY["mlp"]().space
    module = trained(space)
    for make, limit in ((generators.hypernas, 0), (generators.mos_layer, 1e-6)):
        generator = make(space, condition_dim=2, start=module).eval()
        made = generator(generator.subnet(space.largest(), torch.zeros(2)))
        for name, parameter in module.named_parameters():
            assert_close(made[name], parameter, rtol=0, atol=limit)


def test_gates_that_add_up_to_nothing_are_refused():
    space = READY["mlp"]().space
    bank = PerParameterBank(Supernet(space), num_experts={"head.weight": 2})
    with pytest.raises(ValueError, match="add up to about 0"):
        bank.hold({"head.weight": torch.zeros(5, 8)}, {"head.weight": torch.tensor([1.0, -1.0])})


def test_a_member_of_a_growth_starts_at_a_small_module():
    space = READY["conv2d"]().space
    torch.manual_seed(3)
    small = space.build(space.smallest())
    assert unlike(member(space, architecture="smallest", start=small), small) < 1e-6


def test_standalone_networks_keep_their_start_with_their_weights():
    space = READY["mlp"]().space
    generator = generators.Standalone(space, start=trained(space))
    generator.train()
    generator(space.smallest())
    other = generators.Standalone(space)
    other.load_state_dict(generator.state_dict())
    for architecture in (space.smallest(), space.largest()):
        assert_close(other.eval()(architecture), generator.eval()(architecture), rtol=0, atol=0)


# --- experts ---------------------------------------------------------------------------------------


def steps(generator, inputs, num):
    """Train on random targets, a random architecture a step."""
    rng = torch.Generator().manual_seed(0)
    targets = torch.randint(5, (len(inputs),), generator=rng)
    optimizer = torch.optim.AdamW(generator.parameters(), 3e-3)
    generator.train()
    for _ in range(num):
        outputs = generator.call(generator.space.sample(rng), inputs)
        optimizer.zero_grad()
        nn.functional.cross_entropy(outputs, targets).backward()
        optimizer.step()


def spread_of(experts):
    """The least distance of two experts, shape (K, ...), in units of their mean size."""
    flat = experts.detach().flatten(1)
    distances = torch.cdist(flat, flat) + torch.eye(len(flat)) * 1e9
    return float(distances.min() / flat.norm(dim=1).mean())


def loading(space, module):
    """The same space, whose builder loads trained weights for the largest."""

    def build(architecture):
        made = space.build(architecture)
        if architecture == space.largest():
            made.load_state_dict(module.state_dict())
        return made

    return SearchSpace(space.choices, build, space.layouts)


@pytest.mark.parametrize("loads", [False, True])
@pytest.mark.parametrize(
    "make",
    [generators.hypernas, partial(generators.hypernas, base=False), generators.mos_layer],
    ids=["base", "no base", "mos"],
)
def test_experts_differ_and_stay_apart_after_a_start(make, loads):
    ready = READY["mlp"]()
    module = trained(ready.space)
    space = loading(ready.space, module) if loads else ready.space
    generator = make(space, start=None if loads else module)
    if not (loads and make is generators.mos_layer):  # whose routers the bank does not know
        assert unlike(generator, module) < 1e-6
    names = [name for name in dict(module.named_parameters()) if name.endswith("weight")]
    steps(generator, ready.inputs[0], 50)
    for name in names:
        stack = generator.bank(name)
        experts = stack[1:] if len(stack) == 4 and make is generators.hypernas else stack
        assert spread_of(experts) > 0.1, name


def test_what_a_builder_sets_to_a_constant_stays_it_in_every_expert():
    def build(architecture):
        module = nn.Sequential(
            nn.Linear(4, architecture["width"]), nn.LayerNorm(architecture["width"])
        )
        nn.init.constant_(module[1].weight, 0.1)
        return module

    space = SearchSpace({"width": Choice([3, 6])}, build)
    supernet = Supernet(space)
    bank = PerParameterBank(supernet, num_experts=dict.fromkeys(supernet.shapes, 3))
    assert_close(bank("1.weight"), torch.full((3, 6), 0.1), rtol=0, atol=0)


def frozen(width):
    """A module whose first layer requires no gradient."""
    module = nn.Sequential(nn.Linear(4, width), nn.Linear(width, 2))
    module[0].weight.requires_grad_(False)
    return module


@pytest.mark.parametrize("name", [*EXACT, *WITHIN])
def test_frozen_parameters_are_the_builders_and_must_be_the_starts(name):
    space = SearchSpace({"width": [3, 6]}, lambda architecture: frozen(architecture["width"]))
    module = trained(space)
    with pytest.raises(ValueError, match=r"0\.weight: .* away"):
        configured(name)(space=space, start=module)
    built = generators.shared(space).export(space.largest())
    with torch.no_grad():
        module[0].weight.copy_(built[0].weight)
    assert unlike(configured(name)(space=space, start=module), module) < 1e-6
