"""State that a predictor learned, as a file: arrays by name, and a label of whose they are."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from hypernas.space.search_space import SearchSpace
from hypernas.storage.files import write_whole
from hypernas.storage.seal import SEAL, Altered, digest

State = dict[str, NDArray[Any]]


def label(kind: str, settings: Mapping[str, Any], space: SearchSpace) -> dict[str, Any]:
    """All that decides how a state is read, as JSON takes it.

    Args:
        kind: the predictor's class.
    """
    choices = hashlib.sha256(space.to_json().encode()).hexdigest()[:16]
    return {"kind": kind, "settings": dict(settings), "space": choices}


def write_state(path: str | os.PathLike[str], state: State, own: Mapping[str, Any]) -> None:
    """Write a state and its label, whole or not at all."""
    contiguous = {name: np.asarray(x, order="C") for name, x in state.items()}
    words = {"predictor": json.dumps(own), SEAL: _digest(contiguous, own)}
    write_whole(Path(path), save(contiguous, words))


def read_state(path: str | os.PathLike[str], own: Mapping[str, Any]) -> State:
    """The state of a file whose label is as expected.

    Raises:
        ValueError: if the file is torn, altered, or that of something else.
    """
    try:
        with safe_open(path, "numpy") as file:
            words = file.metadata() or {}
            found = json.loads(words["predictor"])
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if words.get(SEAL, seal := _digest(state, found)) != seal:
            raise Altered(f"its content has the SHA-256 {seal}, expected {words[SEAL]}")
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} holds no predictor, or only a part of one: expected what {own['kind']}.save "
            f"writes, got {type(error).__name__}: {error}. Fit it again, and save it."
        ) from error
    wrong = [
        f"{key}: expected {expected}, got {found.get(key) if isinstance(found, dict) else found}"
        for key, expected in own.items()
        if not isinstance(found, dict) or found.get(key) != expected
    ]
    if wrong:
        raise ValueError(
            f"{path} is the file of another predictor:\n  "
            + "\n  ".join(wrong)
            + "\nLoad it into one of that kind, with those settings, on that space."
        )
    return state


def _digest(state: State, own: Any) -> str:
    """SHA-256 of arrays, their names and their label."""
    kinds = {name: [str(x.dtype), list(x.shape)] for name, x in state.items()}
    content = hashlib.sha256(digest([own, kinds]).encode())
    for name in sorted(state):
        content.update(np.ascontiguousarray(state[name]).tobytes())
    return content.hexdigest()
