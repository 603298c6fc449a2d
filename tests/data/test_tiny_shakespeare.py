import lzma
from itertools import islice
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch.testing import assert_close

from hypernas.data import Batches, DataNotFound, in_order, tiny_shakespeare
from hypernas.data.tiny_shakespeare import SYMBOLS

TEXT = "First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\nSpeak, speak.\n" * 20


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    monkeypatch.delenv("HYPERNAS_TINY_SHAKESPEARE", raising=False)
    (tmp_path / "input.txt").write_text(TEXT)
    return tmp_path


def _text(tokens: torch.Tensor) -> str:
    return "".join(SYMBOLS[token] for token in tokens.tolist())


def test_the_symbols_are_65_in_the_order_of_their_codes():
    assert len(SYMBOLS) == 65
    assert sorted(set(SYMBOLS)) == list(SYMBOLS)


def test_training_windows_stand_at_every_offset_of_the_first_nine_tenths(root):
    data = tiny_shakespeare(root=root, context=8)
    end = len(TEXT) * 90 // 100
    assert (data.input_shape, data.num_classes) == ((8,), 65)
    assert len(data.train) == end - 8
    for offset in (0, 1, 17, end - 9):
        inputs, targets = data.train[offset]
        assert _text(inputs) == TEXT[offset : offset + 8]
        assert _text(targets) == TEXT[offset + 1 : offset + 9]


def test_validation_and_test_windows_tile_the_rest_without_overlap(root):
    data = tiny_shakespeare(root=root, context=8)
    starts = [len(TEXT) * 90 // 100, len(TEXT) * 95 // 100, len(TEXT)]
    for split, begin, end in zip((data.validation, data.test), starts, starts[1:], strict=False):
        num = (end - begin - 1) // 8
        inputs, targets = (torch.cat(parts) for parts in zip(*in_order(split), strict=True))
        assert inputs.shape == targets.shape == (num, 8)
        assert _text(inputs.flatten()) == TEXT[begin : begin + 8 * num]
        assert _text(targets.flatten()) == TEXT[begin + 1 : begin + 8 * num + 1]


def test_windows_are_views_of_the_text_wherever_batches_put_them(root):
    data = tiny_shakespeare(root=root, context=8)
    for tensor in data.train.tensors:
        assert tensor.untyped_storage().nbytes() <= 8 * len(TEXT)
    (inputs, targets), *_ = islice(Batches(data.train, batch_size=4).starting_at(0), 1)
    assert inputs.shape == targets.shape == (4, 8)
    assert_close(inputs[:, 1:], targets[:, :-1])
    batches = Batches(data.train, batch_size=4, device="meta").starting_at(0)
    moved = next(batches)
    assert [(part.device.type, part.shape) for part in moved] == [("meta", (4, 8))] * 2


def test_a_compressed_file_is_the_same_data(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compressed")
    (folder / "input.txt.xz").write_bytes(lzma.compress(TEXT.encode()))
    first, second = (tiny_shakespeare(root=r, context=8) for r in (root, folder))
    for split in ("train", "validation", "test"):
        assert_close(getattr(first, split).tensors, getattr(second, split).tensors)


def test_the_folder_may_come_from_the_environment(root, monkeypatch):
    with pytest.raises(DataNotFound, match="no folder was given"):
        tiny_shakespeare()
    monkeypatch.setenv("HYPERNAS_TINY_SHAKESPEARE", str(root))
    assert len(tiny_shakespeare(context=8).train) > 0


def test_a_missing_file_is_reported_with_what_to_get(tmp_path):
    with pytest.raises(DataNotFound, match=r"karpathy/char-rnn.*HYPERNAS_TINY_SHAKESPEARE"):
        tiny_shakespeare(root=tmp_path)


def test_foreign_characters_and_short_texts_are_refused(root):
    with pytest.raises(ValueError, match=r"context=200 needs 201 or more .* has 81"):
        tiny_shakespeare(root=root, context=200)
    with pytest.raises(ValueError, match="context must be 1 or more, got 0"):
        tiny_shakespeare(root=root, context=0)
    (root / "input.txt").write_text("Ünï")
    with pytest.raises(ValueError, match="is empty or has other characters"):
        tiny_shakespeare(root=root)


def test_its_configuration_holds_the_defaults(root):
    config = OmegaConf.load(Path(__file__).parents[2] / "configs/data/tiny_shakespeare.yaml")
    config.root = str(root)
    assert instantiate(config).input_shape == (64,)


def test_the_beginning_of_the_training_text_leaves_validation_and_test_as_they_are(root):
    whole, part = (
        tiny_shakespeare(root=root, context=8),
        tiny_shakespeare(root=root, context=8, num_train=100),
    )
    assert len(part.train) == 92
    assert_close(part.train.tensors[0], whole.train.tensors[0][:92])
    for split in ("validation", "test"):
        assert_close(getattr(part, split).tensors, getattr(whole, split).tensors)


@pytest.mark.parametrize("num", [0, 8, len(TEXT)])
def test_a_training_text_that_is_not_there_or_holds_no_window_is_refused(root, num):
    with pytest.raises(ValueError, match=f"num_train must be between 9 and .* got {num}"):
        tiny_shakespeare(root=root, context=8, num_train=num)
