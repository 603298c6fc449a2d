import dataclasses
import gzip
import itertools
import random
import struct
import sys
from itertools import islice

import numpy as np
import pytest
import torch
from torch.testing import assert_close
from torch.utils.data import Dataset, TensorDataset

from hypernas.data import (
    Batches,
    Data,
    DataNotFound,
    digits,
    fashion_mnist,
    in_order,
    mnist1d,
    split_tensors,
)

NUMBERED = TensorDataset(torch.arange(10), torch.arange(10) * 2)


class Plain(Dataset):
    """The same examples, as a dataset that is not tensors."""

    def __len__(self):
        return len(NUMBERED)

    def __getitem__(self, index):
        return NUMBERED[index]


def rows(data) -> set[bytes]:
    return {inputs.numpy().tobytes() for inputs, _ in data}


def test_an_epoch_shows_every_example_once():
    batches = islice(Batches(NUMBERED, batch_size=5).starting_at(0), 2)
    assert sorted(torch.cat([inputs for inputs, _ in batches]).tolist()) == list(range(10))


@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_entering_at_a_step_continues_the_stream_from_the_start(step):
    batches = Batches(NUMBERED, batch_size=3, seed=5)
    whole = list(islice(batches.starting_at(0), step + 4))
    assert_close(list(islice(batches.starting_at(step), 4)), whole[step:])


def test_a_dataset_of_tensors_and_any_other_give_the_same_batches():
    tensors, plain = (Batches(d, batch_size=4, seed=3).starting_at(0) for d in (NUMBERED, Plain()))
    for (a, b), (c, d) in islice(zip(tensors, plain, strict=False), 5):
        assert_close([a, b], [c, d])


@pytest.mark.parametrize("dataset", [NUMBERED, Plain()])
def test_in_order_shows_every_example_once_in_order(dataset):
    assert torch.cat([inputs for inputs, _ in in_order(dataset, batch_size=4)]).tolist() == list(
        range(10)
    )


def test_the_first_examples_of_ever_so_many_come_without_the_others():
    windows, targets = torch.ones(1, 4).expand(10**12, 4), torch.ones(1).expand(10**12)
    data = Data("windows", *[TensorDataset(windows, targets)] * 3, input_shape=(4,), num_classes=2)
    assert data.example(num=3).shape == (3, 4)


@pytest.mark.parametrize("size", [0, 11])
def test_a_batch_larger_than_the_data_is_refused(size):
    with pytest.raises(ValueError, match="between 1 and the 10 examples"):
        Batches(NUMBERED, batch_size=size)


def test_splits_are_disjoint_and_the_same_for_the_same_seed():
    inputs = torch.arange(20)
    parts = [split_tensors(inputs, inputs, (10, 4, 6), seed=1) for _ in range(2)]
    first, second = ([part.tensors[0].tolist() for part in p] for p in parts)
    assert first == second
    assert sorted(itertools.chain(*first)) == list(range(20))


def test_digits_have_fixed_disjoint_splits_of_images_in_the_unit_interval():
    data = digits()
    assert [len(part) for part in (data.train, data.validation, data.test)] == [1000, 297, 500]
    assert data.example().shape == (2, *data.input_shape)
    assert data.train.tensors[0].min() == 0
    assert data.train.tensors[0].max() == 1
    assert set(data.test.tensors[1].tolist()) == set(range(10))
    assert_close(digits().test.tensors, data.test.tensors)


def test_mnist1d_is_a_function_of_its_seed_and_leaves_global_generators_alone():
    states = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, second, other = (
        mnist1d(num_train=60, num_validation=20, num_test=20, seed=s) for s in (1, 1, 2)
    )
    assert random.getstate() == states[0]
    assert_close(np.random.get_state()[1], states[1])  # noqa: NPY002
    assert_close(first.train.tensors, second.train.tensors)
    assert not rows(first.train) & rows(other.train)
    assert not rows(first.train) & (rows(first.validation) | rows(first.test))
    assert first.train.tensors[0].shape == (60, 1, 40)


def test_without_its_package_mnist1d_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mnist1d.data", None)
    with pytest.raises(DataNotFound, match=r"pip install 'hypernas\[mnist1d\]'"):
        mnist1d()


@pytest.fixture
def idx_folder(tmp_path):
    rng = np.random.default_rng(0)
    for part, num in (("train", 120), ("t10k", 30)):
        images = rng.integers(0, 256, (num, 4, 4), dtype=np.uint8)
        labels = rng.integers(0, 10, num, dtype=np.uint8)
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
            path = tmp_path / f"{part}-{name}-ubyte.gz"
            path.write_bytes(gzip.compress(head + array.tobytes()))
    return tmp_path


def test_fashion_mnist_reads_idx_files_and_standardises(idx_folder):
    data = fashion_mnist(root=idx_folder)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [110, 10, 30]
    raw = gzip.decompress((idx_folder / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
    expected = (torch.tensor(list(raw)).float().view(30, 1, 4, 4) / 255 - 0.2860) / 0.3530
    assert_close(data.test.tensors[0], expected)


def test_fashion_mnist_is_found_through_the_environment(idx_folder, monkeypatch):
    monkeypatch.setenv("HYPERNAS_FASHION_MNIST", str(idx_folder))
    assert len(fashion_mnist(num_train=50).train) == 50


def test_missing_files_are_refused_with_what_to_get(tmp_path):
    with pytest.raises(DataNotFound, match="dataset-fashion-mnist"):
        fashion_mnist(root=tmp_path)


def test_a_damaged_file_is_refused_by_name(idx_folder):
    path = idx_folder / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-3]))
    with pytest.raises(ValueError, match=r"t10k-labels-idx1-ubyte\.gz is cut off"):
        fashion_mnist(root=idx_folder)


def test_splits_of_fashion_mnist_can_be_cut_to_their_first_images(idx_folder):
    whole = fashion_mnist(root=idx_folder)
    part = fashion_mnist(root=idx_folder, num_train=20, num_validation=5, num_test=7)
    for split, num in (("train", 20), ("validation", 5), ("test", 7)):
        cut = [tensor[:num] for tensor in getattr(whole, split).tensors]
        assert_close(list(getattr(part, split).tensors), cut)


def test_more_or_fewer_images_than_there_are_are_refused_all_at_once(idx_folder):
    with pytest.raises(
        ValueError, match=r"(?s)num_validation .* 5000, got 5001.*num_test .* got 0"
    ):
        fashion_mnist(root=idx_folder, num_validation=5001, num_test=0)


class Sentences(Dataset):
    """Examples that are no tensors, of different lengths."""

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return {"words": list(range(index % 3 + 1)), "label": index}


def padded(examples):
    longest = max(len(example["words"]) for example in examples)
    words = [example["words"] + [0] * (longest - len(example["words"])) for example in examples]
    lengths = torch.tensor([len(example["words"]) for example in examples])
    labels = torch.tensor([example["label"] for example in examples])
    return {"words": torch.tensor(words), "lengths": [lengths]}, labels


def test_a_collate_fn_makes_batches_of_whatever_the_examples_are():
    data = Data("sentences", *[Sentences()] * 3, (3,), 10, collate_fn=padded)
    inputs, labels = next(data.batches(batch_size=4, device="meta").starting_at(0))
    assert inputs["words"].device.type == inputs["lengths"][0].device.type == "meta"
    assert labels.shape == (4,)
    assert data.example(num=2)["words"].tolist() == [[0, 0], [0, 1]]
    every = [labels for _, labels in data.in_order("test", batch_size=4)]
    assert torch.cat(every).tolist() == list(range(10))


def test_an_order_is_asked_for_as_its_epoch_begins_however_batches_are_read():
    for dataset, workers in ((NUMBERED, 0), (Plain(), 0), (Plain(), 1)):
        asked, read = [], []

        def order(epoch, num, rng, asked=asked, read=read):
            asked.append((epoch, len(read)))
            return None if epoch == 1 else torch.arange(num).flip(0) // (epoch + 1)

        batches = Batches(dataset, batch_size=4, seed=3, num_workers=workers)
        for inputs, _ in islice(batches.starting_at(1, order), 5):
            read.append(inputs.tolist())
        assert asked == [(0, 0), (1, 1), (2, 3)]
        plain = [inputs.tolist() for inputs, _ in islice(batches.starting_at(2), 2)]
        assert read == [[5, 4, 3, 2], *plain, [3, 2, 2, 2], [1, 1, 1, 0]]
        numbers = [rows.tolist() for rows in islice(batches.examples(1, order), 5)]
        assert numbers == read


def test_processes_that_read_a_data_set_give_the_batches_of_this_one():
    data = Data("sentences", *[Sentences()] * 3, (3,), 10, collate_fn=padded)
    here, there = (
        [labels for _, labels in islice(stream.starting_at(3), 4)]
        for stream in (data.batches(batch_size=4, num_workers=n) for n in (0, 1))
    )
    assert_close(there, here, rtol=0, atol=0)


def test_what_is_no_data_set_of_that_many_examples_is_refused_in_words():
    tensors = torch.zeros(6, 2), torch.zeros(6)
    for inputs, targets, sizes in (
        (*tensors, (4, 3)),
        (*tensors, (-1,)),
        (tensors[0], torch.zeros(5), (2,)),
        (tensors[0], torch.tensor(1.0), (2,)),
    ):
        with pytest.raises(ValueError, match="expected as many inputs as targets"):
            split_tensors(inputs, targets, sizes, seed=0)
    with pytest.raises(TypeError, match="targets: expected Tensor"):
        split_tensors(tensors[0], {"y": tensors[1]}, (2,), seed=0)
    with pytest.raises(TypeError, match=r"got a mapping: give one of \['train', 'test'\]"):
        next(in_order({"train": [1], "test": [2]}, batch_size=1))
    assert list(in_order([], batch_size=2)) == []


def test_a_split_that_there_is_not_or_has_no_example_is_refused():
    data = digits()
    with pytest.raises(ValueError, match="no split 'tset', expected one of"):
        data.in_order("tset")
    with pytest.raises(ValueError, match="an example or more of the split 'validation'"):
        dataclasses.replace(data, validation=[]).example("validation")
