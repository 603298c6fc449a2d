"""Translation by the subnets of a run."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypernas.border import checked
from hypernas.cost import num_parameters
from hypernas.data import Translation
from hypernas.distributed.device import pick_device
from hypernas.evaluation.translations import Score, score, score_by_length, translations
from hypernas.runs.evaluate import Described, chosen_subnets
from hypernas.runs.load import Run, opened
from hypernas.space.architecture import Architecture

SPLITS = ("validation", "test")
_MOST, _ENOUGH = 100, 0.5  # times that sentences are translated to time them, and seconds of all


@dataclass(frozen=True)
class Written:
    """Translations of sentences by a subnet.

    Attributes:
        label: of the subnet.
        num_parameters: of the plain subnet.
        texts: a translation of each.
        seconds: of the wall, for all of them, after one was translated to warm up; where that is short, the least of several times.
        score: against the references; None without any.
        by_length: words of a source -> the score of such sentences: see `score_by_length`.
    """

    label: str
    architecture: Architecture
    num_parameters: int
    texts: list[str]
    seconds: float
    score: Score | None = None
    by_length: Mapping[str, Score] = field(default_factory=dict)

    @property
    def milliseconds(self) -> float:
        """Of the wall, for a sentence, on average."""
        return 1000 * self.seconds / len(self.texts)

    def rows(self) -> list[dict[str, Any]]:
        """Flat, for a table of measures, the architecture as JSON: a row for all sentences, then one for each length."""
        found: dict[str, Any] = {
            "subnet": self.label,
            "architecture": self.architecture.to_json(),
            "parameters": self.num_parameters,
            "milliseconds": round(self.milliseconds, 3),
        }
        scores = {} if self.score is None else {"all": self.score, **self.by_length}
        return [
            found
            | {
                "words": words,
                "sentences": own.num,
                "bleu": round(own.bleu, 4),
                "chrf": round(own.chrf, 4),
                "bleu_signature": own.signatures[0],
                "chrf_signature": own.signatures[1],
            }
            for words, own in scores.items()
        ]


@checked
def translate(
    run: Run | str | os.PathLike[str],
    texts: str | Sequence[str] = (),
    *,
    architectures: Sequence[Described] = ("largest",),
    split: str | None = None,
    beam: int = 4,
    length_penalty: float = 1.0,
    device: str = "auto",
) -> Iterator[Written]:
    """The translations of sentences by subnets of a run, one subnet after the other.

    Args:
        run: or its folder, whose data are a `Translation` and whose subnets decode, as those of the space `seq2seq`.
        texts: a sentence, or several.
        architectures: see `hypernas.evaluate`.
        split: validation or test: its sentences instead, with BLEU and chrF.
        beam, length_penalty: see `hypernas.decoding.translate`.

    Raises:
        TypeError: if the data are no translations, or the subnets do not decode.
        ValueError: if there are no sentences, or both, or one does not fit.
    """
    run = opened(run)
    data = translations_of(run)
    texts = [texts] if isinstance(texts, str) else [*texts]
    if split not in (None, *SPLITS):
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, or None, got {split!r}.")
    if bool(texts) == bool(split):
        raise ValueError(
            f"expected sentences or a split, got {len(texts)} sentences and split={split!r}."
        )
    sentences = data.sentences[split] if split else ()
    sources = [sentence.source for sentence in sentences] or texts
    generator = run.generator.to(pick_device(device))
    for label, architecture in chosen_subnets(run, architectures, num=0, seed=0).items():
        model = generator.export(architecture)
        translations(model, data, sources[:1], beam=beam)
        written, spent = [], []
        while not spent or (len(spent) < _MOST and sum(spent) < _ENOUGH):
            begin = time.perf_counter()
            written = translations(model, data, sources, beam=beam, length_penalty=length_penalty)
            spent.append(time.perf_counter() - begin)
        yield Written(
            label,
            architecture,
            num_parameters(model),
            written,
            min(spent),
            score(written, sentences) if split else None,
            score_by_length(written, sentences) if split else {},
        )


def translations_of(run: Run) -> Translation:
    """The data of a run on pairs of sentences.

    Raises:
        TypeError: if it is on others.
    """
    if not isinstance(run.data, Translation):
        raise TypeError(
            f"expected a run on pairs of sentences (data=translation), got one on {run.data.name!r}."
        )
    return run.data
