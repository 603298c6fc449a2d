"""The generators that the configuration names, so that a new file there is tested without more."""

from collections.abc import Callable
from functools import cache

from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from hypernas.generators import Generator
from hypernas.runs.config_files import configs

NAMES = sorted({path.stem for path in (configs() / "generator").glob("*.yaml")} - {"own"})


@cache
def configured(name: str) -> Callable[..., Generator]:
    """The function of a search space, and of keywords, that `generator=NAME` stands for."""
    with initialize_config_dir(str(configs()), version_base="1.3"):
        return instantiate(compose("train", overrides=[f"generator={name}"]).generator)


def from_configuration(name: str, space, **options) -> Generator:
    """As `configured`, as a function that pickles."""
    return configured(name)(space=space, **options)
