"""A subnet as files that need no hypernas: checked against the generator before they are kept."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from hypernas.border import checked
from hypernas.exports.difference import differences
from hypernas.exports.format import ExportError, Format
from hypernas.exports.onnx import ONNX
from hypernas.exports.plain import left_out
from hypernas.exports.pretrained import Pretrained
from hypernas.exports.probe import probes
from hypernas.exports.program import Program
from hypernas.exports.reference import Reference
from hypernas.exports.weights import Weights
from hypernas.generators import Generator, Given
from hypernas.space.architecture import Architecture
from hypernas.storage.files import flush
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.skeleton import build_seeded
from hypernas.subnet.structure import map_tensors
from hypernas.subnet.target import placing

SUFFIXES = (".safetensors", ".pt2", ".onnx")


@dataclass(frozen=True)
class Export:
    """A written file or folder, and the distance of its outputs from the generator's.

    Attributes:
        path: a file, or a folder.
        difference: the largest absolute one of any output, in units of that output's largest value or
            1, whichever is more.
        left_out: what the module returns beside tensors, which a program does not.
        padded: the difference of a program for examples that its masks leave nothing of, which runtimes
            treat each in its way (NaN included); None where there are no masks.
    """

    path: Path
    architecture: Architecture
    difference: float
    left_out: tuple[str, ...] = ()
    padded: float | None = None


@checked
def export_file(
    generator: Generator,
    architecture: Given,
    path: str | os.PathLike[str],
    *,
    inputs: Any,
    statistics: Mapping[str, Tensor] | None = None,
    overwrite: bool = False,
) -> Export:
    """Write the subnet of an architecture, by the path's suffix.

    `.safetensors`: the state dict of the plain module; `.pt2`: a `torch.export` program; `.onnx`:
    through onnxscript; none: a folder in the layout of Hugging Face (`Pretrained`). Programs take any
    batch size. A JSON file holds the architecture: `net.json` beside `net.safetensors`, `net.onnx.json`
    beside `net.onnx`, `architecture.json` in a folder.

    What is written is read back from a place aside, run on `inputs` and compared, output by output,
    with what `generator.call` computes on the CPU, a program also on another number of examples and on padded ones
    (see `hypernas.exports.probe`); only then is it moved to its place.

    Args:
        architecture: or the subnet that it was resolved to, with a condition.
        inputs: of a batch of two or more examples, as the target takes them: see `Arguments`.
        statistics: of batch norms: see `Generator.calibrate`.

    Raises:
        ExportError: if the suffix is unknown, something exists and `overwrite` is not set, a package is
            missing, torch.export cannot follow the module, or the outputs differ.
    """
    path = Path(path)
    refuse(path, overwrite=overwrite)
    subnet = generator.subnet(architecture)
    arguments = map_tensors(lambda tensor: tensor.detach().cpu(), Arguments.of(inputs))
    reference = Reference(generator, subnet, statistics)
    expected = reference.outputs(arguments)
    module = generator.export(subnet, statistics=statistics).cpu()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as aside:
        draft = Path(aside) / path.name
        try:
            kind = _format(path, generator, subnet.architecture)
            kind.write(module, arguments, expected, draft)
            record = {"architecture": dict(subnet.architecture), "weights": draft.name}
            _record_of(draft).write_text(json.dumps(record, indent=1) + "\n")
            found = differences(kind.run(draft, arguments), expected)
            _check(found, kind.allowed(generator.dtype))
            padded = _probed(kind, draft, module, reference, arguments)
        except (OSError, SafetensorError) as error:
            raise ExportError(f"{path} could not be written: {error}") from error
        except ExportError as error:
            raise ExportError(f"{path} was not written: {error}") from error
        move(Path(aside), path)
    others = left_out(expected) if path.suffix in (".pt2", ".onnx") else ()
    return Export(path, subnet.architecture, max(found.values()), tuple(others), padded)


def _probed(
    kind: Format, draft: Path, module: nn.Module, reference: Reference, given: Arguments
) -> float | None:
    """Compare a program on other batches; the difference where all is padding, None where nothing can be.

    Raises:
        ExportError: if outputs differ, but for those of padding, or something fails on another number of examples.
    """
    padded = None
    for probe in probes(module, given) if kind.any_batch else ():
        try:
            expected = reference.outputs(probe.arguments)
            outputs = kind.run(draft, probe.arguments)
        except Exception as error:  # whatever the user's module or a runtime raises
            if probe.padding:
                continue
            raise ExportError(
                f"it takes any batch size, but fails on {probe.of}: {type(error).__name__}: {error}"
            ) from error
        counted = (map_tensors(probe.counted, x) for x in (outputs, expected))
        found = differences(*counted)
        if probe.whole:
            padded = max(found.values())
        else:
            _check(found, kind.allowed(reference.dtype), f" on {probe.of}")
    return padded


def _format(path: Path, generator: Generator, architecture: Architecture) -> Format:
    def build() -> nn.Module:
        module = build_seeded(generator.space, architecture)
        module._apply(placing(torch.device("cpu"), generator.dtype))
        return module

    match path.suffix:
        case ".safetensors":
            return Weights(build)
        case ".pt2":
            return Program()
        case ".onnx":
            return ONNX()
    return Pretrained(build, architecture)


def _check(found: Mapping[str, float], tolerance: float, where: str = "") -> None:
    if not found:
        raise ExportError("the module returns no tensor, of which a difference could be told.")
    if wrong := {name: value for name, value in found.items() if not value <= tolerance}:
        told = ", ".join(f"{value:.1e} ({name})" for name, value in wrong.items())
        raise ExportError(
            f"its outputs differ from the generator's by {told}{where}, allowed is {tolerance:.0e}."
        )


@checked
def refuse(path: Path, *, overwrite: bool) -> None:
    """Raise what `export_file` would of the path alone, before anything is computed.

    Raises:
        ExportError: if the suffix is unknown, or something exists and `overwrite` is not set.
    """
    folder = _is_folder(path)
    if not folder and path.suffix not in SUFFIXES:
        raise ExportError(
            f"out={path}: the suffix must be one of {list(SUFFIXES)}, or none, for a folder."
        )
    if folder and path.is_file():
        raise ExportError(f"out={path} is a file: give a folder, or a suffix of {list(SUFFIXES)}.")
    files = sorted(path.iterdir()) if folder and path.is_dir() else [path, _record_of(path)]
    if taken := [str(file) for file in files if file.exists() and not overwrite]:
        raise ExportError(f"{', '.join(taken)} exists: give overwrite=true or another out=FILE.")


def _is_folder(path: Path) -> bool:
    return not path.suffix or path.is_dir()


def _record_of(path: Path) -> Path:
    """The file that holds the architecture of what was exported."""
    if path.suffix == ".safetensors":
        return path.with_suffix(".json")
    if _is_folder(path):
        return path / "architecture.json"
    return path.with_name(f"{path.name}.json")


def move(aside: Path, path: Path) -> None:
    """Move what was written aside to where a path is, whose older files it replaces."""
    whole = _is_folder(path)
    if whole:
        path.mkdir(exist_ok=True)
    place, parts = (path, aside / path.name) if whole else (path.parent, aside)
    for part in sorted(parts.iterdir()):
        flush(part)
        os.replace(part, place / part.name)
    flush(place)
