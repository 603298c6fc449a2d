"""An ONNX file, through onnxscript."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hypernas.exports.format import ExportError, ProgramFormat, quiet
from hypernas.exports.plain import plain_outputs
from hypernas.exports.program import followed
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.batch import batch_size
from hypernas.subnet.structure import named_tensors

# From 21 on, group norm is an operation of its own, whose variance onnxruntime 1.32 takes for E[x²] - E[x]²: at a mean
# of 1,000 deviations its outputs are off by 0.2, at 10,000 by hundreds or NaN; up to 20 it is exact.
OPSET = 20


class ONNX(ProgramFormat):
    """A graph for any batch size.

    Its inputs are named after the module's keyword arguments; positional ones are `inputs`, or
    `inputs_0`, ... if there are several. Outputs are named by their places (`logits`, `states_0`); one
    alone is `outputs`.
    """

    tolerance = 1e-4

    def __init__(self) -> None:
        try:
            import onnxruntime  # noqa: F401
            import onnxscript  # noqa: F401 - torch's exporter needs it
        except ImportError as error:
            raise ExportError(
                f"export to .onnx needs {error.name}: pip install 'hypernas[onnx]'"
            ) from None

    def export(
        self,
        module: nn.Module,
        arguments: Arguments,
        outputs: Any,
        path: Path,
        axes: Mapping[str, Any],
    ) -> None:
        _refuse_bfloat16(module, arguments)
        with quiet(), followed(module), plain_outputs(module):
            torch.onnx.export(
                module,
                arguments.positional,
                path,
                kwargs=dict(arguments.keywords),
                dynamo=True,
                external_data=False,
                opset_version=OPSET,
                dynamic_shapes=dict(axes),
                input_names=list(feeds(arguments)),
                output_names=[_name("outputs", name) for name, _ in named_tensors(outputs)],
                verbose=False,
            )
            size = batch_size(arguments)
            for x in _session(path).get_inputs():
                if x.shape[:1] == [size]:  # torch's exporter falls back to that without a word
                    raise ValueError(f"{x.name} would always be a batch of {size}.")

    def load(self, path: Path) -> Callable[[Arguments], Any]:
        with quiet():
            session = _session(path)
        names = [x.name for x in session.get_inputs()]

        def run(arguments: Arguments) -> Any:
            found = feeds(arguments)
            with quiet():
                outputs = session.run(None, {name: found[name] for name in names})
            return [torch.from_numpy(x) for x in outputs]

        return run


def _refuse_bfloat16(module: nn.Module, arguments: Arguments) -> None:
    """Refuse what NumPy, and so onnxruntime from Python, has no type for.

    Raises:
        ExportError: if a number of the module or its inputs is of that type.
    """
    given = dict(named_tensors({"inputs": arguments.positional, **arguments.keywords}))
    own = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    found = [name for name, x in (own | given).items() if x.dtype == torch.bfloat16]
    if found:
        raise ExportError(
            f"{', '.join(found[:3])}{' and others' if found[3:] else ''} are of bfloat16, which NumPy has not, and so cannot be "
            f"given to onnxruntime. Export in float32: generator.float(), with inputs of float32; or write .pt2 or .safetensors."
        )


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised, so there is no need to print them too
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def feeds(arguments: Arguments) -> dict[str, Any]:
    """Name of each input of a written graph -> array."""
    several = len(arguments.positional) > 1
    positional: Any = arguments.positional if several else (*arguments.positional, None)[0]
    named = [(_name("inputs", name), tensor) for name, tensor in named_tensors(positional)]
    named += named_tensors(dict(arguments.keywords))
    return {name.replace(".", "_"): tensor.detach().numpy() for name, tensor in named}


def _name(whole: str, place: str) -> str:
    """The name of a tensor by its place in a whole."""
    if not place or place[0].isdigit():
        return "_".join([whole, *place.split(".")]).rstrip("_")
    return place.replace(".", "_")
