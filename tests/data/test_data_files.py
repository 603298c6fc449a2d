"""Files of data that are not what they should be are refused by name, before more of them is read."""

import contextlib
import gzip
import lzma
import struct
import tracemalloc

import numpy as np
import pytest

from hypernas.data import fashion_mnist, tiny_shakespeare
from hypernas.data.archive import read_unpacked
from hypernas.data.idx import read_idx


def idx(values: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return head + values.astype(np.uint8).tobytes()


@pytest.fixture
def folder(tmp_path):
    """A small set of clothes."""
    for part, num in (("train", 120), ("t10k", 30)):
        images, labels = np.zeros((num, 28, 28)), np.arange(num) % 10
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            path = tmp_path / f"{part}-{name}-ubyte.gz"
            path.write_bytes(gzip.compress(idx(array), compresslevel=1))
    return tmp_path


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (np.arange(30) % 11, "expected labels of 0 to 9, got 10 at image 10"),
        (np.arange(29) % 10, "expected a label for each of 30 images, got 29"),
        (np.arange(0), "expected a label for each of 30 images, got 0"),
    ],
)
def test_labels_that_are_not_those_of_the_images_are_told(folder, labels, told):
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    with pytest.raises(ValueError, match=r"t10k-labels-idx1-ubyte do not fit") as caught:
        fashion_mnist(root=folder)
    assert told in str(caught.value)


def test_every_cut_of_a_file_is_refused_with_its_name(folder):
    path = folder / "t10k-labels-idx1-ubyte.gz"
    whole = path.read_bytes()
    for num in range(len(whole)):
        path.write_bytes(whole[:num])
        with pytest.raises(ValueError, match=r"t10k-labels-idx1-ubyte\.gz .*Get it again"):
            read_idx(path, 1)


def test_every_flipped_byte_of_a_file_is_refused_or_harmless(folder):
    path = folder / "t10k-labels-idx1-ubyte.gz"
    whole = path.read_bytes()
    labels = read_idx(path, 1)
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 0xFF
        path.write_bytes(changed)
        with contextlib.suppress(ValueError):
            assert (read_idx(path, 1) == labels).all()  # as of the name or the time within


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (bytes([0, 0, 9, 1, 0, 0, 0, 0]), r"expected it to begin with \[0, 0, 8, 1\], got"),
        (bytes([0, 0, 8, 1, 0, 0]), r"states the sizes \[\]: expected 1 sizes"),
        (bytes([0, 0, 8, 1, 255, 255, 255, 255]), r"states the sizes \[4294967295\]"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 2, 1]), r"expected the 2 bytes .* got 1"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 2, 1, 2, 3]), "expected the 2 bytes .* got more"),
        (b"", "expected it to begin with"),
    ],
)
def test_a_file_of_other_bytes_tells_what_was_expected(tmp_path, content, told):
    path = tmp_path / "labels"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=told):
        read_idx(path, 1)


@pytest.mark.parametrize("sizes", [(0, 2**32 - 1, 2**32 - 1), (2**16, 0, 2**15)])
def test_a_size_of_zero_hides_no_sizes_that_cannot_be(tmp_path, sizes):
    path = tmp_path / "images"
    whole = bytes([0, 0, 8, 3]) + b"".join(size.to_bytes(4, "big") for size in sizes)
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="images states the sizes"):
        read_idx(path, 3)


def test_an_array_of_no_images_is_read(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(bytes([0, 0, 8, 3]) + bytes([0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 7]))
    assert read_idx(path, 3).shape == (0, 5, 7)


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("xz", lzma.compress)])
def test_an_archive_is_unpacked_no_further_than_it_may_go(tmp_path, suffix, pack):
    path = tmp_path / f"bomb.{suffix}"
    path.write_bytes(pack(bytes(30_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=rf"bomb\.{suffix} holds more than 1,000,000 bytes"):
            read_unpacked(path, largest=1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 15_000_000
    finally:
        tracemalloc.stop()


def test_the_header_of_an_archive_is_read_before_its_values(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(30_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="expected it to begin with"):
            read_idx(path, 3)
        assert tracemalloc.get_traced_memory()[1] < 15_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("content", [b"", b"\xfd7zXZ", lzma.compress(b"plays" * 99)[:-9], b"plays"])
def test_a_text_whose_archive_is_broken_is_told_by_name(tmp_path, content):
    (tmp_path / "input.txt.xz").write_bytes(content)
    with pytest.raises(ValueError, match=r"input\.txt\.xz cannot be unpacked"):
        tiny_shakespeare(root=tmp_path)
