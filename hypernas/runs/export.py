"""Export of a run: one subnet as a file."""

import os
from collections.abc import Sequence

import torch

from hypernas.distributed.device import pick_device
from hypernas.exports import Export, export_file
from hypernas.runs.evaluate import Described, described
from hypernas.runs.load import Run, opened


def export(
    run: Run | str | os.PathLike[str],
    architecture: Described,
    out: str | os.PathLike[str],
    *,
    calibration_batches: int = 16,
    condition: Sequence[float] | None = None,
    overwrite: bool = False,
    device: str = "cpu",
) -> Export:
    """Write one subnet of a run as a plain module, checked against its generator.

    Args:
        run: or its folder.
        architecture: choices, "largest", "smallest", or the JSON that tables hold.
        out: file: .safetensors, .pt2 or .onnx; the architecture goes into .json beside it.
        calibration_batches: training batches for the statistics of batch norms; 0 keeps the
            generator's own.
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
        inputs=rest(run.data.example("validation", num=8)),
        statistics=statistics,
        overwrite=overwrite,
    )
