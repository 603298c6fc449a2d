"""Translations are decoded without reading a symbol twice, and are those of a decoder that does."""

import itertools

import pytest
import torch
from torch.testing import assert_close

from hypernas import generators
from hypernas.decoding import translate
from hypernas.spaces import seq2seq

PADDING, START, END = 0, 2, 3
SPACE = seq2seq(
    input_shape=(12,),
    num_classes=9,
    encoder_dims=[8, 16],
    decoder_dims=[8, 12],
    qkv_dim=16,
    padding=0,
)
WORDS = {"start": START, "end": END}


def translator(architecture) -> torch.nn.Module:
    module = generators.shared(SPACE).export(architecture).double()
    rng = torch.Generator().manual_seed(5)
    with torch.no_grad():  # large weights, so that what was written decides what follows
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=rng))
        module.embedding.weight.mul_(0.1)
    return module


@pytest.fixture(params=["smallest", "largest"])
def model(request) -> torch.nn.Module:
    torch.manual_seed(3)
    return translator(getattr(SPACE, request.param)())


@pytest.fixture
def source() -> torch.Tensor:
    source = torch.randint(4, 9, (20, 7), generator=torch.Generator().manual_seed(1))
    source[::2, 5:] = PADDING
    return source


def read_again(model, source, longest, end) -> list[list[int]]:
    """Greedy decoding that reads everything again for each symbol."""
    found = []
    for row in source[:, None]:
        target = torch.tensor([[START]])
        while target.shape[1] <= longest and target[0, -1] != end:
            target = torch.cat([target, model(row, target)[:, -1:].argmax(-1)], dim=1)
        found.append([symbol for symbol in target[0, 1:].tolist() if symbol != end])
    return found


def every_target(longest: int) -> list[tuple[int, ...]]:
    words = [symbol for symbol in range(9) if symbol != END]
    whole = [(*t, END) for n in range(longest) for t in itertools.product(words, repeat=n)]
    return whole + list(itertools.product(words, repeat=longest))


def test_symbol_by_symbol_gives_the_logits_of_a_whole_target(model, source):
    target = torch.randint(4, 9, (20, 10), generator=torch.Generator().manual_seed(2))
    state = model.start(source)
    logits = []
    for symbols in target.T:
        one, *state = model.advance(symbols, *state)
        logits.append(one)
    assert_close(torch.stack(logits, dim=1), model(source, target), atol=1e-6, rtol=1e-6)


def test_one_hypothesis_is_greedy_decoding(model, source):
    lengths = set()
    for end in {*range(9)} - {START}:  # any symbol may be the end
        with torch.no_grad():
            expected = read_again(model, source[:6], 9, end)
        found = translate(model, source[:6], longest=9, start=START, end=end)
        assert found == expected
        lengths |= {*map(len, found)}
    assert len(lengths) > 1


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_beam_that_holds_everything_finds_the_best_of_all_targets(model, source, penalty):
    targets = every_target(3)
    scores = {}
    for length, several in itertools.groupby(targets, key=len):
        labels = torch.tensor([*several])
        given = torch.nn.functional.pad(labels, (1, -1), value=START)
        with torch.no_grad():
            steps = model(source[:1].expand(len(given), -1), given).log_softmax(-1)
        totals = steps.gather(2, labels[..., None]).sum((1, 2)) / length**penalty
        scores |= zip(map(tuple, labels.tolist()), totals.tolist(), strict=True)
    best = max(scores, key=scores.__getitem__)
    found = translate(model, source[:1], longest=3, beam=800, length_penalty=penalty, **WORDS)
    assert found == [[symbol for symbol in best if symbol != END]]


def test_a_source_is_translated_alike_alone_and_among_longer_ones(model, source):
    together = translate(model, source, longest=9, beam=3, **WORDS)
    alone = [translate(model, row[row != 0][None], longest=9, beam=3, **WORDS)[0] for row in source]
    assert together == alone


def test_what_cannot_be_decoded_is_refused(model, source):
    assert translate(model, source[:0], longest=3, **WORDS) == []
    with pytest.raises(ValueError, match="beam and longest must be 1 or more, got 0 and 3"):
        translate(model, source, longest=3, beam=0, **WORDS)
