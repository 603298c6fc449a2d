"""Stand-alone training: what a subnet reaches with weights of its own."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import hypernas
from hypernas.border import checked
from hypernas.data import Data, num_examples
from hypernas.evaluation.recipe import Recipe
from hypernas.evaluation.subnet_training import Measures, measures_of, train_subnet
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.storage.seal import read_sealed, write_sealed
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.skeleton import build_seeded
from hypernas.subnet.structure import parts, tensors


class References:
    """Stand-alone trainings, each done once and kept on disk by its content.

    An entry's key is made of the recipe, the seed, the data, the version of this library and of
    torch, and the freshly initialised module: its weights and its outputs on the first training
    examples (where chance has a part in training, as in dropout, also those of that). So a change of
    any of them, the forward pass included, is a new entry, and runs and studies of the same content
    share one. The device is not part of it. A damaged entry is trained again.

    Args:
        folder: of the entries, made when it is needed; None keeps them in memory alone.
        device: to train on.

    Raises:
        ValueError: if the data have no validation split.
    """

    @checked
    def __init__(
        self,
        space: SearchSpace,
        data: Data,
        recipe: Recipe,
        *,
        folder: str | os.PathLike[str] | None,
        device: str | torch.device = "auto",
    ) -> None:
        data.check_validation()
        self.space, self.data, self.recipe, self.device = space, data, recipe, device
        self.folder = None if folder is None else Path(folder)
        self._data = fingerprint(data)
        self._known: dict[str, Measures] = {}

    def __call__(self, architecture: Mapping[str, Any], *, seed: int) -> Measures:
        """The measures of a subnet on validation and test, trained now unless that was done."""
        architecture = self.space.architecture(architecture)
        key = self.key(architecture, seed=seed)
        if key not in self._known:
            path = None if self.folder is None else self.folder / f"{key}.json"
            measures = None if path is None else _read(path)
            if measures is None:
                if path is not None:
                    path.parent.mkdir(parents=True, exist_ok=True)  # before hours of training
                measures = self._train(architecture, seed)
                if path is not None:
                    self._write(path, architecture, seed, measures)
            self._known[key] = measures
        return self._known[key]

    def key(self, architecture: Architecture, *, seed: int) -> str:
        module = build_seeded(self.space, architecture, architecture.digest(seed)).eval()
        inputs = Arguments.of(self.data.example(num=2))
        with torch.no_grad():
            outputs = module(*inputs.positional, **inputs.keywords)
        content = hashlib.sha256(self.recipe.to_json().encode())
        content.update(f"{hypernas.__version__} {torch.__version__} {seed} {self._data}".encode())
        for tensor in [*tensors(outputs), *module.state_dict().values()]:
            content.update(_bytes(tensor))
        first, second = (self._outputs_while_training(module, seed) for seed in (0, 1))
        if first != second:  # dropout and the like, which the outputs above do not show
            content.update(first)
        return content.hexdigest()[:24]

    def _outputs_while_training(self, module: nn.Module, seed: int) -> bytes:
        inputs = Arguments.of(self.data.example(num=2))
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            outputs = module.train()(*inputs.positional, **inputs.keywords)
        return b"".join(_bytes(tensor) for tensor in tensors(outputs))

    def _train(self, architecture: Architecture, seed: int) -> Measures:
        generator = train_subnet(
            self.space, self.data, self.recipe, architecture, seed=seed, device=self.device
        )
        return measures_of(generator, self.data, self.recipe, architecture)

    def _write(self, path: Path, architecture: Architecture, seed: int, measures: Measures) -> None:
        entry = {
            "architecture": dict(architecture),
            "data": self.data.name,
            "recipe": json.loads(self.recipe.to_json()),
            "seed": seed,
            "measures": measures,
        }
        write_sealed(path, entry)


def _read(path: Path) -> Measures | None:
    """The measures of an entry; None if it is not there, or damaged.

    One of an earlier version, without a checksum, is taken.
    """
    try:
        return dict(read_sealed(path)["measures"])
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def fingerprint(data: Data) -> str:
    """A digest of a data set's sizes and of 64 examples of each split, evenly spread."""
    content = hashlib.sha256(data.name.encode())
    for dataset in (data.train, data.validation, data.test):
        count = num_examples(dataset)
        content.update(str(count).encode())
        for i in range(0, count, max(1, count // 64)):
            for column in _leaves(dataset[i]):
                content.update(_bytes(torch.as_tensor(column)))
    return content.hexdigest()


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().numpy().tobytes()


def _leaves(value: Any) -> Iterator[Any]:
    """The tensors and numbers of an example, in their order."""
    within = list(parts(value))
    for _, item in within:
        yield from _leaves(item)
    if not within:
        yield value
