"""The wheel: installed, it holds all that a step needs, and compiles its native part where it is."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from implementations import needs_compiler

pytest.importorskip("hatchling", reason="hatchling, which builds the wheel, is not installed")

ROOT = Path(__file__).parent.parent
BUILD = (
    "import sys; from hatchling.build import build_sdist, build_wheel; "
    "build_sdist(sys.argv[1]); build_wheel(sys.argv[1])"
)
NATIVE = {f"hypernas/native/{name}" for name in ("step.cpp", "library.py", "gpu/updates.py")}
STEPS = """
import logging, sys
import torch
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
import hypernas
from hypernas import generators, spaces
from hypernas.training import Update

generator = generators.shared(spaces.mlp(input_shape=(4,), num_classes=2, widths=[4, 8]))
update = Update(torch.optim.AdamW(generator.parameters()))
for _ in range(2):
    with update.noting():
        generator.call(generator.space.largest(), torch.randn(3, 4)).sum().backward()
    update.step()
print("installed in", hypernas.__file__)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The folder of a wheel and a source distribution of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-c", BUILD, str(folder)], cwd=ROOT, check=True)
    return folder


def test_the_wheel_and_the_sources_hold_the_native_part(built):
    (wheel,), (sources,) = built.glob("*.whl"), built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        assert set(archive.namelist()) >= NATIVE
    with tarfile.open(sources) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= NATIVE


@needs_compiler
def test_a_fresh_install_of_the_wheel_compiles_the_native_part_and_says_so_once(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:  # as pip does with one of Python alone
        archive.extractall(tmp_path / "site")
    own = {"PYTHONPATH": str(tmp_path / "site"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", STEPS],
        cwd=tmp_path,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("steps of the optimizer")] == [
        "steps of the optimizer are fused"
    ]
    assert str(tmp_path / "site") in lines[-1]
    assert [path.suffix for path in (tmp_path / "cache" / "hypernas").iterdir()] == [".so"]
