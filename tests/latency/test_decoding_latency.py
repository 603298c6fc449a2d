"""Greedy decoding is measured symbol by symbol, under torch and onnxruntime, and depends on the decoder."""

from typing import Any, ClassVar

import pytest
import torch
from torch import nn

from hypernas import SearchSpace
from hypernas.latency import Decoding, Latency, LatencyError, OnnxRuntime, Rounds, Torch
from hypernas.latency.greedy import write
from hypernas.spaces import mlp, seq2seq
from hypernas.subnet.arguments import Arguments

EXAMPLE = (torch.tensor([[5, 6, 3]]), torch.tensor([[2, 5]]))
QUICK = {"rounds": Rounds(warmup=0, least=1, most=1, repeats=1), "tolerated": 1e3}


class Counting(nn.Module):
    """A translator that counts its passes, and whose state is the symbols that were written."""

    passes: ClassVar[list[str]] = []

    def __init__(self, architecture):
        super().__init__()
        self.head = nn.Linear(1, architecture["width"])

    def forward(self, source, target):
        return self.head(target[..., None].float())

    def start(self, source):
        self.passes.append(f"start {source.shape[1]}")
        return source, source[:, :0]

    def advance(self, symbols, source, written):
        self.passes.append(f"advance {written.shape[1]}")
        return (
            self.head(symbols[:, None].float()),
            source,
            torch.cat([written, symbols[:, None]], 1),
        )


SPACE = SearchSpace({"width": [7, 9]}, Counting, layouts={"*": "..."})


@pytest.mark.parametrize(("length", "read"), [(None, 3), (2, 2), (8, 8)])
def test_a_run_is_one_encoder_pass_and_a_step_for_each_symbol(length, read):
    backend = Decoding(Torch(), num=4, length=length)
    Counting.passes.clear()
    Latency(SPACE, EXAMPLE, backend=backend, **QUICK)([SPACE.smallest()])
    once = [f"start {read}", *(f"advance {i}" for i in range(4))]
    assert Counting.passes[:5] == once
    assert len(Counting.passes) % 5 == 0


def test_graphs_are_those_of_both_passes():
    """Under onnxruntime, what runs is written once; running it calls no module."""
    module = SPACE.build(SPACE.smallest()).eval()
    run = Decoding(OnnxRuntime(), num=3).prepare(module, Arguments.of(EXAMPLE), threads=1)
    Counting.passes.clear()
    found: Any = run()
    assert Counting.passes == []
    symbols = write(module, EXAMPLE[0], 3)
    assert found.tolist() == symbols.tolist()


def test_latencies_of_decoding_and_of_a_forward_pass_are_kept_apart(tmp_path):
    found = [
        Latency(SPACE, EXAMPLE, backend=backend, **QUICK, cache=tmp_path)
        for backend in (Torch(), Decoding(Torch(), num=2), Decoding(Torch(), num=3))
    ]
    for latency in found:
        latency([SPACE.smallest()])
    assert len(list(tmp_path.glob("*.json"))) == 3


def test_what_does_not_decode_is_told():
    space = mlp(input_shape=(3,), num_classes=2)
    latency = Latency(space, torch.ones(1, 3), backend=Decoding(Torch()), **QUICK)
    with pytest.raises(LatencyError, match="methods start and advance"):
        latency([space.smallest()])
    compiled = Latency(SPACE, EXAMPLE, backend=Decoding(Torch(compiled=True)), **QUICK)
    with pytest.raises(LatencyError, match="give compiled=false"):
        compiled([SPACE.smallest()])
    with pytest.raises(ValueError, match="num and length must be 1 or more, got 0 and None"):
        Decoding(num=0)


def test_more_symbols_than_there_are_positions_for_are_refused_in_words():
    space = seq2seq(input_shape=(8,), num_classes=9)
    backend = Decoding(num=9)
    with pytest.raises(
        LatencyError, match=r"read 3 symbols and write 9 .*costs.latency.backend.num"
    ):
        Latency(space, EXAMPLE, backend=backend, **QUICK)([space.smallest()])
