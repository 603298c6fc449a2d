"""Fashion-MNIST: clothes of 28 x 28 pixels."""

import os
from pathlib import Path

from torch import Tensor
from torch.utils.data import TensorDataset

from hypernas.data.data import Data, DataNotFound
from hypernas.data.idx import read_idx
from hypernas.data.split import split_tensors

_PACKAGE = Path("/usr/share/datasets/fashion-mnist")  # Debian's dataset-fashion-mnist
_MEAN, _STD = 0.2860, 0.3530
_NUM_CLASSES = 10


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
        ValueError: if a file is not what it should be: another one, cut off, or with other sizes than it
            states; or if labels are not those of the images.
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
    for part, least in (("train", 12), ("t10k", 1)):
        _check(images[part], labels[part], folder, part, least)
    inputs = {part: (x.float()[:, None] / 255 - _MEAN) / _STD for part, x in images.items()}
    kept = len(inputs["train"]) // 12  # for validation
    train, validation = split_tensors(
        inputs["train"], labels["train"].long(), (len(inputs["train"]) - kept, kept), seed=0
    )
    test = TensorDataset(inputs["t10k"], labels["t10k"].long())
    parts = zip((train, validation, test), wanted.values(), strict=True)
    train, validation, test = (TensorDataset(*part[:num]) for part, num in parts)
    return Data(
        "fashion_mnist", train, validation, test, (1, *images["train"].shape[1:]), _NUM_CLASSES
    )


def _read(folder: Path, name: str, dim: int) -> Tensor:
    """One of the files, gzipped or not."""
    path = folder / f"{name}.gz"
    path = path if path.exists() else folder / name
    if not path.exists():
        raise DataNotFound(
            f"Fashion-MNIST: no {name}.gz in {folder}. Install Debian's package "
            f"dataset-fashion-mnist, or put the four files somewhere and give data.root=FOLDER "
            f"or the environment variable HYPERNAS_FASHION_MNIST."
        )
    return read_idx(path, dim)


def _check(images: Tensor, labels: Tensor, folder: Path, part: str, least: int) -> None:
    """Refuse images and labels that do not belong together, or are too few.

    Raises:
        ValueError: naming all that is wrong.
    """
    wrong = []
    if len(images) < least or not images.numel():
        wrong.append(f"expected {max(least, 1):,} images or more, got {tuple(images.shape)}")
    if len(labels) != len(images):
        wrong.append(f"expected a label for each of {len(images):,} images, got {len(labels):,}")
    if len(labels) and int(labels.max()) >= _NUM_CLASSES:
        place = int((labels >= _NUM_CLASSES).nonzero()[0])
        wrong.append(
            f"expected labels of 0 to {_NUM_CLASSES - 1}, got {int(labels[place])} at image {place}"
        )
    if wrong:
        raise ValueError(
            f"Fashion-MNIST: {folder}/{part}-images-idx3-ubyte and {part}-labels-idx1-ubyte do not fit:\n  "
            + "\n  ".join(wrong)
            + "\nGet both files again, from one place."
        )
