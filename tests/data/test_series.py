"""Series of unequal lengths: files, padding, splits; synthetic skeletons."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from hypernas.data import DataNotFound, basic_motions, skeletons, time_series
from hypernas.data.series import padded
from hypernas.data.series_file import read_series
from hypernas.data.skeletons import LIMBS, REST, pose

TS = """# two features, of 3 and 2 frames
@problemName Tiny
@classLabel true up down
@data
1,2,3:4,5,6:up
7,8:9,1.5:down
"""
CSV = "series,label,x,y\na,up,1,4\na,up,2,5\na,up,3,6\nb,down,7,9\nb,down,8,1.5\n"


@pytest.fixture
def files(tmp_path):
    """The same two series in each form."""
    (tmp_path / "tiny.ts").write_text(TS)
    (tmp_path / "tiny.csv").write_text(CSV)
    values = np.array([[1, 4], [2, 5], [3, 6], [7, 9], [8, 1.5]])
    np.savez(tmp_path / "tiny.npz", values=values, lengths=[3, 2], labels=["up", "down"])
    return tmp_path


def test_ts_csv_and_numpy_files_hold_the_same_series(files):
    for suffix in ("ts", "csv", "npz"):
        values, labels = read_series(files / f"tiny.{suffix}")
        assert labels == ["up", "down"]
        assert_close(values[0], torch.tensor([[1.0, 2, 3], [4, 5, 6]]))
        assert_close(values[1], torch.tensor([[7.0, 8], [9, 1.5]]))


def test_series_are_padded_with_zeros_and_a_mask_says_where_they_end():
    inputs = padded([torch.ones(2, 3), torch.ones(2, 1)], 4)
    assert_close(inputs[:, -1], torch.tensor([[1.0, 1, 1, 0], [1, 0, 0, 0]]))
    assert_close(inputs[:, :-1], inputs[:, -1:].expand(-1, 2, -1))


def test_features_are_standardised_by_the_training_series_and_every_fifth_of_a_class_validates(
    tmp_path,
):
    lines = [f"{n},{2 * n}:{n % 3},1:{'odd' if n % 2 else 'even'}" for n in range(20)]
    for part, own in (("train", lines), ("test", lines[:3])):
        (tmp_path / f"{part}.ts").write_text("@data\n" + "\n".join(own))
    data = time_series(train=tmp_path / "train.ts", test=tmp_path / "test.ts")
    assert (data.name, data.input_shape, data.num_classes) == ("train", (3, 2), 2)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [16, 4, 3]
    assert data.validation.tensors[1].tolist() == [0, 1, 0, 1]
    both = torch.cat([data.train.tensors[0], data.validation.tensors[0]])[:, :2]
    assert_close(both.mean((0, 2)), torch.zeros(2), rtol=0, atol=1e-6)
    assert_close(both.transpose(0, 1).flatten(1).std(1), torch.ones(2))


def test_what_is_no_series_is_refused_with_the_line_and_the_reason(files):
    wrong = {
        "letters.ts": ("@data\n1,a:up", "line 2: could not convert string to float: 'a'"),
        "ragged.ts": ("@data\n1,2:3:up", "line 2: expected sequence of length 2"),
        "empty.ts": ("@data\n", "no series after a line @data"),
        "missing.ts": ("@data\n1,?:2,3:up", r"missing values in the series \[0\]"),
        "features.ts": ("@data\n1,2:3,4:up\n1,2:down", r"2 series of \[1, 2\] features"),
        "names.csv": ("a,b\n1,2", "the first line must be series,label"),
        "labels.csv": ("series,label,x\na,up,1\na,down,2", "line 3: another label"),
        "short.csv": (
            "series,label,x\na,up,1\na",
            "line 3: expected a series, a label and features",
        ),
        "words.csv": ("series,label,x\na,up,1\na,up,?", "line 3: could not convert"),
        "table.txt": ("", "expected a file .ts, .csv or .npz"),
    }
    for name, (text, message) in wrong.items():
        (files / name).write_text(text)
        with pytest.raises(ValueError, match=message):
            read_series(files / name)
    np.savez(files / "objects.npz", values=np.array([None]), lengths=[1], labels=["a"])
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        read_series(files / "objects.npz")
    for lengths in ([4, -1], [1.5, 1.5]):
        np.savez(
            files / "l.npz", values=np.zeros((3, 2)), lengths=np.array(lengths), labels=["a", "b"]
        )
        with pytest.raises(ValueError, match="whole numbers of 1 or more"):
            read_series(files / "l.npz")
    (files / "other.ts").write_text("@data\n1,2:3,4:left")
    with pytest.raises(ValueError, match=r"\['left'\] besides in test"):
        time_series(train=files / "tiny.ts", test=files / "other.ts")
    with pytest.raises(DataNotFound, match="pip download aeon"):
        basic_motions(root=files)


def test_blanks_comments_and_empty_lines_are_no_data(files):
    (files / "blanks.ts").write_text("@data\n1,2: up\n  % a comment\n\n3,4:up\n")
    (files / "blanks.csv").write_text("series,label,x\na,up,1\n\nb, up,2\n")
    for name in ("blanks.ts", "blanks.csv"):
        assert read_series(files / name).labels == ["up", "up"]


def test_left_and_right_limbs_mirror_each_other_in_a_body_that_stands():
    (places,) = pose(REST[None])
    for left, right in ((1, 2), (3, 4)):
        own, other = places[list(LIMBS[left])], places[list(LIMBS[right])]
        assert_close(own * torch.tensor([-1.0, 1, 1]), other, rtol=0, atol=1e-6)
        assert float((own - other).norm(dim=1).min()) > 0.05


def test_bones_keep_their_lengths_whatever_the_angles():
    angles = torch.randn(4, 25, 2, generator=torch.Generator().manual_seed(0))
    lengths = [
        (pose(a)[:, [1, 2, 5, 18]] - pose(a)[:, [0, 1, 2, 17]]).norm(dim=-1)
        for a in (angles, 0 * angles)
    ]
    assert_close(lengths[0], lengths[1])
    assert sum(map(len, LIMBS)) == 25


def test_skeletons_are_a_function_of_their_seed_and_end_at_different_frames():
    made = [skeletons(num_train=6, num_validation=1, num_test=1, seed=s) for s in (0, 0, 1)]
    inputs = [data.train.tensors[0] for data in made]
    assert torch.equal(inputs[0], inputs[1])
    assert not torch.equal(inputs[0], inputs[2])
    assert made[0].input_shape == (76, 60)
    ends = inputs[0][:, -1].sum(1)
    assert 30 <= ends.min() < ends.max() <= 60
