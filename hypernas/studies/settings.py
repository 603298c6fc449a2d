"""The settings of a study, checked before anything is computed."""

from collections.abc import Mapping
from typing import Any

from hypernas.evaluation import MEASURES
from hypernas.runs.settings import Settings, is_whole

ALONE = "standalone"  # the arm of stand-alone training, in tuning.csv
_KEYS = (
    *("name", "measure", "settings", "supernet", "recipe", "arms", "learning_rates"),
    *("tuning", "budgets", "seeds", "subnets", "reference_steps", "plateau_subnets"),
    *("last_budget", "crossed", "tuned_by"),
)
_ALIKE = (("data",), ("space",), ("training", "batch_size"))  # else arms cannot be compared


def study_settings(settings: Settings) -> dict[str, Any]:
    """The keys of a study's file, those of the scale merged in.

    Raises:
        ValueError: naming everything that is wrong.
    """
    told = {"crossed": {}, "tuned_by": settings["study"].get("measure"), **settings["study"]}
    scales = told.pop("scales", {"cpu": {}})
    if settings["scale"] not in scales:
        raise ValueError(f"scale must be one of {list(scales)}, got {settings['scale']!r}.")
    scale = dict(scales[settings["scale"]])
    if unlike := {*told, *scale}.symmetric_difference(_KEYS):
        raise ValueError(
            f"a study has the keys {sorted(_KEYS)} and scales; missing or unknown: {sorted(unlike)}."
        )
    crossed = told.pop("crossed")
    told["arms"] = _crossed(crossed) | told["arms"]
    told["tuned_as"] = _tuned_as(crossed, told["arms"])
    told["settings"] = told["settings"] + scale.pop("settings", [])
    told |= scale
    if wrong := [*_wrong(told), *_wrong_choice(settings, told)]:
        raise ValueError("the study cannot be run:\n  " + "\n  ".join(wrong))
    return told


def _crossed(crossed: Mapping[str, Mapping[str, list[Any]]]) -> dict[str, list[Any]]:
    """Arm -> layers: of each strategy with each generator, `generator.strategy`."""
    generators, strategies = (crossed.get(key, {}) for key in ("generators", "strategies"))
    return {
        f"{generator}.{strategy}": [*trained, *made]
        for strategy, trained in strategies.items()
        for generator, made in generators.items()
    }


def _tuned_as(crossed: Mapping[str, Any], arms: Mapping[str, Any]) -> dict[str, str]:
    """Arm -> the one whose learning rate it takes: of its strategy with the generator that is tuned."""
    generator, strategies = crossed.get("tuned_with"), crossed.get("strategies", {})
    if generator is None:
        return {arm: arm for arm in arms}
    return {
        arm: f"{generator}.{strategy}" if (strategy := arm.partition(".")[2]) in strategies else arm
        for arm in arms
    }


def _wrong(told: Mapping[str, Any]) -> list[str]:
    """Faults of a study's file."""
    wrong = []
    wrong += [
        f"{key}: expected one of {list(MEASURES)}, got {told[key]!r}"
        for key in ("measure", "tuned_by")
        if told[key] not in MEASURES
    ]
    if ALONE in told["arms"]:
        wrong.append(f"arms: {ALONE} is the name of stand-alone training; choose another")
    wrong += [
        f"{key}: expected 1 or more, got {told[key]!r}"
        for key in ("subnets", "reference_steps", "plateau_subnets")
        if not is_whole(told[key]) or told[key] < 1
    ]
    if not wrong and told["plateau_subnets"] > told["subnets"]:
        wrong.append(
            f"plateau_subnets: expected at most the {told['subnets']} subnets, "
            f"got {told['plateau_subnets']}"
        )
    if unknown := [arm for arm in told["last_budget"] if arm not in told["arms"]]:
        wrong.append(f"last_budget: there is no arm {unknown}, expected of {list(told['arms'])}")
    if not _tuning(told) or not all(map(_positive, told["tuning"])):
        wrong.append(
            f"tuning: expected positive budgets, each with a list of seeds, got {told['tuning']!r}"
        )
    return wrong


def _wrong_choice(settings: Settings, told: Mapping[str, Any]) -> list[str]:
    """Faults of the lists of a study, or in those the command asks for instead."""
    asked = {
        key: told[key] if settings[key] is None else settings[key] for key in ("seeds", "budgets")
    }
    arms = list(told["arms"]) if settings["arms"] is None else settings["arms"]
    rates = told["learning_rates"]
    wrong = []
    if settings["split"] not in ("validation", "test"):
        wrong.append(f"split: expected validation or test, got {settings['split']!r}")
    for key, values, fits, expected in (
        ("arms", arms, lambda arm: arm in told["arms"], f"of {list(told['arms'])}"),
        ("seeds", asked["seeds"], is_whole, "integers"),
        ("budgets", asked["budgets"], _positive, "positive numbers"),
        *((f"tuning.{b}", seeds, is_whole, "integers") for b, seeds in _tuning(told).items()),
        ("learning_rates", rates, _positive, "positive numbers"),
    ):
        if not isinstance(values, list) or not values or len(set(values)) < len(values):
            wrong.append(f"{key}: expected a list of one or more, each once, got {values!r}")
        elif strange := [value for value in values if not fits(value)]:
            wrong.append(f"{key}: expected {expected}, got {strange}")
    return wrong


def _tuning(told: Mapping[str, Any]) -> Mapping[Any, Any]:
    """Budget -> seeds; empty where something else is given."""
    return told["tuning"] if isinstance(told["tuning"], Mapping) else {}


def _positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def check_comparable(settings: Settings, arms: Mapping[str, Settings]) -> None:
    """Refuse arms that see other data, subnets or batches than `settings`.

    Raises:
        ValueError: naming every such arm and what it changes.
    """
    unlike = [
        f"{arm} changes {'.'.join(path)}"
        for arm, own in arms.items()
        for path in _ALIKE
        if _at(own, path) != _at(settings, path)
    ]
    if unlike:
        raise ValueError(
            "arms could not be compared:\n  " + "\n  ".join(unlike) + "\nWhat all of them share "
            "belongs into `settings` of the study."
        )


def _at(settings: Settings, path: tuple[str, ...]) -> Any:
    node: Any = settings
    for key in path:
        node = node[key]
    return node
