"""The quality of translations as an objective's measure."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from hypernas.data import Data, Translation
from hypernas.evaluation.appraisal import Appraisal
from hypernas.evaluation.translations import score, translations
from hypernas.objectives import CrossEntropy, Objective
from hypernas.objectives.counted import Counted


class TranslationQuality(Objective, Counted, Appraisal):
    """Cross-entropy to train with, and `bleu` and `chrf` of what a model writes, beside its measures.

    Sentences are translated, not continued from their references, so errors add up as in use. Training sentences
    are not translated: on the training split there is cross-entropy only.

    Args:
        label_smoothing: of the loss; measures have none.
        num: sentences of a split, its first, which are in random order; None for all.
        beam, length_penalty: see `hypernas.decoding.translate`.
    """

    names = ("bleu", "chrf")

    def __init__(
        self,
        *,
        label_smoothing: float = 0.1,
        num: int | None = None,
        beam: int = 1,
        length_penalty: float = 1.0,
    ) -> None:
        if beam < 1 or (num is not None and num < 1):
            raise ValueError(f"num and beam must be 1 or more, got {num} and {beam}.")
        self.labels = CrossEntropy(label_smoothing=label_smoothing)
        self.num, self.beam, self.length_penalty = num, beam, length_penalty

    def loss(self, outputs: Any, targets: Tensor, teacher: Any = None) -> Tensor:
        return self.labels.loss(outputs, targets)

    def measures(self, outputs: Any, targets: Tensor) -> dict[str, Tensor]:
        return self.labels.measures(outputs, targets)

    def num_counted(self, targets: Any) -> int | None:
        return self.labels.num_counted(targets)

    def appraise(self, model: Callable[..., Any], data: Data, split: str) -> dict[str, float]:
        if not isinstance(data, Translation) or not isinstance(model, nn.Module):
            raise TypeError(
                f"objective translation_quality measures modules that translate pairs of sentences (data=translation), got "
                f"{type(model).__name__} on {data.name!r}: take objective=cross_entropy."
            )
        if split == "train":
            return {}
        sentences = data.sentences[split][: self.num]
        written = translations(
            model,
            data,
            [sentence.source for sentence in sentences],
            beam=self.beam,
            length_penalty=self.length_penalty,
        )
        found = score(written, sentences)
        return {"bleu": found.bleu, "chrf": found.chrf}
