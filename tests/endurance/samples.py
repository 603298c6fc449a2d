"""A valid argument for every parameter of the public functions and classes, by its name."""

import contextlib
import functools
import types
import typing
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset

from hypernas import generators, growth, search
from hypernas.cost import Parameters
from hypernas.data import split_tensors
from hypernas.data.data import Data
from hypernas.evaluation import Recipe
from hypernas.evaluation.gap import Measure
from hypernas.generators.banks.bank import PerParameterBank
from hypernas.generators.coefficients.learned import Free
from hypernas.objectives import CrossEntropy, InPlaceDistillation
from hypernas.predictors import Ridge
from hypernas.sampling import Fixed, Sandwich
from hypernas.slicing import prefix
from hypernas.spaces import mlp
from hypernas.subnet.law import Probe
from hypernas.subnet.supernet import Supernet
from hypernas.training import Strategy, Task, Training

Make = Callable[[], Any]


class Samples:
    """Small, valid values, made anew for each call, so that no call can spoil the next.

    Args:
        folder: for paths, which are of files that are not there.
    """

    def __init__(self, folder: Path) -> None:
        rng = torch.Generator().manual_seed(0)
        inputs, targets = torch.randn(40, 2, generator=rng), torch.arange(40) % 3
        splits = split_tensors(inputs, targets, (20, 10, 10), seed=0)
        self.data = Data("blobs", *splits, input_shape=(2,), num_classes=3)
        self.space = mlp(input_shape=(2,), num_classes=3, depths=(1, 2), widths=(4, 8))
        self.sgd = functools.partial(torch.optim.SGD, lr=0.01)
        self.folder = folder
        self._made = self._values()

    def of(self, owner: str, name: str, hint: Any) -> Any:
        """A value of a parameter, by its name, or else by its annotation if that is plain.

        Args:
            owner: name of the function or class.

        Raises:
            LookupError: if there is none.
        """
        made = self._made.get(f"{owner}.{name}", self._made.get(name))
        return _plain(hint) if made is None else made()

    def generator(self) -> generators.Generator:
        return generators.shared(self.space)

    def problem(self) -> search.Problem:
        known = {"parameters": Parameters(self.space), "loss": self.measure()}
        return search.Problem(
            self.space, [search.Objective("loss"), search.Objective("parameters")], (), known
        )

    def measure(self) -> search.Measure:
        class Loss(search.Measure):
            name = "loss"

            def __call__(self, architectures):
                return [float(len(a.digest())) for a in architectures]

        return Loss()

    def _values(self) -> Mapping[str, Make]:
        data, space = self.data, self.space
        small, large = space.smallest(), space.largest()
        examples = (
            [large, small, *space.sample_distinct(2, torch.Generator().manual_seed(1))]
            if (hasattr(space, "sample_distinct"))
            else [large, small]
        )
        module = lambda: space.build(large)  # noqa: E731
        training = lambda: Training(steps=2, batch_size=8)  # noqa: E731
        strategy = lambda: Strategy(sampler=Fixed(), optimizer=self.sgd)  # noqa: E731
        task = lambda: Task(data, CrossEntropy())  # noqa: E731
        supernet = functools.lru_cache(1)(lambda: Supernet(space))
        ones = lambda: dict.fromkeys(supernet().shapes, 1)  # noqa: E731
        batches = lambda: list(data.in_order("validation", batch_size=5))  # noqa: E731
        points = lambda: [search.Evaluated(large, {"loss": 1.0, "parameters": 2.0})]  # noqa: E731
        scores = [[1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 3.0, 4.0]]
        values: dict[str, Make] = {
            "alpha": dict,
            "architecture": lambda: large,
            "architectures": lambda: examples,
            "bank": lambda: PerParameterBank(supernet(), num_experts=ones(), seed=0),
            "bank_size": lambda: 4,
            "batch_size": lambda: 4,
            "batches": batches,
            "bound": lambda: 1.0,
            "build": lambda: space.build,
            "base": dict,
            "choices": lambda: {"width": [4, 8]},
            "compose": lambda: None,
            "constraints": tuple,
            "cost": lambda: lambda a: 1.0,
            "costs": lambda: {"parameters": [3.0, 1.0, 2.0, 4.0]},
            "data": lambda: data,
            "dataset": lambda: data.train,
            "device": lambda: torch.device("cpu"),
            "difference": lambda: 0.0,
            "evaluations": list,
            "example": lambda: torch.zeros(2, 2),
            "features": lambda: torch.tensor([0.5, 1.0]),
            "folder": lambda: self.folder / "nowhere",
            "generator": self.generator,
            "growth": growth.Scratch,
            "grow": lambda: growth.net2net,
            "grown": self.generator,
            "inherited": lambda: np.array(scores),
            "input_shape": lambda: (1, 8, 8),
            "inputs": lambda: torch.zeros(2, 2),
            "known": dict,
            "large": lambda: (4, 4),
            "layouts": dict,
            "losses": lambda: [[1.0, 2.0], [2.0, 1.0]],
            "measure": lambda: "accuracy",
            "measures": lambda: [self.measure(), Parameters(space)],
            "members": lambda: [generators.shared(space)],
            "model": module,
            "module": module,
            "name": lambda: "loss",
            "names": lambda: ["loss", "parameters"],
            "num": lambda: 2,
            "num_classes": lambda: 3,
            "num_evaluations": lambda: 2,
            "num_examples": lambda: [4, 4],
            "num_parameters": lambda: 10,
            "num_random": lambda: 2,
            "num_ranks": lambda: 2,
            "num_weights": lambda: 10,
            "objective": CrossEntropy,
            "objectives": lambda: [search.Objective("loss")],
            "optimizer": lambda: self.sgd,
            "out": lambda: self.folder / "net.safetensors",
            "owner": module,
            "parts": tuple,
            "part": lambda: 2,
            "path": lambda: self.folder / "file",
            "paths": lambda: [self.folder],
            "pattern": lambda: "out ...",
            "phase": lambda: 0,
            "points": points,
            "predictor": lambda: _fitted(space, examples),
            "predictors": lambda: [Ridge(space)],
            "probe": lambda: Probe("width", small),
            "probes": lambda: [Probe("width", small)],
            "problem": self.problem,
            "rank": lambda: 0,
            "recipe": lambda: Recipe(
                training=training(), objective=CrossEntropy(), optimizer=self.sgd
            ),
            "reference": lambda: [3.0, 3.0],
            "references": lambda: np.array(scores),
            "rng": lambda: torch.Generator().manual_seed(0),
            "row": dict,
            "rows": lambda: [{"a": 1}],
            "run": lambda: self.folder / "nowhere",
            "sampler": Sandwich,
            "scores": lambda: scores[0],
            "search": lambda: search.Random(self.problem()),
            "seed": lambda: 0,
            "seeds": lambda: [0, 1],
            "settings": dict,
            "size": lambda: 4,
            "sizes": lambda: (10, 10),
            "small": lambda: (2, 2),
            "source": lambda: Free({n: torch.ones(1) for n in supernet().shapes}, learned=True),
            "space": lambda: space,
            "split": lambda: "validation",
            "standalone": lambda: np.array([scores, scores]),
            "start": module,
            "steps": lambda: 2,
            "strategy": strategy,
            "subnets": lambda: {"large": large},
            "supernet": supernet,
            "targets": lambda: torch.zeros(20).long(),
            "task": task,
            "teacher": module,
            "test": lambda: data.test,
            "to": lambda: "largest",
            "train": lambda: data.train,
            "training": training,
            "truth": lambda: scores[1],
            "validation": lambda: data.validation,
            "values": lambda: [3.0, 1.0],
        }
        return values | {
            "Architecture.values": lambda: {"width": 4},
            "Evaluated.values": lambda: {"loss": 1.0},
            "Export.architecture": lambda: large,
            "auxiliary_loss.subnets": lambda: [large],
            "create_late_parameters.subnets": lambda: [large],
            "find.objectives": lambda: ["accuracy"],
            "InPlaceDistillation.objective": CrossEntropy,
            "layout_of.name": lambda: "weight",
            "slice_of.large": module,
            "slice_of.name": lambda: "head.weight",
            "slice_of.small": lambda: space.build(small),
            "spatial_axes.name": lambda: "weight",
            "mlp.input_shape": lambda: (2,),
            "conv1d.input_shape": lambda: (1, 16),
            "transformer_lm.input_shape": lambda: (8,),
            "seq2seq.input_shape": lambda: (8,),
            "transformer_lm.num_classes": lambda: 16,
            "seq2seq.num_classes": lambda: 16,
            "recalibrate.batches": lambda: [inputs for inputs, _ in batches()],
            "split_tensors.inputs": lambda: torch.zeros(20, 2),
            "by_name.parts": lambda: {"*": generators.shared},
            "measure_steps.steps": lambda: {"a": lambda i: None, "b": lambda i: None},
            "find_plateau.measure": lambda: Measure(
                name="accuracy", lower_is_better=False, scale=100, unit="points"
            ),
            "find_plateau.score": lambda: lambda a, steps, seed: 0.5,
            "plain.module": nn.Identity,
            "check_teacher.objective": InPlaceDistillation,
            "num_examples.dataset": lambda: TensorDataset(torch.zeros(3)),
            "Slice.axes": lambda: prefix((4, 4), (2, 2)).axes,
            "together.architectures": lambda: [large, small],
            "member.architecture": lambda: small,
            "net2net.teacher": self.generator,
            "untrained.members": lambda: [small],
            "start_at.start": lambda: None,
            "coefficients.architecture": lambda: large,
            "choose_channels.loss": lambda: lambda outputs: outputs.sum(),
        }


def _fitted(space: Any, architectures: Any) -> Ridge:
    predictor = Ridge(space)
    with warnings.catch_warnings(), contextlib.suppress(ValueError):
        warnings.simplefilter("ignore")
        predictor.fit(architectures, [float(i) for i in range(len(architectures))])
    return predictor


_PLAIN = {int: 2, float: 0.5, str: "name", bool: True, dict: {}, tuple: (), list: []}


def _plain(hint: Any) -> Any:
    kind = typing.get_origin(hint) or hint
    for one in typing.get_args(hint) if kind in (typing.Union, types.UnionType) else [kind]:
        one = {Mapping: dict, Sequence: tuple}.get(typing.get_origin(one) or one, one)
        if one in _PLAIN:
            return _PLAIN[one]
    raise LookupError("no sample")
