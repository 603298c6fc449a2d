"""Pairs of sentences that are too much alike to stand in different splits."""

import re
import unicodedata
from collections.abc import Hashable, Iterator, Sequence

_WORD = re.compile(r"\w+")
_LONG = 6  # words from which on a sentence is known again by all but one of them


def families(pairs: Sequence[tuple[str, str]]) -> list[int]:
    """The family of each pair, numbered as they come: relatives of relatives are one family.

    Relatives have one source or one target, case, accents and punctuation aside, or sources of six words or more of which
    one word was replaced, added or left out. Shorter sources that differ in a word ("I won." and "I lost.") are none.
    """
    parents: dict[Hashable, Hashable] = {}

    def root(key: Hashable) -> Hashable:
        while (parent := parents.setdefault(key, key)) != key:
            parents[key] = key = parents.setdefault(parent, parent)
        return key

    for number, (source, target) in enumerate(pairs):
        for key in (("source", *near) for near in _nearby(_words(source))):
            parents[root(key)] = root(number)
        parents[root(("target", *_words(target)))] = root(number)
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(root(i), len(numbers)) for i in range(len(pairs))]


def _words(sentence: str) -> tuple[str, ...]:
    """Its words, without case, accents and apostrophes; the characters of one that has none."""
    plain = sentence.casefold().replace("'", "").replace("’", "")
    if not plain.isascii():
        decomposed = unicodedata.normalize("NFKD", plain)
        plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    return tuple(_WORD.findall(plain)) or tuple(sentence)


def _nearby(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The sentence, and what it shares with those that differ in one word."""
    yield words
    if len(words) >= _LONG:
        for i in range(len(words)):
            yield words[:i] + words[i + 1 :]
