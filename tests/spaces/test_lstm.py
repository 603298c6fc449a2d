"""A recurrent module of torch's own, whose stacked gates must be sliced one by one."""

import pickle

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.testing import assert_close

from hypernas import SearchSpace
from hypernas.generators import hypernas, mos_neuron, shared
from hypernas.subnet.target import weight_shapes

GENERATORS = [shared, hypernas, mos_neuron]


class Tagger(nn.Module):
    """One tag for each symbol."""

    def __init__(self, architecture) -> None:
        super().__init__()
        hidden = architecture["hidden"]
        self.embedding = nn.Embedding(5, 6)
        self.recurrence = nn.LSTM(6, hidden, architecture["layers"], batch_first=True)
        self.head = nn.Linear(hidden, 2)

    def forward(
        self,
        symbols: Tensor,  # shape: (N, T)
    ) -> Tensor:  # shape: (N, T, 2)
        return self.head(self.recurrence(self.embedding(symbols))[0])


@pytest.fixture
def space() -> SearchSpace:
    return SearchSpace({"hidden": [4, 8, 12], "layers": [1, 2]}, Tagger)


@pytest.fixture
def symbols() -> Tensor:
    return torch.randint(5, (32, 6))


def _recurrence(cells: list[dict[str, Tensor]], x: Tensor) -> Tensor:
    """The equations of an LSTM, with a matrix for each gate: input, forget, cell, output."""
    for cell in cells:
        hidden = state = torch.zeros(len(x), len(cell["hh"][0]))
        outputs = []
        for now in x.unbind(1):
            i, f, g, o = (
                now @ ih.T + hidden @ hh.T + b
                for ih, hh, b in zip(cell["ih"], cell["hh"], cell["bias"], strict=True)
            )
            state = f.sigmoid() * state + i.sigmoid() * g.tanh()
            hidden = o.sigmoid() * state.tanh()
            outputs.append(hidden)
        x = torch.stack(outputs, dim=1)
    return x


def test_a_subnet_computes_with_the_first_neurons_of_each_gate_of_the_largest(space, symbols):
    generator = shared(space)
    large = {name: w.detach() for name, w in generator(space.largest()).items()}
    cells = []
    for layer in range(2):

        def gates(kind: str, layer: int = layer) -> list[Tensor]:
            inputs = 6 if kind.startswith("weight_ih_l0") else 8
            parts = large[f"recurrence.{kind}_l{layer}"].chunk(4)
            return [part[:8, :inputs] if part.dim() > 1 else part[:8] for part in parts]

        biases = [a + b for a, b in zip(gates("bias_ih"), gates("bias_hh"), strict=True)]
        cells.append({"ih": gates("weight_ih"), "hh": gates("weight_hh"), "bias": biases})
    x = nn.functional.embedding(symbols, large["embedding.weight"])
    expected = nn.functional.linear(
        _recurrence(cells, x), large["head.weight"][:, :8], large["head.bias"]
    )
    assert_close(generator.call({"hidden": 8, "layers": 2}, symbols), expected)


@pytest.mark.parametrize("make", GENERATORS)
def test_every_tagger_fits_and_is_exported_as_it_is(space, symbols, make):
    generator = make(space).eval()
    for architecture in space.enumerate():
        weights = generator(architecture)
        shapes = {name: weight.shape for name, weight in weights.items()}
        assert shapes == weight_shapes(space.build(architecture))
        with torch.no_grad():
            expected = generator.call(architecture, symbols)
            assert_close(generator.export(architecture)(symbols), expected)


@pytest.mark.parametrize("make", GENERATORS)
def test_taggers_of_every_size_learn_to_repeat_the_symbol_before(space, symbols, make):
    tags = (symbols.roll(1, dims=1) > 2).long()[:, 1:]
    generator = make(space)
    optimizer = torch.optim.Adam(generator.parameters(), lr=1e-2)
    sizes = [space.smallest(), space.largest()]

    def losses() -> list[Tensor]:
        return [
            cross_entropy(generator.call(a, symbols)[:, 1:].flatten(0, 1), tags.flatten())
            for a in sizes
        ]

    start = [loss.detach() for loss in losses()]
    for _ in range(40):
        sum(losses()).backward()
        optimizer.step()
        optimizer.zero_grad()
    for before, after in zip(start, losses(), strict=True):
        assert after.detach() < 0.7 * before


def test_a_generator_of_taggers_pickles_after_use(space, symbols):
    generator = shared(space)
    expected = generator.call(space.largest(), symbols)
    again = pickle.loads(pickle.dumps(generator))
    assert_close(again.call(space.largest(), symbols), expected)
