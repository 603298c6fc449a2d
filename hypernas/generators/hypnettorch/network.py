"""A hypernetwork of hypnettorch as the network that writes every weight."""

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from hypernas.generators.hypernetworks.input import NetworkInput
from hypernas.generators.hypernetworks.scale import ScaledNetwork, starting_deviation
from hypernas.generators.taxonomy import Outputs, Taxonomy
from hypernas.space import SearchSpace
from hypernas.subnet.supernet import Supernet

_FAR = 5.0  # times what a start should be, from which on it is told
_ADVICE = "Build it with **hypnettorch_arguments(space)."


@contextlib.contextmanager
def told(kind: str) -> Iterator[None]:
    """Say in words that hypnettorch does not take the arguments of a hypernetwork; it asserts, and says nothing.

    Raises:
        ValueError: in the place of that.
    """
    try:
        yield
    except (AssertionError, LookupError, AttributeError) as error:
        raise ValueError(
            f"hypnettorch makes no such hypernetwork for {kind} ({type(error).__name__} {error}): expected "
            f"positive whole sizes of layers, chunks and embeddings."
        ) from error


def import_hnets() -> ModuleType:
    """`hypnettorch.hnets`, which nothing else of this library needs.

    Raises:
        ImportError: if hypnettorch, or a package it does not say it needs, is missing.
    """
    with warnings.catch_warnings():
        for category in (DeprecationWarning, SyntaxWarning):  # escapes in its docstrings
            warnings.filterwarnings("ignore", category=category, module=".*hypnettorch")
        try:
            from hypnettorch import hnets
        except ImportError as error:
            raise ImportError(
                f"hypernetworks of hypnettorch need {error.name}: pip install 'hypernas[hypnettorch]'",
                name=error.name,
            ) from error
    return hnets


def hypnettorch_arguments(space: SearchSpace, *, encode: bool = True) -> dict[str, Any]:
    """Arguments that HMLP, ChunkedHMLP and StructuredHMLP need to write for a space.

        hnet = HMLP(**hypnettorch_arguments(space), layers=(50, 50))

    The shapes are the largest of the space, in the order of the target's parameters; the encoded
    architecture is the unconditional input, and no conditions are kept.

    Args:
        encode: as given to `from_hypnettorch`.
    """
    return arguments_for(Supernet(space), NetworkInput(space, encode=encode))


def arguments_for(supernet: Supernet, inputs: NetworkInput) -> dict[str, Any]:
    """The same, where the largest shapes and the input are there already."""
    return {
        "target_shapes": [list(shape) for shape in supernet.shapes.values()],
        "uncond_in_size": inputs.dim,
        "cond_in_size": 0,
        "num_cond_embs": 0,
        "verbose": False,
    }


class HypnettorchNetwork(ScaledNetwork):
    """A hypernetwork of hypnettorch, and a fixed scale for each tensor that it writes.

    The scales make the tensors start with given deviations (in the root mean square over
    architectures) however the hypernetwork is built and initialised; its own `apply_hyperfan_init`
    is not used. Chunked ones could not be initialised otherwise: all tensors come out of the same
    last layer. What should start at zero starts with a deviation of 0.01.

    The hypernetwork's parameters are held, and saved, once; it saves them twice to four times.

    Args:
        hnet: it maps an unconditional input of E numbers alone to the largest shapes.
        supernet: the largest shapes.
        inputs: what it will read.
        deviations: parameter name -> deviation at the start.
        rescale: False leaves its outputs as they are, and warns of matrices that start far larger.

    Raises:
        TypeError: if it does not implement hypnettorch's interface.
        ValueError: if it does not read that input or does not write those shapes.
    """

    def __init__(
        self,
        hnet: Any,
        *,
        supernet: Supernet,
        inputs: NetworkInput,
        deviations: Mapping[str, float],
        rescale: bool = True,
    ) -> None:
        super().__init__(supernet.shapes)
        _check(hnet, supernet, inputs)
        written: dict[str, Outputs] = {
            "ChunkedHMLP": "chunk-wise",
            "StructuredHMLP": "component-wise",
        }
        self.taxonomy = Taxonomy(written.get(type(hnet).__name__, "generate once"))
        self.weights = nn.ParameterList(hnet.internal_params)
        # in a tuple, it is no submodule: it is given our parameters at every call
        self._hnet = (hnet,)
        try:
            found = self.eval().written(inputs.samples())
        except Exception as error:
            raise ValueError(
                f"the hypernetwork does not read an unconditional input of {inputs.dim} numbers alone "
                f"({type(error).__name__}: {error}). {_ADVICE}"
            ) from error
        self.train()
        if rescale:
            self.scale(found, deviations)
            return
        times = {
            name: n / starting_deviation(deviations[name])
            for name, n in zip(supernet.shapes, found.tolist(), strict=True)
        }
        _warn({name: n for name, n in times.items() if len(supernet.shapes[name]) > 1})

    def write(self, inputs: Tensor) -> Tensor:
        (hnet,) = self._hnet
        for part in (hnet, *getattr(hnet, "internal_hnets", ())):  # the latter are no submodules
            part.train(self.training)
        return hnet.forward(
            uncond_input=inputs[None], weights=list(self.weights), ret_format="flattened"
        )[0]

    def words(self) -> str:
        return f"{type(self._hnet[0]).__name__} of hypnettorch"


def _warn(times: Mapping[str, float]) -> None:
    """Warn of matrices that start far larger than they should.

    Args:
        times: parameter name -> how many times its deviation is the one wanted.
    """
    large = {name: f"{n:.1f}" for name, n in times.items() if n > _FAR}
    if large:
        warnings.warn(
            f"the hypernetwork starts many times as large as it should: {large}. Leave rescale=True, which mends it; "
            f"the start by apply_chunked_hyperfan_init of hypnettorch 0.0.4 is one of a deviation above 1 for any tensor.",
            stacklevel=4,
        )


def _check(hnet: Any, supernet: Supernet, inputs: NetworkInput) -> None:
    if not isinstance(hnet, import_hnets().HyperNetInterface):
        raise TypeError(
            f"expected a hypernetwork of hypnettorch, such as HMLP(...), got {type(hnet).__name__}."
        )
    problems = []
    wanted = arguments_for(supernet, inputs)["target_shapes"]
    shapes = [list(shape) for shape in hnet.target_shapes]
    if len(shapes) != len(wanted):
        problems.append(f"target_shapes: expected {len(wanted)} of them, got {len(shapes)}")
    else:
        problems += [
            f"target_shapes, {name}: expected {want}, got {got}"
            for name, want, got in zip(supernet.shapes, wanted, shapes, strict=True)
            if want != got
        ]
    if hnet.internal_params is None or len(hnet.internal_params) != len(hnet.param_shapes):
        problems.append("it must keep its own weights, none may be left to others")
    if hnet.num_known_conds:
        problems.append(f"num_cond_embs: expected 0, got {hnet.num_known_conds}")
    if hnet.batchnorm_layers:
        problems.append("batch norm needs batches, but architectures come one at a time")
    if problems:
        raise ValueError(
            "the hypernetwork does not write for this space:\n  "
            + "\n  ".join(problems)
            + f"\n{_ADVICE}"
        )
