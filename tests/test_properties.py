"""Properties of whatever hypothesis makes up: spaces, architectures, layouts, settings, and files that are read back.

`--hypothesis-profile long` tries a hundred times as many.
"""

import csv
import json
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as some
from torch import nn

from hypernas.data.idx import read_idx
from hypernas.reports.csv_file import read
from hypernas.runs.settings import flat, resolved
from hypernas.slicing import Layout
from hypernas.space import Architecture, SearchSpace
from hypernas.storage.manifest import check_parts, read_manifest, write_folder
from hypernas.storage.seal import read_sealed, write_sealed

NAMES = some.text("abcdefgh_", min_size=1, max_size=4)
VALUES = some.integers(-9, 9) | some.booleans() | some.text(max_size=3)
CHOICES = some.dictionaries(
    NAMES, some.lists(some.integers(0, 99), min_size=1, max_size=4, unique=True), min_size=1
)
PLAIN = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.text(),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(), inner, max_size=3),
    max_leaves=8,
)


def words(call: Callable[[], object]) -> str:
    """The words of a refusal; empty if there was none."""
    try:
        call()
    except ValueError as error:
        return str(error) or "without a word"
    return ""


def place() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


@given(CHOICES, some.integers(0, 99))
def test_spaces_draw_and_count_what_they_hold(choices, seed):
    space = SearchSpace(choices, lambda a: nn.Identity())
    drawn = space.sample(torch.Generator().manual_seed(seed))
    assert all(drawn[name] in values for name, values in choices.items())
    assert space.size == np.prod([len(values) for values in choices.values()])
    assert space.architecture(json.loads(drawn.to_json())) == drawn


@given(some.dictionaries(NAMES, VALUES | some.lists(VALUES, max_size=2)))
def test_architectures_come_back_from_json(values):
    known = Architecture(values)
    again = Architecture.from_json(known.to_json())
    assert (again, hash(again), again.digest()) == (known, hash(known), known.digest())


@given(some.text("ab() +1.", max_size=12), some.integers(0, 3))
def test_patterns_of_layouts_are_understood_or_refused(pattern, dim):
    told = words(lambda: Layout(pattern).axes("weight", dim))
    assert told != "without a word"
    assert told or len(Layout(pattern).axes("weight", dim)) == dim


@given(some.dictionaries(some.text(), PLAIN, max_size=4))
def test_settings_are_resolved_once_or_refused(settings):
    if told := words(lambda: resolved(settings)):
        assert "expected" in told or "refer" in told
        return
    whole = resolved(settings)
    assert resolved(whole) == whole
    assert all(isinstance(key, str) for key in flat(whole))


@given(some.dictionaries(some.text(), PLAIN, max_size=4), some.data())
def test_sealed_json_comes_back_and_tells_of_every_byte(content, data):
    content = {key: value for key, value in content.items() if key != "sha256"}
    with place() as folder:
        path = Path(folder) / "file.json"
        write_sealed(path, content)
        whole = path.read_bytes()
        before = read_sealed(path)
        at, bit = data.draw(some.integers(0, len(whole) - 1)), data.draw(some.integers(0, 7))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << bit)]) + whole[at + 1 :])
        told = words(lambda: read_sealed(path))
        assert (
            "file.json" in told or read_sealed(path) == before
        )  # such as a space for a line's end
    assert before == content


@given(some.binary(max_size=40), some.data())
def test_parts_of_a_folder_come_back_and_tell_of_every_byte(content, data):
    with place() as folder:
        kept = Path(folder) / "kept"
        write_folder(kept, {"a": lambda write: write(content)}, {"step": 1})
        manifest = read_manifest(kept)
        assert manifest is not None
        check_parts(kept, manifest)
        other = data.draw(some.binary(max_size=40))
        (kept / "a").write_bytes(other)
        assert bool(words(lambda: check_parts(kept, manifest))) == (other != content)


@given(some.lists(some.integers(0, 3), min_size=1, max_size=3), some.binary(max_size=40))
def test_idx_files_come_back_or_are_refused(shape, values):
    head = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    with place() as folder:
        path = Path(folder) / "file.idx"
        path.write_bytes(head + values)
        told = words(lambda: read_idx(path, len(shape)))
        assert ("file.idx" in told) == (len(values) != np.prod(shape))
        assert told or read_idx(path, len(shape)).numpy().tobytes() == values
        path.write_bytes(values)
        assert "file.idx" in words(lambda: read_idx(path, len(shape)))


CELLS = some.text(some.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), max_size=5)


@given(some.lists(some.tuples(CELLS, CELLS), min_size=1, max_size=4))
def test_csv_files_come_back(rows):
    with place() as folder:
        path = Path(folder) / "file.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("one", "two"), *rows])
        found = read(path)
    assert list(found.itertuples(index=False, name=None)) == rows


@given(some.binary(max_size=60))
def test_bytes_that_are_no_csv_file_are_refused_by_name(content):
    with place() as folder:
        path = Path(folder) / "file.csv"
        path.write_bytes(content)
        told = words(lambda: read(path))
        assert not told or "file.csv" in told
