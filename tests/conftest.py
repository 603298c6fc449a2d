import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
import torch
from implementations import device_of

from hypernas.cli import main as command

torch.set_num_threads(1)
# Whatever is slow on a machine that is busy is no fault; the same examples every time, unless many are asked for.
UNTIMED = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile(
    "quick", max_examples=30, derandomize=True, database=None, **UNTIMED
)
EXAMPLES = int(os.environ.get("EXAMPLES", "3000"))  # of each property, where one asks for many
hypothesis.settings.register_profile("long", max_examples=EXAMPLES, database=None, **UNTIMED)
hypothesis.settings.load_profile("quick")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture(params=["compiled", "triton"])
def implementation(request, monkeypatch) -> torch.device:
    """The device that an implementation of kernels is tried on."""
    return device_of(request.param, monkeypatch)


@pytest.fixture
def run(monkeypatch, tmp_path, capsys) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Run `hypernas` in an empty folder; its exit status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")

    def call(*arguments: object, folder: Path = tmp_path) -> tuple[int, str, str]:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["hypernas", *map(str, arguments)])
        status = 0
        try:
            command.main()
        except SystemExit as end:
            status = end.code or 0
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    yield call
    for name, module in list(sys.modules.items()):  # that the command imported from there
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]
