"""hypernas export."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from hypernas.cli.plain import plain, trusted
from hypernas.distributed.device import use_threads
from hypernas.exports import refuse, refuse_translator
from hypernas.runs.export import export, export_translator
from hypernas.runs.load import load


def export_command(config: DictConfig) -> None:
    """Write one subnet of a run to a file or folder."""
    settings = plain(config)
    use_threads(settings["threads"])
    out = Path(settings["out"])
    if settings["translator"] is not None:
        _as_folder(settings, out, trusted(config))
        return
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


def _as_folder(settings: dict[str, Any], out: Path, trust: Sequence[str]) -> None:
    asked = settings["translator"]
    formats = [asked] if isinstance(asked, str) else asked
    if settings["inputs"] is not None:
        raise ValueError("inputs= is for programs of other subnets: a translator has its own.")
    refuse_translator(out, formats, overwrite=settings["overwrite"])
    names = ("calibration_batches", "condition", "overwrite", "device")
    options = {name: settings[name] for name in names}
    run = load(settings["run"], trust=trust)
    written = export_translator(run, settings["architecture"], out, formats=formats, **options)
    differ = ", ".join(f"{value:.1e} ({name})" for name, value in written.difference.items())
    print(
        f"{written.path}: {written.architecture}\nchecked: logits differ from the generator's by at most {differ}"
    )
