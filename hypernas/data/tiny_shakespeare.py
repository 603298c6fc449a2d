"""Tiny Shakespeare: a million characters of plays."""

import os
import string
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from hypernas.data.archive import read_unpacked
from hypernas.data.data import Data, DataNotFound

SYMBOLS = "\n !$&',-.3:;?" + string.ascii_uppercase + string.ascii_lowercase  # class -> character

_LARGEST = 2**26  # bytes of text, of which there are a million


def tiny_shakespeare(
    *,
    root: str | os.PathLike[str] | None = None,
    context: int = 64,
    num_train: int | None = None,
) -> Data:
    """1,115,394 characters of 65 kinds; inputs are windows of text, targets the next characters.

    Karpathy, "The unreasonable effectiveness of recurrent neural networks", 2015; the plays are in
    the public domain. The first 90 % of the text are for training, the next 5 % for validation, the
    rest for test. Training has a window at every offset; validation and test windows do not
    overlap, and characters that do not fill a last window are left out.

    Inputs and targets have shape (N, context), the target of a position being the character after
    it; they are views of the text, so a window at every offset costs no memory.

    Args:
        root: folder of `input.txt` or `input.txt.xz`; then the environment variable
            HYPERNAS_TINY_SHAKESPEARE.
        context: characters of a window.
        num_train: characters of the training text to use, from its beginning; None for all.

    Raises:
        DataNotFound: if the file is not there.
        ValueError: if a character is not one of the 65, or the text is too short for the context.
    """
    if context < 1:
        raise ValueError(f"context must be 1 or more, got {context}.")
    tokens = _read(root or os.environ.get("HYPERNAS_TINY_SHAKESPEARE"))
    ends = [len(tokens) * 90 // 100, len(tokens) * 95 // 100]
    train, *others = torch.tensor_split(tokens, ends)
    if num_train is not None and not context < num_train <= len(train):
        raise ValueError(
            f"num_train must be between {context + 1} and the {len(train)} characters of the "
            f"training text, got {num_train}."
        )
    train = train[:num_train]
    shortest = min(len(part) for part in (train, *others))
    if shortest <= context:
        raise ValueError(
            f"context={context} needs {context + 1} or more characters in every split, but the "
            f"smallest of this text of {len(tokens)} has {shortest}."
        )
    splits = [_windows(train, context, 1), *(_windows(part, context, context) for part in others)]
    return Data("tiny_shakespeare", *splits, input_shape=(context,), num_classes=len(SYMBOLS))


def _windows(
    tokens: Tensor,  # shape: (L,)
    context: int,
    stride: int,
) -> TensorDataset:
    """Windows that begin every `stride` characters, and the same one character later."""
    return TensorDataset(
        tokens[:-1].unfold(0, context, stride), tokens[1:].unfold(0, context, stride)
    )


def _read(folder: str | os.PathLike[str] | None) -> Tensor:  # shape: (L,), of 0 to 64
    paths = [Path(folder) / name for name in ("input.txt", "input.txt.xz")] if folder else []
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        where = f"no input.txt or input.txt.xz in {folder}" if folder else "no folder was given"
        raise DataNotFound(
            f"Tiny Shakespeare: {where}. Get data/tinyshakespeare/input.txt of the repository "
            f"github.com/karpathy/char-rnn, put it somewhere, as it is or compressed by xz, and "
            f"give data.root=FOLDER or the environment variable HYPERNAS_TINY_SHAKESPEARE."
        )
    raw = read_unpacked(path, largest=_LARGEST)
    classes = np.full(256, -1)
    classes[list(SYMBOLS.encode())] = range(len(SYMBOLS))
    tokens = classes[np.frombuffer(raw, dtype=np.uint8)]
    if not len(tokens) or tokens.min() < 0:
        raise ValueError(f"{path} is empty or has other characters than {SYMBOLS!r}: get it again.")
    return torch.from_numpy(tokens)
