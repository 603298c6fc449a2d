"""Files are whole or as they were, and tell if they were altered."""

import json
import os

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from hypernas.storage.files import read_bounded, write_new, write_whole
from hypernas.storage.manifest import (
    check_parts,
    read_manifest,
    remove_drafts,
    write_folder,
)
from hypernas.storage.seal import Altered, read_sealed, sealed, write_sealed
from hypernas.storage.tensors import read_tensors, write_tensors

FAILURE = OSError(5, "Input/output error")


def failing(*_: object) -> None:
    raise FAILURE


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_file_that_cannot_be_written_is_as_it_was(tmp_path, monkeypatch, name):
    path = tmp_path / "file"
    write_whole(path, "before")
    monkeypatch.setattr(os, name, failing)
    with pytest.raises(OSError, match="Input/output"):
        write_whole(path, "after")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_the_contents_reach_the_disk_before_the_name_and_the_name_before_the_return(
    tmp_path, monkeypatch
):
    done = []
    flushed, renamed = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda f: done.append(os.path.isdir(f"/proc/self/fd/{f}")) or flushed(f)
    )
    monkeypatch.setattr(os, "replace", lambda *a: done.append("renamed") or renamed(*a))
    write_whole(tmp_path / "file", "contents")
    assert done == [False, "renamed", True]  # the file, its name, the folder


def test_a_new_file_is_never_written_over(tmp_path):
    write_new(tmp_path / "file", "first")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "file", "second")
    assert (tmp_path / "file").read_text() == "first"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(2**40)  # of which the disk holds nothing
    with pytest.raises(ValueError, match="huge has 1,099,511,627,776 bytes, expected at most"):
        read_bounded(path)
    with pytest.raises(Altered, match="huge"):
        read_sealed(path)


def test_a_sealed_file_may_be_laid_out_anew_but_not_changed(tmp_path):
    path = tmp_path / "file.json"
    content = {"b": [1, 2.5, None], "a": {"ü": "x"}, "nan": True}
    write_sealed(path, content)
    path.write_text(json.dumps(dict(reversed(sealed(content).items())), indent=7))
    assert read_sealed(path) == content
    path.write_text(path.read_text().replace("2.5", "2.6"))
    with pytest.raises(Altered, match=r"(?s)file.json was altered .* take out its key \"sha256\""):
        read_sealed(path)


def test_a_file_without_a_seal_is_of_an_earlier_version_or_a_user(tmp_path):
    (tmp_path / "file.json").write_text("[1, 2]")
    assert read_sealed(tmp_path / "file.json") == [1, 2]


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(6.0).reshape(2, 3).t(),
        torch.tensor(3, dtype=torch.int64),
        torch.zeros(0, 4, dtype=torch.bfloat16),
        torch.tensor([True, False]),
        torch.ones(3, dtype=torch.float16)[::2],
        torch.ones(2, dtype=torch.complex64),
        torch.nn.Parameter(torch.ones(5, dtype=torch.float64)),
    ],
)
def test_tensors_are_a_safetensors_file_of_any_kinds_and_strides(tmp_path, tensor):
    tensors = {"one": tensor, "byte": torch.tensor([7], dtype=torch.uint8)}
    with (tmp_path / "file").open("wb") as file:
        write_tensors(file.write, tensors)
    for found in (load_file(tmp_path / "file"), read_tensors(tmp_path / "file")):
        assert_close(found, {name: t.detach() for name, t in tensors.items()}, rtol=0, atol=0)


def test_tensors_that_the_format_cannot_hold_are_refused_by_name(tmp_path):
    with (tmp_path / "file").open("wb") as file, pytest.raises(ValueError, match=r"\{'odd': "):
        write_tensors(file.write, {"odd": torch.ones(1, dtype=torch.complex128)})


def written(folder, text: bytes = b"some bytes"):
    write_folder(folder, {"a": lambda write: write(text)}, {"step": 3})


def test_a_folder_tells_what_it_is_of_and_which_part_is_not_what_was_written(tmp_path):
    written(tmp_path / "folder")
    manifest = read_manifest(tmp_path / "folder")
    assert manifest is not None
    assert dict(manifest.about) == {"step": 3}
    check_parts(tmp_path / "folder", manifest)
    (tmp_path / "folder" / "a").write_bytes(b"some byteS")
    with pytest.raises(Altered, match=r"a: has the SHA-256 .*, expected"):
        check_parts(tmp_path / "folder", manifest)
    (tmp_path / "folder" / "a").unlink()
    with pytest.raises(Altered, match="a: is not there"):
        check_parts(tmp_path / "folder", manifest)


def test_a_folder_that_cannot_be_written_is_as_it_was(tmp_path, monkeypatch):
    written(tmp_path / "folder")
    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="Input/output"):
        written(tmp_path / "folder", b"others")
    assert (tmp_path / "folder" / "a").read_bytes() == b"some bytes"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_only_drafts_are_taken_for_what_killed_processes_left(tmp_path):
    draft = tmp_path / ".00000012.4711-00ab12cd.part"
    kept = [tmp_path / name for name in (".hidden.part", "00000012", ".00000012.part")]
    for path in (draft, *kept):
        path.mkdir()
    remove_drafts(tmp_path)
    assert set(tmp_path.iterdir()) == set(kept)
