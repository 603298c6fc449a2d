"""Subword vocabularies, learned from text."""

import io
from collections.abc import Iterable, Sequence

from hypernas.data.data import DataNotFound

PADDING, UNKNOWN, START, END = range(4)  # symbols that stand for no text


class Subwords:
    """Text as symbols of a vocabulary, and back, with nothing lost.

    Byte-pair encoding of the package sentencepiece (Kudo and Richardson, 2018, arXiv 1808.06226). Characters that the
    vocabulary does not have become bytes, and white space is kept, so every text comes back as it was, but for U+2581,
    which stands for a space. Symbols 0 to 3 are `PADDING`, `UNKNOWN`, `START` and `END`.

    Args:
        model: what `learned` made, as `Subwords.model` gives it.

    Raises:
        DataNotFound: if the package is not installed.
        ValueError: if it is no model with those four symbols.
    """

    def __init__(self, model: bytes) -> None:
        self.model = model
        try:
            self._processor = _sentencepiece().SentencePieceProcessor(model_proto=model)
        except RuntimeError as error:
            raise ValueError(f"expected a model of sentencepiece, got another ({error}).") from None
        p = self._processor
        special = [p.pad_id(), p.unk_id(), p.bos_id(), p.eos_id()]
        if special != [PADDING, UNKNOWN, START, END]:
            raise ValueError(
                f"expected a vocabulary whose symbols of padding, unknown text, start and end are 0 to 3, got {special}."
            )

    @staticmethod
    def learned(sentences: Iterable[str], size: int) -> "Subwords":
        """The vocabulary of `size` symbols that the text merges to, the same one for the same text.

        Raises:
            DataNotFound: if the package is not installed.
            ValueError: if the text has too few words, or too many characters, for as many symbols.
        """
        written = io.BytesIO()
        try:
            _sentencepiece().SentencePieceTrainer.train(
                sentence_iterator=iter(sentences),
                model_writer=written,
                model_type="bpe",
                vocab_size=size,
                byte_fallback=True,
                character_coverage=1.0,
                normalization_rule_name="identity",
                remove_extra_whitespaces=False,
                pad_id=PADDING,
                unk_id=UNKNOWN,
                bos_id=START,
                eos_id=END,
                num_threads=1,
                minloglevel=2,
            )
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].split("] ")[-1]
            raise ValueError(
                f"no vocabulary of {size} symbols can be learned from this text: {reason} 256 of them are bytes and 4 "
                f"no text; each character of the text is one more, and the text must have enough words for the others."
            ) from None
        return Subwords(written.getvalue())

    @property
    def size(self) -> int:
        """Symbols of the vocabulary."""
        return self._processor.vocab_size()

    @property
    def pieces(self) -> list[str]:
        """The text of each symbol, white space as U+2581: two vocabularies of the same are the same."""
        return self._processor.id_to_piece(list(range(self.size)))

    def encode(self, sentences: Sequence[str]) -> list[list[int]]:
        """The symbols of each sentence, without start and end."""
        return self._processor.encode(list(sentences))

    def decode(self, symbols: Sequence[Sequence[int]]) -> list[str]:
        """The text of each row of symbols, up to its first end; symbols that stand for no text are left out."""
        rows = [row[: row.index(END)] if END in row else row for row in map(list, symbols)]
        return self._processor.decode([[s for s in row if s > END] for row in rows])


def _sentencepiece():
    try:
        import sentencepiece
    except ImportError:
        raise DataNotFound(
            "subword vocabularies are learned by the package sentencepiece, which is not installed: "
            "pip install 'hypernas[translation]'"
        ) from None
    return sentencepiece
