"""Pairs of sentences, a translation of each other."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from hypernas.border import checked
from hypernas.data.archive import read_unpacked
from hypernas.data.catalogue import catalogue_pairs
from hypernas.data.data import Batch, Data, DataNotFound
from hypernas.data.near_duplicates import families
from hypernas.data.subwords import END, PADDING, START, Subwords

_LARGEST = 2**30  # bytes of text
_NO_PREDICTION = -100

Pair = tuple[str, str]  # a source and its target
Symbols = tuple[Sequence[int], Sequence[int]]  # of both, without those around them


class Sentence(NamedTuple):
    """A source, and all translations of it that there are."""

    source: str
    references: tuple[str, ...]


@dataclass(frozen=True)
class Translation(Data):
    """Pairs of sentences as symbols of one vocabulary, and the sentences of the splits that are not for training.

    A batch is `((sources, targets), labels)`, of shapes (N, S), (N, T), (N, T): a source ends with `END`, a target begins
    with `START`, its labels are the symbols that follow each and end with `END`. Shorter ones are filled up with
    `PADDING`, and with -100 among labels.

    Attributes:
        subwords: the vocabulary of both languages.
        sentences: by split, `validation` and `test`: each source once, of the pairs that fit.
        num_dropped: by split: pairs that were left out, as one of both has more symbols than fit.
    """

    subwords: Subwords = field(kw_only=True)
    sentences: Mapping[str, Sequence[Sentence]] = field(kw_only=True)
    num_dropped: Mapping[str, int] = field(kw_only=True)


class _Pairs(Dataset[tuple[Tensor, Tensor]]):
    """Source and target of each pair, of shapes (S,) and (T + 1,): with the symbols around them."""

    def __init__(self, pairs: Sequence[Symbols]) -> None:
        self.sources = _rows([*source, END] for source, _ in pairs)
        self.targets = _rows([START, *target, END] for _, target in pairs)

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        return self.sources[i], self.targets[i]


def _rows(several: Iterable[Sequence[int]]) -> Sequence[Tensor]:
    """A tensor of each, parts of one."""
    rows = [*several]
    flat = torch.tensor([symbol for row in rows for symbol in row], dtype=torch.long)
    return flat.split([len(row) for row in rows])


@checked
def translation(
    *,
    root: str | os.PathLike[str] | None = None,
    file: str = "spa.txt",
    reverse: bool = False,
    vocabulary: int = 4000,
    length: int = 32,
    num_train: int | None = None,
    num_held_out: int = 2000,
) -> Translation:
    """Sentences and their translations, as (source, target) symbols of one vocabulary.

    A file of lines `source TAB target`, what follows a second tab left aside, is what manythings.org/anki makes of the sentences
    of tatoeba.org (CC BY 2.0), for many pairs of languages: `spa.txt` are 118,964 pairs of English and Spanish.

    A file whose name ends with `.mo` is a catalogue of gettext, of messages and their translations (see `catalogue_pairs`); "*.mo" are all of a
    folder, one after the other.

    Such corpora repeat themselves, so a random split leaks: pairs that are relatives (see `families`) are of one split.
    Families are shuffled, the first `num_held_out` pairs are for test, the next for validation, the rest for training; the
    split depends on the file alone. The vocabulary is learned from the training pairs that are used. Batches are of sentences of like lengths.

    Args:
        root: folder of the file, as it is or with `.xz` or `.gz`; then the environment variable HYPERNAS_TRANSLATION.
        file: its name.
        reverse: whether to translate from the second column to the first.
        vocabulary: symbols of both languages together.
        length: symbols of a source or a target at most, with the one at its end or its start; longer pairs are left out, and counted.
        num_train: pairs of the training split to use; None for all.
        num_held_out: pairs of test, and as many of validation, and the rest of the last family of each.

    Raises:
        DataNotFound: if the file or the package sentencepiece is not there.
        ValueError: if the file has lines that are no pairs, too few of them, or no text for such a vocabulary.
    """
    if length < 2 or num_held_out < 1:
        raise ValueError(
            f"length must be 2 or more and num_held_out 1 or more, got {length} and {num_held_out}."
        )
    place = root or os.environ.get("HYPERNAS_TRANSLATION")
    paths = _found(place, file)
    path = paths[0]
    pairs = catalogue_pairs(paths) if file.endswith(".mo") else _read(path)
    if reverse:
        pairs = [(target, source) for source, target in pairs]
    parts = _split(pairs, num_held_out)
    train = parts["train"]
    if not train or (num_train is not None and not 0 < num_train <= len(train)):
        raise ValueError(
            f"expected training pairs beside num_held_out={num_held_out} twice, and num_train of them at most; {path} leaves "
            f"{len(train)} of {len(pairs)}, and num_train is {num_train}."
        )
    parts["train"] = train[:num_train]
    subwords = Subwords.learned((text for pair in parts["train"] for text in pair), vocabulary)
    encoded = {name: _encoded(part, subwords) for name, part in parts.items()}
    fits = {name: [max(map(len, row)) < length for row in rows] for name, rows in encoded.items()}
    splits = {name: _Pairs([*compress(rows, fits[name])]) for name, rows in encoded.items()}
    lengths = [len(s) + len(t) for s, t in splits["train"]]
    return Translation(
        path.name.partition(".")[0],
        splits["train"],
        splits["validation"],
        splits["test"],
        input_shape=(length,),
        num_classes=subwords.size,
        collate_fn=collated,
        lengths=torch.tensor(lengths),
        preparation="\n".join(subwords.pieces).encode(),
        subwords=subwords,
        sentences={
            name: _sentences(compress(parts[name], fits[name])) for name in ("validation", "test")
        },
        num_dropped={name: fit.count(False) for name, fit in fits.items()},
    )


def collated(pairs: Sequence[tuple[Tensor, Tensor]]) -> Batch:
    """A batch of pairs, filled up to its longest source and target."""
    sources, targets = zip(*pairs, strict=True)
    source = pad_sequence(list(sources), batch_first=True, padding_value=PADDING)
    whole = pad_sequence(list(targets), batch_first=True, padding_value=PADDING)
    target, labels = whole[:, :-1], whole[:, 1:]
    # an end is never given, as nothing follows it
    target = target.where(target != END, PADDING)
    return (source, target), labels.where(labels != PADDING, _NO_PREDICTION)


def _found(folder: str | os.PathLike[str] | None, file: str) -> list[Path]:
    """The file, or the catalogues of a pattern."""
    paths = [Path(folder) / (file + end) for end in ("", ".xz", ".gz")] if folder else []
    for path in paths:
        if path.exists():
            return [path]
    if folder and file.endswith(".mo") and (several := sorted(Path(folder).glob(file))):
        return several
    where = f"no {file}, {file}.xz or {file}.gz in {folder}" if folder else "no folder was given"
    raise DataNotFound(
        f"translation: {where}. Get a pair of languages from www.manythings.org/anki (sentences of tatoeba.org, CC BY 2.0), "
        f"put its file of tab-separated pairs somewhere, and give data.root=FOLDER data.file=NAME, or the folder by the "
        f"environment variable HYPERNAS_TRANSLATION."
    )


def _read(path: Path) -> list[Pair]:
    raw = read_unpacked(path, largest=_LARGEST)
    try:
        lines = raw.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8: {error}.") from None
    rows = [line.rstrip("\r").split("\t") for line in lines]
    pairs = []
    for number, row in enumerate(rows, 1):
        if len(row) >= 2 and row[0].strip() and row[1].strip():
            pairs.append((row[0].strip(), row[1].strip()))
        elif any(map(str.strip, row)):
            raise ValueError(
                f"{path}, line {number}: expected a source, a tab and a target, got {lines[number - 1][:80]!r}."
            )
    return pairs


def _split(pairs: Sequence[Pair], num: int) -> dict[str, list[Pair]]:
    """The pairs of each split, in random order."""
    by_family: dict[int, list[Pair]] = {}
    for pair, family in zip(pairs, families(pairs), strict=True):
        by_family.setdefault(family, []).append(pair)
    order = torch.randperm(len(by_family), generator=torch.Generator().manual_seed(0)).tolist()
    parts: dict[str, list[Pair]] = {"test": [], "validation": [], "train": []}
    for family in order:
        part = next(p for name, p in parts.items() if name == "train" or len(p) < num)
        part += by_family[family]
    return parts


def _encoded(pairs: Sequence[Pair], subwords: Subwords) -> list[Symbols]:
    sources, targets = (subwords.encode([pair[side] for pair in pairs]) for side in (0, 1))
    return [*zip(sources, targets, strict=True)]


def _sentences(pairs: Iterable[Pair]) -> tuple[Sentence, ...]:
    references: dict[str, list[str]] = {}
    for source, target in pairs:
        references.setdefault(source, []).append(target)
    return tuple(Sentence(source, tuple(targets)) for source, targets in references.items())
