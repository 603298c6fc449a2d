"""Catalogues of gettext are pairs of sentences."""

import struct

import pytest

from hypernas.data import num_examples, translation
from hypernas.data.catalogue import catalogue_pairs

HEADER = {"": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=n != 1;\n"}


def write(path, messages) -> None:
    """A catalogue as the manual of gettext describes it: two tables of lengths and offsets, then the texts."""
    entries = sorted((k.encode(), v.encode()) for k, v in {**HEADER, **messages}.items())
    num, texts, tables = len(entries), b"", ([], [])
    for side in (0, 1):
        for entry in entries:
            tables[side].append((len(entry[side]), 28 + 16 * num + len(texts)))
            texts += entry[side] + b"\0"
    flat = [number for table in tables for pair in table for number in pair]
    head = (0x950412DE, 0, num, 28, 28 + 8 * num, 0, 28 + 16 * num)
    path.write_bytes(struct.pack(f"<{7 + len(flat)}I", *head, *flat) + texts)


def test_messages_are_pairs_without_contexts_headers_plurals_and_lines(tmp_path):
    write(
        tmp_path / "b.mo",
        {
            "menu\x04Open": "Öffnen",
            "Close": "Schließen",
            "%n file\0%n files": "%n Datei\0%n Dateien",
            "two\nlines": "zwei\nZeilen",
            "OK": "OK",
            "untranslated": "",
        },
    )
    write(tmp_path / "a.mo", {"Close": "Schließen", "Save": "Speichern"})
    found = catalogue_pairs([tmp_path / "b.mo", tmp_path / "a.mo"])
    assert found[:2] == [("Close", "Schließen"), ("Save", "Speichern")]
    assert sorted(found[2:]) == [("%n file", "%n Datei"), ("Open", "Öffnen")]


def test_a_folder_of_catalogues_is_data_whose_splits_share_no_message(tmp_path):
    nouns = [f"{a}{b}" for a in "abcdef" for b in "uvwxyz"]
    for i, name in enumerate(("a.mo", "b.mo")):
        write(tmp_path / name, {f"Open the {n}{i}": f"Das {n}{i} öffnen" for n in nouns})
    data = translation(root=tmp_path, file="*.mo", vocabulary=320, num_held_out=8, length=40)
    held_out = [s.source for name in ("validation", "test") for s in data.sentences[name]]
    assert len(held_out) == len({*held_out}) == 16
    assert num_examples(data.train) == 72 - 16


def test_what_is_no_catalogue_is_told(tmp_path):
    (tmp_path / "a.mo").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"a.mo is no catalogue of gettext"):
        translation(root=tmp_path, file="*.mo")
