"""Sentences that a subnet translates, and how near they are to what people wrote."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from hypernas.border import checked
from hypernas.data import DataNotFound, Translation
from hypernas.data.subwords import END, PADDING, START
from hypernas.data.translation import Sentence
from hypernas.decoding import Translator, translate

_BATCH = 64  # sentences of about one length


@checked
def translations(
    model: nn.Module,
    data: Translation,
    sources: Sequence[str],
    *,
    beam: int = 1,
    length_penalty: float = 1.0,
) -> list[str]:
    """The translation of each source.

    Args:
        model: a `hypernas.decoding.Translator` over the symbols of `data`, such as `generator.export` gives of the space
            `seq2seq`; it is put into evaluation mode.
        beam, length_penalty: see `hypernas.decoding.translate`.

    Raises:
        TypeError: if the model cannot decode.
        ValueError: if a source has more symbols than fit.
    """
    if not all(callable(getattr(model, name, None)) for name in ("start", "advance")):
        raise TypeError(
            f"expected a module with the methods start and advance of hypernas.decoding.Translator, got "
            f"{type(model).__name__}: the space seq2seq has such modules."
        )
    (longest,) = data.input_shape
    rows = [[*row, END] for row in data.subwords.encode(sources)]
    long = [i for i, row in enumerate(rows) if len(row) > longest]
    if long:
        raise ValueError(
            f"expected sources of at most {longest} symbols, got {len(long)} longer ones, the first of {len(rows[long[0]])}: "
            f"{sources[long[0]][:80]!r}."
        )
    device = next(model.parameters()).device
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    written: dict[int, str] = {}
    for first in range(0, len(order), _BATCH):
        part = order[first : first + _BATCH]
        padded = pad_sequence(
            [torch.tensor(rows[i]) for i in part], batch_first=True, padding_value=PADDING
        )
        found = translate(
            cast(Translator, model.eval()),
            padded.to(device),
            start=START,
            end=END,
            longest=longest,
            beam=beam,
            length_penalty=length_penalty,
        )
        written |= zip(part, data.subwords.decode(found), strict=True)
    return [written[i] for i in range(len(rows))]


@dataclass(frozen=True)
class Score:
    """The nearness of translations to their references, from 0 to 100, by the package sacrebleu.

    Attributes:
        bleu: Papineni et al., 2002.
        chrf: Popović, 2015.
        num: sentences.
        signatures: of BLEU and chrF: version and settings, without which neither can be compared.
    """

    bleu: float
    chrf: float
    num: int
    signatures: tuple[str, str]


LENGTHS = ((1, 4), (5, 6), (7, 8), (9, 12), (13, None))  # words of a source, both ends included


@checked
def score_by_length(written: Sequence[str], sentences: Sequence[Sentence]) -> dict[str, Score]:
    """The score of the sentences whose sources have as many words, such as "5-6"; of lengths that there are.

    Words are what white space divides. BLEU of short sentences has few n-grams to count, so bins compare subnets, not lengths.
    """
    num_words = [len(sentence.source.split()) for sentence in sentences]
    found = {}
    for low, high in LENGTHS:
        some = [i for i, num in enumerate(num_words) if low <= num <= (high or num)]
        if some:
            name = f"{low}-{high}" if high else f"{low}+"
            found[name] = score([written[i] for i in some], [sentences[i] for i in some])
    return found


@checked
def score(written: Sequence[str], sentences: Sequence[Sentence]) -> Score:
    """BLEU and chrF of translations over all of them (not means over sentences), against all references there are.

    Raises:
        DataNotFound: if sacrebleu is not installed.
        ValueError: if there are none, or not as many as sentences.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError:
        raise DataNotFound(
            "translations are compared by the package sacrebleu, which is not installed: pip install 'hypernas[translation]'"
        ) from None
    if not written or len(written) != len(sentences):
        raise ValueError(
            f"expected a translation of each sentence, one or more, got {len(written)} of {len(sentences)}."
        )
    num = max(len(sentence.references) for sentence in sentences)
    references: Any = [  # shape: (most references, sentences); where there are fewer, None
        [s.references[i] if i < len(s.references) else None for s in sentences] for i in range(num)
    ]
    bleu, chrf = BLEU(), CHRF()
    values = [measure.corpus_score(list(written), references).score for measure in (bleu, chrf)]
    signatures = (str(bleu.get_signature()), str(chrf.get_signature()))
    return Score(values[0], values[1], len(written), signatures)
