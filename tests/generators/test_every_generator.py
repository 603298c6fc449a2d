"""Every configured generator on every ready-made space."""

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from ready_made import READY
from torch.testing import assert_close

from hypernas.cli.main import configs
from hypernas.generators import Generator, auxiliary_loss
from hypernas.subnet.target import weight_shapes

NAMES = sorted(path.stem for path in (configs() / "generator").glob("*.yaml"))


@pytest.fixture(params=NAMES)
def name(request) -> str:
    return request.param


@pytest.fixture
def make(name):
    with initialize_config_dir(str(configs()), version_base="1.3"):
        config = compose("train", overrides=[f"generator={name}"])
    return instantiate(config.generator)


@pytest.fixture(params=READY)
def ready(request):
    return READY[request.param]()


def test_it_trains_and_exports_subnets_of_every_space(make, ready):
    generator: Generator = make(space=ready.space)
    generator.train()
    for architecture in ready.some(1):
        outputs = generator.call(architecture, *ready.inputs)
        outputs.square().mean().backward()
        auxiliary = auxiliary_loss(generator, [generator.subnet(architecture)])
        if auxiliary is not None:
            auxiliary.backward()
    gradients = [p.grad for p in generator.parameters() if p.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    generator.eval()
    for architecture in ready.some(1):
        with torch.no_grad():
            shapes = {n: weight.shape for n, weight in generator(architecture).items()}
            assert shapes == weight_shapes(ready.space.build(architecture))
            expected = generator.call(architecture, *ready.inputs)
            assert_close(generator.export(architecture)(*ready.inputs), expected)


def test_it_tells_what_it_stores_and_what_it_is(make, name):
    generator = make(space=READY["conv2d"]().space)
    if name == "standalone":
        generator(generator.space.largest())
    described = generator.describe()
    largest = weight_shapes(generator.space.build(generator.space.largest()))
    assert set(described.assignment) == set(largest)
    assert described.num_generated == sum(shape.numel() for shape in largest.values())
    assert described.num_stored == sum(p.numel() for p in generator.parameters()) > 0
    reads = name.startswith(("mos", "hypernas", "mip", "hmlp", "chunked"))
    assert bool(described.taxonomy) == reads
    assert ("architecture-conditioned" in str(described)) == reads
    assert all(words for words in described.assignment.values())


@pytest.mark.parametrize(
    ("named", "outputs"),
    [
        ("hypernas", "generate once"),
        ("mos_layer", "multiple heads"),
        ("mip_hypernetwork", "generate once"),
        ("chunked_hmlp", "chunk-wise"),
    ],
)
def test_hypernetworks_fill_different_cells_of_the_taxonomy(named, outputs):
    with initialize_config_dir(str(configs()), version_base="1.3"):
        config = compose("train", overrides=[f"generator={named}"])
    generator = instantiate(config.generator)(space=READY["mlp"]().space)
    assert generator.describe().taxonomy.outputs == outputs
