"""Export of a run: one subnet as a file."""

import os
from collections.abc import Sequence
from typing import Any

import torch

from hypernas.border import checked
from hypernas.distributed.device import pick_device
from hypernas.exports import Export, export_file
from hypernas.runs.evaluate import Described, described
from hypernas.runs.load import Run, opened
from hypernas.subnet.arguments import Arguments


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
    vector = None if condition is None else torch.tensor(condition, dtype=torch.float32)
    if vector is not None:
        vector = vector.to(generator.device)
    subnet = generator.subnet(described(run, architecture), vector)

    condition_of = run.condition
    rest = (lambda inputs: inputs) if condition_of is None else condition_of.rest
    statistics = None
    if calibration_batches:
        batches = run.data.calibration(calibration_batches, device=generator.device)
        statistics = generator.calibrate(subnet, map(rest, batches))
    return export_file(
        generator,
        subnet,
        out,
        inputs=_named(rest(run.data.example("validation", num=8)), inputs),
        statistics=statistics,
        overwrite=overwrite,
    )


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
