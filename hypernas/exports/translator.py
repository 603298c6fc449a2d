"""A translator as a folder that needs no hypernas: encoder, decoder step and vocabulary, and what they are called."""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.data import Translation
from hypernas.data.subwords import END, PADDING, START, UNKNOWN
from hypernas.decoding import Translator
from hypernas.exports.difference import differences
from hypernas.exports.file import move, refuse
from hypernas.exports.format import ExportError, ProgramFormat
from hypernas.exports.onnx import ONNX, OPSET
from hypernas.exports.passes import Pass, passes
from hypernas.exports.program import Program
from hypernas.exports.reference import Reference
from hypernas.generators import Generator, Given
from hypernas.space.architecture import Architecture
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.structure import named_tensors, tensors

FORMATS: Mapping[str, type[ProgramFormat]] = {"onnx": ONNX, "pt2": Program}
PARTS = ("encoder", "decoder_step")
_VOCABULARY, _ABOUT = "vocabulary.model", "translator.json"
_SENTENCES = 8  # of validation, on which files are compared


@dataclass(frozen=True)
class ExportedTranslator:
    """A written folder, and the distance of its logits from the generator's.

    Attributes:
        difference: by format, the largest absolute one of any logit, in units of the largest or 1, whichever is more.
    """

    path: Path
    architecture: Architecture
    difference: Mapping[str, float]


@checked
def export_translator(
    generator: Generator,
    architecture: Given,
    folder: str | os.PathLike[str],
    *,
    data: Translation,
    formats: Sequence[str] = ("onnx",),
    statistics: Mapping[str, Tensor] | None = None,
    overwrite: bool = False,
) -> ExportedTranslator:
    """Write a subnet that translates text without this library.

    A folder of `encoder` and `decoder_step`, each as `.onnx` and as `.pt2` as asked, of `vocabulary.model` for sentencepiece and of
    `translator.json`, which tells architecture, symbols, inputs, outputs and axes. The encoder reads sources (batch, source) and gives a
    state; the decoder step reads a symbol of each target and the state, and gives the logits of the next symbol and the
    state after it. Batch, source and number of symbols may be any up to `longest`.

    What is written is read back from a place aside and decodes validation sentences greedily, to the longest target there is; its
    logits are compared with what `generator.call` gives for the same targets, and only then is it moved to its place.

    Args:
        architecture: or the subnet that it was resolved to, of a `hypernas.decoding.Translator`.
        data: what the generator was trained on, whose vocabulary is written.
        formats: onnx, pt2 or both.
        statistics: of batch norms: see `Generator.calibrate`.

    Raises:
        ExportError: if a format is unknown or its package missing, the module does not decode, something exists and
            `overwrite` is not set, torch.export cannot follow the module, or the logits differ.
    """
    folder = Path(folder)
    refuse_translator(folder, formats, overwrite=overwrite)
    subnet = generator.subnet(architecture)
    module = generator.export(subnet, statistics=statistics).cpu().eval()
    if not all(callable(getattr(module, name, None)) for name in ("start", "advance")):
        raise ExportError(
            f"expected a module with the methods start and advance of hypernas.decoding.Translator, got "
            f"{type(module).__name__}: the space seq2seq has such modules."
        )
    (longest,) = data.input_shape
    both: dict[str, Pass] = dict(zip(PARTS, passes(module, longest=longest), strict=True))
    reference = Reference(generator, subnet, statistics)
    sources = _sources(data)
    about: dict[str, Any] = {
        "architecture": dict(subnet.architecture),
        "vocabulary": _VOCABULARY,
        "symbols": {"padding": PADDING, "unknown": UNKNOWN, "start": START, "end": END},
        "longest": longest,
    }
    found: dict[str, float] = {}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as aside:
        draft = Path(aside) / folder.name
        draft.mkdir()
        try:
            for name in formats:
                about[name], model = _written(name, both, draft)
                found[name] = max(_compared(model, reference, x, longest) for x in sources)
                allowed = FORMATS[name]().allowed(generator.dtype)
                if not found[name] <= allowed:
                    raise ExportError(
                        f"logits of {name} differ from the generator's by {found[name]:.1e}, allowed is "
                        f"{allowed:.0e}."
                    )
            (draft / _VOCABULARY).write_bytes(data.subwords.model)
            (draft / _ABOUT).write_text(json.dumps(about, indent=1) + "\n")
        except (OSError, ExportError) as error:
            raise ExportError(f"{folder} was not written: {error}") from error
        move(Path(aside), folder)
    return ExportedTranslator(folder, subnet.architecture, found)


def refuse_translator(folder: Path, formats: Sequence[str], *, overwrite: bool) -> None:
    """Raise what `export_translator` would of folder and formats alone, before anything is computed.

    Raises:
        ExportError: if a format is unknown, the path has a suffix, or something exists and `overwrite` is not set.
    """
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown or not formats:
        raise ExportError(
            f"translator={list(formats)}: expected one or more of {list(FORMATS)}, got "
            f"{', '.join(unknown) if unknown else 'none'}."
        )
    if folder.suffix:
        raise ExportError(f"out={folder}: a translator is a folder, whose name has no suffix.")
    refuse(folder, overwrite=overwrite)


class _Files:
    """A `Translator` of two programs that were read back.

    Args:
        encoder, step: functions of their arguments, whose outputs' tensors come in order.
    """

    def __init__(self, encoder: Any, step: Any) -> None:
        self._encoder, self._step = encoder, step

    def start(self, source: Tensor) -> tuple[Tensor, ...]:
        return tuple(tensors(self._encoder(Arguments((), {"source": source}))))

    def advance(self, symbols: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        given = {"symbols": symbols, "state": list(state)}
        return tuple(tensors(self._step(Arguments((), given))))


def _written(
    name: str, both: Mapping[str, Pass], folder: Path
) -> tuple[dict[str, Any], Translator]:
    """The names and axes of the files of a format, once they are written, and the translator that they are."""
    kind, parts, programs = FORMATS[name](), {}, []
    for part, own in both.items():
        path = folder / f"{part}.{name}"
        kind.export(own.module, own.arguments, own.outputs, path, own.axes)
        programs.append(kind.load(path))
        parts[part] = {"file": path.name, "inputs": _inputs(own), "outputs": _outputs(own)}
    return {"opset": OPSET, **parts} if name == "onnx" else parts, _Files(*programs)


def _inputs(own: Pass) -> dict[str, list[str | int]]:
    """The name of each input -> its axes: a number, or the name of what may be any."""
    given = own.arguments.keywords
    names = (name.replace(".", "_") for name, _ in named_tensors(given))
    axes = [axes for name in given for axes in _each(own.axes[name])]
    return {
        name: [getattr(free.get(axis), "__name__", size) for axis, size in enumerate(tensor.shape)]
        for name, tensor, free in zip(names, tensors(given), axes, strict=True)
    }


def _each(axes: Any) -> list[Mapping[int, Any]]:
    return axes if isinstance(axes, list) else [axes]


def _outputs(own: Pass) -> list[str]:
    return [name.replace(".", "_") for name, _ in named_tensors(own.outputs)]


def _sources(data: Translation) -> list[Tensor]:
    """Sources of validation, filled up to one length, and the shortest there is: nothing but its end."""
    several, _ = cast(tuple[Tensor, Tensor], data.example("validation", num=_SENTENCES))
    return [several, torch.tensor([[END]])]


@torch.no_grad()
def _compared(model: Translator, reference: Reference, sources: Tensor, longest: int) -> float:
    """The largest difference of logits along what the model writes greedily, whatever ends there."""
    state = model.start(sources)
    symbols = torch.full((len(sources),), START)
    written, logits = [], []
    for _ in range(longest):
        one, *state = model.advance(symbols, *state)
        written.append(symbols)
        logits.append(one)
        symbols = one.argmax(-1)
    given = Arguments((sources, torch.stack(written, dim=1)))
    return max(differences(torch.stack(logits, dim=1), reference.outputs(given)).values())
