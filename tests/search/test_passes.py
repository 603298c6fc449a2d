"""Ways to run subnets that are judged: each computes the same."""

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close
from torch.utils.data import TensorDataset

from hypernas import Choice, SearchSpace, generators
from hypernas.data import Data
from hypernas.evaluation import evaluate
from hypernas.objectives import CrossEntropy
from hypernas.search.judge import Judge
from hypernas.search.passes import Passes
from hypernas.training import Task

PIECE = 8


class Images(nn.Module):
    """Two convolutions with norms, and an end that may ask more of its tensors than others do."""

    def __init__(self, width, end) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, width, 3, padding=1), nn.BatchNorm2d(width)
        self.point, self.other = nn.Conv2d(width, 4, 1), nn.BatchNorm2d(4)
        self.head, self.end = nn.Linear(4, 3), end

    def forward(self, x: Tensor) -> Tensor:
        x = self.other(self.point(self.norm(self.conv(x)).relu()))
        if self.end == "view":  # refuses channels that are last
            x = x.view(len(x), -1).view_as(x)
        x = self.head(x.mean((2, 3)))
        return x - x.mean(0) if self.end == "mixed" else x


def space(ends: tuple[str, ...]) -> SearchSpace:
    choices = {"width": [4, 8], "end": Choice(ends)}
    return SearchSpace(choices, lambda a: Images(a["width"], a["end"]), layouts={"*": "..."})


def data() -> Data:
    rng = torch.Generator().manual_seed(0)

    def part(num: int) -> TensorDataset:
        images = torch.randn(num, 2, 5, 5, generator=rng)
        return TensorDataset(images, torch.randint(3, (num,), generator=rng))

    return Data("images", part(64), part(3 * PIECE + 1), part(2), (2, 5, 5), 3)


def ways(ends: tuple[str, ...]) -> tuple[generators.Generator, Passes, Passes]:
    generator, own = generators.hypernas(space(ends)).eval(), data()
    batches = [inputs for inputs, _ in own.in_order("validation")]
    plain = Passes.plain(own.calibration(2, batch_size=16), batches)
    with torch.no_grad():
        return generator, plain, plain.fastest(generator, piece=PIECE)


@torch.no_grad()
def test_pieces_and_channels_that_are_last_give_the_outputs_of_whole_batches():
    generator, plain, fastest = ways(("plain",))
    assert fastest.channels_last
    assert len(fastest.validation[0]) == 4
    for architecture in generator.space.enumerate():
        pairs = zip(
            plain.outputs(generator, architecture),
            fastest.outputs(generator, architecture),
            strict=True,
        )
        for one, other in pairs:
            assert_close(one, other)


def test_a_network_that_needs_tensors_as_they_are_gets_them_in_pieces():
    _, _, fastest = ways(("view",))
    assert not fastest.channels_last
    assert len(fastest.validation[0]) == 4


def test_a_network_that_mixes_the_examples_of_a_batch_gets_whole_ones():
    _, plain, fastest = ways(("mixed",))
    assert fastest is plain


@pytest.mark.parametrize("ends", [("plain",), ("plain", "view", "plain_too"), ("mixed",)])
def test_verdicts_are_those_of_evaluate_whatever_a_network_asks_of_its_tensors(ends):
    generator, own = generators.hypernas(space(ends)), data()
    some = list(generator.space.enumerate())
    judge = Judge([generator], Task(own, CrossEntropy()), calibration_batches=2, batch_size=PIECE)
    verdicts = judge(some)
    expected = evaluate(
        generator,
        own,
        {str(i): a for i, a in enumerate(some)},
        objective=CrossEntropy(),
        split="validation",
        calibration_batches=2,
        batch_size=PIECE,
    )
    for verdict, one in zip(verdicts, expected, strict=True):
        means = {name: measure.mean for name, measure in verdict.items()}
        assert means == pytest.approx(one.calibrated, abs=1e-6)
