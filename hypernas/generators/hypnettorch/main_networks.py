"""Search spaces of hypnettorch's main networks."""

import contextlib
import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.space.choice import Choice


class MainNetwork(nn.Module):
    """A main network of hypnettorch as an ordinary module.

    Its parameters are `weights.0`, `weights.1`, ... in the order of its `param_shapes`, each once;
    the main network, which would hold each of them up to three times, is left without any and is
    given them at every call.

    Args:
        mnet: with weights of its own.

    Raises:
        ValueError: if it has not all its weights, or if it tracks statistics of batch norms, which no
            generator could keep.
    """

    def __init__(self, mnet: Any) -> None:
        super().__init__()
        own = list(mnet.internal_params or [])
        if [list(p.shape) for p in own] != [list(shape) for shape in mnet.param_shapes]:
            raise ValueError(
                f"{type(mnet).__name__} must have weights of its own, to be initialised by: build it "
                f"with no_weights=False."
            )
        tracked = [name for name, _ in mnet.named_buffers() if name.endswith("mean_0")]
        if tracked:
            raise ValueError(
                f"{type(mnet).__name__} tracks statistics of its batch norms ({tracked[0]} first), "
                f"which subnets cannot share: build it with bn_track_stats=False."
            )
        self.weights = nn.ParameterList(own)
        for part in mnet.modules():
            for name in part._parameters:
                part._parameters[name] = None
        if hasattr(mnet, "_spec_norm"):  # a lambda, always the identity, that does not pickle
            mnet._spec_norm = nn.Identity()
        self.mnet = mnet

    def forward(self, x: Tensor) -> Any:
        """The output of the main network; images are flattened, channels last."""
        return self.mnet.forward(x, weights=list(self.weights))


def main_network_space(
    choices: Mapping[str, Choice | Sequence[Any]],
    build: Callable[[Architecture], Any],
    *,
    layouts: Mapping[str, Any] | None = None,
) -> SearchSpace:
    """A search space whose modules are main networks of hypnettorch.

        space = main_network_space(
            {"width": [8, 16]}, lambda a: MLP(n_in=4, n_out=2, hidden_layers=[a["width"]])
        )

    Parameters are known by their position alone, `weights.0` and so on, so a choice may change widths
    but should not change the number of layers: a head would share weights with a hidden layer.

    Args:
        build: architecture -> a main network with weights of its own; what it prints is not shown.
        layouts: see `SearchSpace`.
    """
    return SearchSpace(choices, partial(_build, build), layouts)


def _build(build: Callable[[Architecture], Any], architecture: Architecture) -> MainNetwork:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="hypnettorch")
        return MainNetwork(build(architecture))
