"""Fashion-MNIST: clothes of 28 x 28 pixels."""

import gzip
import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from hypernas.data.data import Data, DataNotFound, split_tensors

_PACKAGE = Path("/usr/share/datasets/fashion-mnist")  # Debian's dataset-fashion-mnist
_MEAN, _STD = 0.2860, 0.3530


def fashion_mnist(
    *,
    root: str | os.PathLike[str] | None = None,
    num_train: int = 55_000,
    num_validation: int = 5_000,
    num_test: int = 10_000,
) -> Data:
    """60,000 + 10,000 images of 1 x 28 x 28, standardised, 10 classes; 5,000 are for validation.

    Xiao et al., 2017, arXiv 1708.07747 (MIT).

    Args:
        root: folder of the four IDX files (`train-images-idx3-ubyte.gz` and so on, gzipped or
            not); then the environment variable HYPERNAS_FASHION_MNIST; then Debian's package.
        num_train, num_validation, num_test: images to use, at most 55,000, 5,000 and 10,000.

    Raises:
        DataNotFound: if the files are not there.
        ValueError: if a file is not what it should be.
    """
    folder = Path(root or os.environ.get("HYPERNAS_FASHION_MNIST") or _PACKAGE)
    wanted = {"num_train": num_train, "num_validation": num_validation, "num_test": num_test}
    limits = {"num_train": 55_000, "num_validation": 5_000, "num_test": 10_000}
    if wrong := [name for name, limit in limits.items() if not 0 < wanted[name] <= limit]:
        raise ValueError(
            "\n".join(f"{n} must be between 1 and {limits[n]}, got {wanted[n]}." for n in wrong)
        )
    images = {part: _read(folder, f"{part}-images-idx3-ubyte", 3) for part in ("train", "t10k")}
    labels = {part: _read(folder, f"{part}-labels-idx1-ubyte", 1) for part in ("train", "t10k")}
    inputs = {part: (x.float()[:, None] / 255 - _MEAN) / _STD for part, x in images.items()}
    kept = len(inputs["train"]) // 12  # for validation
    train, validation = split_tensors(
        inputs["train"], labels["train"].long(), (len(inputs["train"]) - kept, kept), seed=0
    )
    test = TensorDataset(inputs["t10k"], labels["t10k"].long())
    parts = zip((train, validation, test), wanted.values(), strict=True)
    train, validation, test = (TensorDataset(*part[:num]) for part, num in parts)
    return Data("fashion_mnist", train, validation, test, (1, *images["train"].shape[1:]), 10)


def _read(folder: Path, name: str, dim: int) -> Tensor:
    """One IDX file of bytes: magic number 0, 0, 8, dim, then big-endian sizes, then the values."""
    path = folder / f"{name}.gz"
    path = path if path.exists() else folder / name
    if not path.exists():
        raise DataNotFound(
            f"Fashion-MNIST: no {name}.gz in {folder}. Install Debian's package "
            f"dataset-fashion-mnist, or put the four files somewhere and give data.root=FOLDER "
            f"or the environment variable HYPERNAS_FASHION_MNIST."
        )
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    head = 4 + 4 * dim
    sizes = np.frombuffer(raw[4:head], dtype=">u4").astype(int)
    if raw[:4] != bytes([0, 0, 8, dim]) or len(raw) - head != sizes.prod():
        raise ValueError(f"{path} is not an IDX file of bytes with {dim} axes: get it again.")
    return torch.from_numpy(np.frombuffer(raw[head:], dtype=np.uint8).reshape(*sizes).copy())
