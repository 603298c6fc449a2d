"""Hydra's configurations as plain values, which is all that the library knows."""

from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf


def plain(config: DictConfig) -> dict[str, Any]:
    """A configuration as nested plain values, references resolved; what is missing is refused."""
    found: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    return {str(key): value for key, value in found.items()}


def run_folder() -> Path:
    """The folder that Hydra made for this run."""
    return Path(HydraConfig.get().runtime.output_dir)


def given_overrides() -> tuple[str, ...]:
    """The overrides of the command line."""
    return tuple(HydraConfig.get().overrides.task)
