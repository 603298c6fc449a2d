"""The settings of a growth, and those of each of its phases."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hypernas.runs import phases
from hypernas.runs.folder import read_settings
from hypernas.runs.settings import Settings, check_there, flat, is_whole

_ANYWHERE = ("device", "threads", "data.root", "callbacks.")  # change no result
_KEYS = (
    *("data", "space", "objective", "callbacks", "growth", "members", "to", "seed"),
    *("calibration_batches", "keep_memory", "member_training", "member_optimizer"),
    *("member_schedule", "training", "optimizer", "schedule"),
)
_OF_TRAINING = ("training.", "optimizer.", "schedule.", "objective.")


def check(settings: Settings) -> None:
    """Refuse what would only be found out after members are trained, or not be understood then.

    Raises:
        ValueError: naming all of it.
    """
    check_there(settings, *_KEYS)
    wrong = []
    if not isinstance(settings["members"], list):
        wrong.append(
            f"members: expected a list of architectures such as '[smallest, smallest]', "
            f"got {settings['members']!r}"
        )
    counts = {"calibration_batches": settings["calibration_batches"]}
    counts |= {"workers": settings.get("workers", 1)}
    if settings.get("stage_steps") is not None:
        counts["stage_steps"] = settings["stage_steps"]
    for key, count in counts.items():
        if not is_whole(count) or count < 1:
            wrong.append(f"{key}: expected 1 or more, got {count!r}")
    starts = settings.get("starts")
    if starts is not None and (
        not isinstance(starts, list) or len(starts) > len(settings["members"])
    ):
        wrong.append(f"starts: expected a list of files, one for each member, got {starts!r}")
    if wrong:
        raise ValueError("the growth cannot be set up:\n  " + "\n  ".join(wrong))


def phase_settings(
    settings: Settings, members: Sequence[Any], stages: int = 0
) -> list[dict[str, Any]]:
    """Settings as of `hypernas train` for each phase: those of members, of stages, and the last."""
    kinds = ["member"] * len(members) + ["stage"] * stages + ["grown"]
    return [_of_phase(settings, members, *pair) for pair in enumerate(kinds)]


def _of_phase(settings: Settings, members: Sequence[Any], phase: int, kind: str) -> dict[str, Any]:
    generator = {
        "_target_": "hypernas.growth.untrained",
        "_partial_": True,
        "_convert_": "all",
        "growth": settings["growth"],
        "members": list(members),
        "to": settings["to"],
        "phase": phase,
        "seed": settings["seed"],
    }
    kept = ("data", "space", "objective", "callbacks")
    starts = dict(enumerate(settings.get("starts") or ()))
    named = "" if kind == "grown" else "member_"
    own = {key: settings[f"{named}{key}"] for key in ("training", "optimizer", "schedule")}
    if kind == "stage" and settings.get("stage_steps") is not None:
        own["training"] = {**own["training"], "steps": settings["stage_steps"]}
    return {
        **{key: settings[key] for key in kept},
        "device": settings.get("device", "auto"),
        "threads": settings.get("threads"),
        "generator": generator,
        **({"start": starts[phase]} if phase in starts else {}),
        "sampling": {"_target_": "hypernas.sampling.Fixed"},
        **own,
        "seed": settings["seed"] + phase,
    }


def check_begun(folder: Path, settings: Mapping[str, Settings]) -> None:
    """Refuse settings that are not those of phases that have begun.

    The last of these may be trained longer, or otherwise; on the others the next one rests.

    Args:
        settings: phase -> its own.

    Raises:
        ValueError: naming every one that differs.
    """
    begun = [phase.name for phase in phases.read(folder)]
    lines = []
    for name in begun:
        own = flat(read_settings(folder / name))
        now = flat(settings[name]) if name in settings else {}
        free = _ANYWHERE + (_OF_TRAINING if name == begun[-1] else ())
        lines += [
            f"{name}: {key}: {own.get(key, 'absent')} in its folder, {now.get(key, 'absent')} here"
            for key in dict.fromkeys([*own, *now])
            if own.get(key) != now.get(key) and not key.startswith(free)
        ]
    if lines:
        raise ValueError(
            "phases that have begun, and those that rest on them, had other settings:\n  "
            + "\n  ".join(lines)
            + "\nLeave them as they were, or start another growth."
        )
