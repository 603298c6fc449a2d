"""hypernas export."""

from pathlib import Path

from omegaconf import DictConfig

from hypernas.cli.plain import plain, trusted
from hypernas.distributed.device import use_threads
from hypernas.exports import refuse
from hypernas.runs.export import export
from hypernas.runs.load import load


def export_command(config: DictConfig) -> None:
    """Write one subnet of a run to a file or folder."""
    settings = plain(config)
    use_threads(settings["threads"])
    out = Path(settings["out"])
    refuse(out, overwrite=settings["overwrite"])  # before anything is loaded
    written = export(
        load(settings["run"], trust=trusted(config)),
        settings["architecture"],
        out,
        calibration_batches=settings["calibration_batches"],
        condition=settings["condition"],
        inputs=settings["inputs"],
        overwrite=settings["overwrite"],
        device=settings["device"],
    )
    print(
        f"{written.path}: {written.architecture}\n"
        f"checked: outputs differ from the generator's by at most {written.difference:.1e}"
    )
    if written.left_out:
        print(f"left out of the program, as it is no tensor: {', '.join(written.left_out)}")
    if written.padded is not None:
        print(
            f"examples that are all padding: differ by {written.padded:.1e}; read nothing of them"
        )
