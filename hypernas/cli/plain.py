"""Hydra's configurations as plain values, which is all that the library knows."""

from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from hypernas.runs.trust import trusted_names

_TRUST = "trust"


def plain(config: DictConfig) -> dict[str, Any]:
    """A configuration as nested plain values, references resolved; what is missing is refused.

    Whom a command trusts is no setting of a run, and kept by none.
    """
    found: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    return {str(key): value for key, value in found.items() if key != _TRUST}


def trusted(config: DictConfig) -> list[str]:
    """The modules that a command trusts.

    Raises:
        ValueError: if one is no dotted name.
    """
    given: Any = OmegaConf.to_container(OmegaConf.create({_TRUST: config.get(_TRUST)}))
    return trusted_names(given[_TRUST])


def run_folder() -> Path:
    """The folder that Hydra made for this run."""
    return Path(HydraConfig.get().runtime.output_dir)


def given_overrides() -> tuple[str, ...]:
    """The overrides of the command line that are settings of a run."""
    given = HydraConfig.get().overrides.task
    return tuple(override for override in given if not override.startswith(f"{_TRUST}="))
