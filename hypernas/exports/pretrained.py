"""A folder in the layout of Hugging Face: model.safetensors and config.json."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from hypernas.exports.format import ExportError, Format, quiet
from hypernas.exports.weights import load_weights, outputs_of, save_weights
from hypernas.space.architecture import Architecture
from hypernas.subnet.arguments import Arguments


class Pretrained(Format):
    """A folder that a module's own `save_pretrained` writes and its `from_pretrained` reads.

    Of a module without these, `model.safetensors` holds the weights and `config.json` its own `config`
    (what has `to_dict`, a dataclass or a mapping), or the architecture where it has none.

    Args:
        build: a module of the architecture, with any weights.
    """

    tolerance = 1e-6
    any_batch = False

    def __init__(self, build: Callable[[], nn.Module], architecture: Architecture) -> None:
        self.build, self.architecture = build, architecture

    def write(self, module: nn.Module, arguments: Arguments, outputs: Any, path: Path) -> None:
        save: Any = getattr(module, "save_pretrained", None)
        if save is not None:
            try:
                with quiet():
                    save(path)
            except Exception as error:
                raise ExportError(
                    f"{type(module).__name__}.save_pretrained failed: {type(error).__name__}: {error}"
                ) from error
            return
        path.mkdir()
        save_weights(module, path / "model.safetensors")
        config = json.dumps(_plain_config(module, self.architecture), indent=2, default=str)
        (path / "config.json").write_text(config + "\n")

    def run(self, path: Path, arguments: Arguments) -> Any:
        module = self.build()
        read: Any = getattr(module, "from_pretrained", None)
        if read is None:
            load_weights(module, path / "model.safetensors")
            return outputs_of(module, arguments)
        with quiet():
            return outputs_of(read(path), arguments)


def _plain_config(module: nn.Module, architecture: Architecture) -> dict[str, Any]:
    config: Any = getattr(module, "config", None)
    if hasattr(config, "to_dict"):
        return config.to_dict()
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        return dataclasses.asdict(config)
    return dict(config) if isinstance(config, Mapping) else {"architecture": dict(architecture)}
