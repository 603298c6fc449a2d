"""What the settings of a training may be."""

import math
from collections.abc import Mapping
from typing import Any

_RANGES = (
    ("steps", 1, math.inf),
    ("batch_size", 1, math.inf),
    ("warmup", 0, 1),
    ("final_lr", 0, 1),
    ("max_grad_norm", 1e-12, math.inf),
    ("log_every", 1, math.inf),
    ("validate_every", 1, math.inf),
    ("num_validation", 0, math.inf),
    ("calibration_batches", 1, math.inf),
    ("checkpoint_every", 1, math.inf),
)
_WORDS = (("combine", ("mean", "sum")), ("precision", ("auto", "float32")))


def check_limits(settings: Mapping[str, Any]) -> None:
    """Refuse settings that are out of their range, or exclude each other.

    Raises:
        ValueError: naming all of them.
    """
    wrong = []
    for name, low, high in _RANGES:
        value = settings[name]
        if value is None and name == "max_grad_norm":
            continue
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not low <= value <= high:
            expected = f"{low} or more" if high == math.inf else f"{low} to {high}"
            wrong.append(f"{name}: expected {expected}, got {value!r}")
    for name, allowed in _WORDS:
        if settings[name] not in allowed:
            wrong.append(f"{name}: expected one of {allowed}, got {settings[name]!r}")
    if settings["shard_banks"] and settings["shard_optimizer"]:
        wrong.append("shard_optimizer: expected False beside shard_banks, which divides it too")
    if wrong:
        raise ValueError("training cannot be set up:\n  " + "\n  ".join(wrong))
