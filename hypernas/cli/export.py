"""hypernas export."""

from itertools import islice
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from hypernas.cli.run_folder import reopen
from hypernas.distributed.device import pick_device
from hypernas.exports import export_file, refuse


def export_run(config: DictConfig) -> None:
    """Write one subnet of a run to a file."""
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    out = Path(config.out)
    refuse(out, overwrite=config.overwrite)
    wanted = config.architecture
    if isinstance(wanted, DictConfig):
        wanted = OmegaConf.to_object(wanted)
    parts, _ = reopen(config.run)
    generator = parts.generator.to(pick_device(config.device))
    architecture = parts.space.named(wanted)
    statistics = None
    if config.calibration_batches:
        size = min(128, len(parts.data.train))  # type: ignore[arg-type]
        batches = parts.data.batches(batch_size=size, device=generator.device)
        some = islice(batches.starting_at(0), config.calibration_batches)
        statistics = generator.calibrate(architecture, (inputs for inputs, _ in some))
    export = export_file(
        generator,
        architecture,
        out,
        inputs=parts.data.example("validation", num=8),
        statistics=statistics,
        overwrite=config.overwrite,
    )
    print(
        f"{export.path}: {architecture}\n"
        f"checked: outputs differ from the generator's by at most {export.difference:.1e}"
    )
