"""A subnet as a file that needs no hypernas: checked against the generator before it is kept."""

import contextlib
import io
import json
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hypernas.generators import Generator, Given
from hypernas.generators.mode import evaluating
from hypernas.space.architecture import Architecture
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.skeleton import build_seeded
from hypernas.subnet.subnet import Subnet
from hypernas.subnet.target import call

FORMATS = {".safetensors": 1e-6, ".pt2": 1e-6, ".onnx": 1e-4}  # suffix -> allowed difference


class ExportError(ValueError):
    """A file that cannot be written, or does not compute what the generator does."""


@dataclass(frozen=True)
class Export:
    """A written file, and the distance of its outputs from the generator's.

    Attributes:
        difference: the largest absolute one, in units of the largest output or 1, whichever is more.
    """

    path: Path
    architecture: Architecture
    difference: float


def export_file(
    generator: Generator,
    architecture: Given,
    path: str | os.PathLike[str],
    *,
    inputs: Tensor | tuple[Tensor, ...],
    statistics: Mapping[str, Tensor] | None = None,
    overwrite: bool = False,
) -> Export:
    """Write the subnet of an architecture, by the file's suffix.

    `.safetensors`: the state dict of the plain module; `.pt2`: a `torch.export` program; `.onnx`:
    through onnxscript. The last two take any batch size. A JSON file beside it holds the
    architecture: `net.json` for `net.safetensors`, `net.onnx.json` for `net.onnx`.

    The file is written aside, read back, run on `inputs` and compared with the target on the
    generated weights, both on the CPU, and only then moved to its place.

    Args:
        architecture: or the subnet that it was resolved to, with a condition.
        inputs: a batch of two or more examples, as the target takes them.
        statistics: of batch norms: see `Generator.calibrate`.

    Raises:
        ExportError: if the suffix is unknown, the file exists and `overwrite` is not set, a package
            is missing, torch.export cannot follow the module, or the outputs differ.
    """
    path = Path(path)
    refuse(path, overwrite=overwrite)
    subnet = generator.subnet(architecture)
    arguments = tuple(tensor.cpu() for tensor in Arguments.of(inputs).positional)
    expected, module = _expected(generator, subnet, arguments, statistics)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as aside:
        draft = Path(aside) / path.name
        outputs = _written(generator, subnet.architecture, module, arguments, draft, path)
        scale = max(1.0, float(expected.abs().max()))
        difference = float((outputs.detach() - expected).abs().max()) / scale
        if not difference <= FORMATS[path.suffix]:
            raise ExportError(
                f"{path} was not written: its outputs differ from the generator's by {difference:.1e}, "
                f"allowed is {FORMATS[path.suffix]:.0e}."
            )
        for part in sorted(Path(aside).iterdir()):
            shutil.move(part, path.parent / part.name)
    return Export(path, subnet.architecture, difference)


def _expected(
    generator: Generator,
    subnet: Subnet,
    arguments: tuple[Tensor, ...],
    statistics: Mapping[str, Tensor] | None,
) -> tuple[Tensor, nn.Module]:
    """The outputs of the target on generated weights, and the plain module that is to give them."""
    with torch.no_grad(), evaluating(generator):
        weights = {name: weight.cpu() for name, weight in generator(subnet).items()}
        buffers = generator.statistics(subnet).tensors if statistics is None else statistics
        target = build_seeded(generator.space, subnet.architecture).eval()
        expected = call(
            target, weights, *arguments, buffers={n: b.cpu() for n, b in buffers.items()}
        )
        return expected, generator.export(subnet, statistics=statistics).cpu()


def _written(
    generator: Generator,
    architecture: Architecture,
    module: nn.Module,
    arguments: tuple[Tensor, ...],
    draft: Path,
    path: Path,  # of which the draft is one
) -> Tensor:
    """The outputs of the file, read again; the record of the architecture is written beside it."""
    try:
        match draft.suffix:
            case ".safetensors":
                outputs = _safetensors(generator, architecture, module, arguments, draft)
            case ".pt2":
                outputs = _program(module, arguments, draft)
            case _:
                outputs = _onnx(module, arguments, draft)
        record = {"architecture": dict(architecture), "weights": draft.name}
        _record_of(draft).write_text(json.dumps(record, indent=1) + "\n")
    except (OSError, SafetensorError) as error:
        raise ExportError(f"{path} could not be written: {error}") from error
    except ExportError:
        raise
    except Exception as error:
        if draft.suffix == ".safetensors":
            raise
        why = str(error).strip().partition("\n\n")[0]
        raise ExportError(
            f"{path} was not written: torch.export cannot follow {type(module).__name__} for any "
            f"batch size.\n{type(error).__name__}: {why}\nIts forward must not make a Python number "
            f"of the batch size (write x.shape[0] for len(x)) or of a tensor's values; "
            f".safetensors holds weights alone and needs nothing of it."
        ) from error
    return outputs


def refuse(path: Path, *, overwrite: bool) -> None:
    """Raise what `export_file` would of the path alone, before anything is computed.

    Raises:
        ExportError: if the suffix is unknown, or the file exists and `overwrite` is not set.
    """
    if path.suffix not in FORMATS:
        raise ExportError(f"out={path}: the suffix must be one of {list(FORMATS)}.")
    files = [path, _record_of(path)]
    if taken := [str(file) for file in files if file.exists() and not overwrite]:
        raise ExportError(f"{', '.join(taken)} exists: give overwrite=true or another out=FILE.")


def _record_of(path: Path) -> Path:
    """The file beside an exported one that holds the architecture."""
    if path.suffix == ".safetensors":
        return path.with_suffix(".json")
    return path.with_name(f"{path.name}.json")


def _safetensors(
    generator: Generator,
    architecture: Architecture,
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    path: Path,
) -> Tensor:
    tied = {name: tensor.contiguous().clone() for name, tensor in module.state_dict().items()}
    save_file(tied, path)
    again = generator.space.build(architecture).to(next(iter(tied.values())).dtype)
    again.load_state_dict(load_file(path))
    with torch.no_grad():
        return again.eval()(*inputs)


def _program(module: nn.Module, inputs: tuple[Tensor, ...], path: Path) -> Tensor:
    with _quiet():
        program = torch.export.export(module, inputs, dynamic_shapes=_batch_axes(inputs))
        whole = io.BytesIO()  # torch's own writer would abort the process on a full disk
        torch.export.save(program, whole)
        path.write_bytes(whole.getvalue())
        with torch.no_grad():
            return torch.export.load(path).module()(*inputs)


def _onnx(module: nn.Module, inputs: tuple[Tensor, ...], path: Path) -> Tensor:
    try:
        import onnxruntime
        import onnxscript  # noqa: F401 - torch's exporter needs it
    except ImportError as error:
        raise ExportError(
            f"export to .onnx needs {error.name}: pip install 'hypernas[onnx]'"
        ) from None
    names = ["inputs"] if len(inputs) == 1 else [f"inputs_{i}" for i in range(len(inputs))]
    with _quiet():
        torch.onnx.export(
            module,
            inputs,
            path,
            dynamo=True,
            external_data=False,
            dynamic_shapes=_batch_axes(inputs),
            input_names=names,
            output_names=["outputs"],
            verbose=False,
        )
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        for x in session.get_inputs():
            if isinstance(x.shape[0], int):  # torch's exporter falls back to that without a word
                raise ValueError(f"{x.name} would always be a batch of {x.shape[0]}.")
        (outputs,) = session.run(None, {n: x.numpy() for n, x in zip(names, inputs, strict=True)})
    return torch.from_numpy(outputs)


def _batch_axes(inputs: tuple[Tensor, ...]) -> tuple[dict[int, torch.export.Dim], ...]:
    batch = torch.export.Dim("batch")
    return tuple({0: batch} for _ in inputs)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' progress reports and deprecation warnings to themselves."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)
