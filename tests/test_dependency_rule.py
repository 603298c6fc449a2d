"""Imports go down the layers only, and the library needs neither Hydra nor TensorBoard."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import hypernas

ROOT = Path(hypernas.__file__).parent
LAYERS = [  # each may import those after it
    {"cli"},
    {"reports"},
    {"studies"},
    {"runs"},
    {"search"},
    {"certification"},
    {"evaluation"},
    {"latency"},
    {"exports", "growth", "continual"},
    {"training"},
    {"distributed"},
    {"masks"},
    {"generators", "sampling", "objectives", "schedules", "conditions", "cost", "data", "spaces"},
    {"planning"},
    {"mixing", "events", "predictors", "decoding"},
    {"subnet"},
    {"slicing"},
    {"space"},
    {"native"},
    {"border", "storage"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def rooms() -> dict[Path, str]:
    files = [path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py"]
    return {path: path.relative_to(ROOT).parts[0].removesuffix(".py") for path in files}


def test_every_module_has_a_layer():
    assert set(rooms().values()) == set(RANK)


def test_the_page_of_the_method_names_every_room_from_above_to_below():
    page = (ROOT.parent / "docs" / "method.md").read_text().split("## Rooms")[1]
    rows = re.findall(r"^\|[^|]*\|((?: `[\w/]+`,?)+) \|$", page, flags=re.MULTILINE)
    named = [re.findall(r"`(\w+)`", row) for row in rows]  # a folder within a room is no room
    ranks = [RANK[room] for row in named for room in row]
    assert ranks == sorted(ranks)
    assert {room for row in named for room in row} == set(RANK)


def test_imports_go_to_lower_layers_only():
    wrong = []
    for path, room in rooms().items():
        targets = {name.split(".")[1] for name in imported(path) if name.startswith("hypernas.")}
        wrong += [
            f"{path.relative_to(ROOT)} imports {target}"
            for target in targets & set(RANK)
            if target != room and RANK[target] <= RANK[room]
        ]
    assert not wrong


def test_only_the_command_line_knows_hydra():
    users = {
        room
        for path, room in rooms().items()
        if any(name.split(".")[0] in ("hydra", "omegaconf") for name in imported(path))
    }
    assert users == {"cli"}


def test_importing_the_library_loads_neither_hydra_nor_tensorboard():
    code = (
        "import sys, hypernas, hypernas.training, hypernas.evaluation, hypernas.spaces\n"
        "print([m for m in ('hydra', 'omegaconf', 'tensorboard') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
