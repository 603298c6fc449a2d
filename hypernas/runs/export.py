"""Export of a run: one subnet as a file, or a translator as a folder."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from hypernas import exports
from hypernas.border import checked
from hypernas.distributed.device import pick_device
from hypernas.exports import Export, ExportedTranslator, export_file
from hypernas.runs.evaluate import Described, described
from hypernas.runs.load import Run, opened
from hypernas.runs.translate import translations_of
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.subnet import Subnet


@checked
def export(
    run: Run | str | os.PathLike[str],
    architecture: Described,
    out: str | os.PathLike[str],
    *,
    calibration_batches: int = 16,
    condition: Sequence[float] | None = None,
    inputs: Sequence[str] | None = None,
    overwrite: bool = False,
    device: str = "cpu",
) -> Export:
    """Write one subnet of a run as a plain module, checked against its generator.

    Args:
        run: or its folder.
        architecture: choices, "largest", "smallest", or the JSON that tables hold.
        out: file: .safetensors, .pt2 or .onnx; the architecture goes into .json beside it. Without a
            suffix a folder, in the layout of Hugging Face.
        calibration_batches: training batches for the statistics of batch norms; 0 keeps the
            generator's own.
        inputs: names of the keyword inputs that a program is to have, where batches are mappings; None
            for all but `labels`.
        condition: the numbers that the generator reads beside the architecture, if it does.

    Raises:
        ExportError: see `hypernas.exports.export_file`.
    """
    run = opened(run)
    generator = run.generator.to(pick_device(device))
    subnet, statistics = _calibrated(run, architecture, condition, calibration_batches)
    example = run.data.example("validation", num=8)
    return export_file(
        generator,
        subnet,
        out,
        inputs=_named(example if run.condition is None else run.condition.rest(example), inputs),
        statistics=statistics,
        overwrite=overwrite,
    )


@checked
def export_translator(
    run: Run | str | os.PathLike[str],
    architecture: Described,
    out: str | os.PathLike[str],
    *,
    formats: Sequence[str] = ("onnx",),
    calibration_batches: int = 16,
    condition: Sequence[float] | None = None,
    overwrite: bool = False,
    device: str = "cpu",
) -> ExportedTranslator:
    """Write one subnet of a run on pairs of sentences as a folder that translates text without this library.

    Args:
        out: the folder.
        formats: onnx, pt2 or both; for the other arguments see `export`.

    Raises:
        TypeError: if the data are no translations.
        ExportError: see `hypernas.exports.export_translator`.
    """
    run = opened(run)
    data = translations_of(run)
    generator = run.generator.to(pick_device(device))
    subnet, statistics = _calibrated(run, architecture, condition, calibration_batches)
    return exports.export_translator(
        generator,
        subnet,
        out,
        data=data,
        formats=formats,
        statistics=statistics,
        overwrite=overwrite,
    )


def _calibrated(
    run: Run, architecture: Described, condition: Sequence[float] | None, batches: int
) -> tuple[Subnet, Mapping[str, Tensor] | None]:
    """A subnet, and the statistics of its norms over training batches; None for the generator's own."""
    generator = run.generator
    vector = None if condition is None else torch.tensor(condition, dtype=torch.float32)
    if vector is not None:
        vector = vector.to(generator.device)
    subnet = generator.subnet(described(run, architecture), vector)
    rest = (lambda inputs: inputs) if run.condition is None else run.condition.rest
    if not batches:
        return subnet, None
    inputs = run.data.calibration(batches, device=generator.device)
    return subnet, generator.calibrate(subnet, map(rest, inputs))


def _named(batch: Any, names: Sequence[str] | None) -> Arguments:
    """The inputs of a batch, of its keywords those that are named.

    Raises:
        ValueError: if one is not there.
    """
    positional, keywords = Arguments.of(batch)
    wanted = [name for name in keywords if name != "labels"] if names is None else names
    if unknown := [name for name in wanted if name not in keywords]:
        raise ValueError(f"inputs: a batch has the keywords {list(keywords)}, and not {unknown}.")
    return Arguments(positional, {name: keywords[name] for name in wanted})
