"""The watch's motions: a file of pickled arrays that is read without calling what it names."""

import os
import zipfile

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from hypernas.data import DataNotFound, watch
from hypernas.data.watch import averaged, read_watch


class Harmful:
    def __reduce__(self):
        return os.system, ("touch harmed",)


def write(path, content):
    np.save(path, np.array(content, dtype=object))
    return path


@pytest.fixture
def content():
    """Six people, two exercises each."""
    rng = np.random.default_rng(0)
    return {
        "X": [rng.normal(size=(20 + n, 2)) for n in range(12)],
        "y": np.arange(12) % 2,
        "subject": np.arange(12) // 2 + 1,
        "y_labels": ["up", "down"],
    }


def test_nobody_is_in_two_splits_and_a_wheel_is_read_as_a_folder(content, tmp_path):
    path = write(tmp_path / "watch_dataset.npy", content)
    with zipfile.ZipFile(tmp_path / "seglearn.whl", "w") as wheel:
        wheel.write(path, "seglearn/data/watch_dataset.npy")
    found = watch(root=tmp_path / "seglearn.whl", every=5)
    assert (found.input_shape, found.num_classes) == ((3, 6), 2)  # two features, a mask; 31 // 5
    assert [len(part) for part in (found.train, found.validation, found.test)] == [4, 2, 6]
    for one, other in zip(
        found.test.tensors, watch(root=tmp_path, every=5).test.tensors, strict=True
    ):
        assert_close(one, other, rtol=0, atol=0)
    assert found.train.tensors[0][:, -1].sum(1).tolist() == [4, 4, 4, 4]  # of 20 to 23 frames


def test_frames_are_averaged_and_what_is_left_at_the_end_is_dropped():
    assert_close(averaged(torch.arange(7.0)[None], 3), torch.tensor([[1.0, 4.0]]))


def test_a_file_that_names_functions_calls_none(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    raw = write(tmp_path / "watch_dataset.npy", content | {"X": Harmful()}).read_bytes()
    with pytest.raises(ValueError, match=r"it names (posix|nt)\.system"):
        read_watch(raw)
    assert not (tmp_path / "harmed").exists()


def test_other_files_are_refused_and_where_to_get_the_right_one_is_told(content, tmp_path):
    with pytest.raises(DataNotFound, match=r"pip download seglearn==1\.2\.5"):
        watch(root=tmp_path)
    wrong = {"subject": np.zeros(12), "y": np.full(12, 9), "X": content["X"][:3]}
    for key, value in wrong.items():
        raw = write(tmp_path / "watch_dataset.npy", content | {key: value}).read_bytes()
        with pytest.raises(ValueError, match="is not that of seglearn"):
            read_watch(raw)
    write(tmp_path / "watch_dataset.npy", content)
    with pytest.raises(ValueError, match="every must be from 1 to 20"):
        watch(root=tmp_path, every=21)
    np.save(tmp_path / "watch_dataset.npy", np.zeros(3))
    with pytest.raises(ValueError, match="expected one object"):
        watch(root=tmp_path)
