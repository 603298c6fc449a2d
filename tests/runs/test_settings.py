"""Settings as plain values, and the objects that they stand for."""

import functools

import pytest
import yaml

from hypernas.runs.assembly import callbacks_of
from hypernas.runs.folder import check_resumed, read_settings, write_settings
from hypernas.runs.instantiate import instantiate
from hypernas.runs.settings import flat, merged, resolved
from hypernas.schedules import Cosine


def test_references_are_replaced_by_what_they_name_with_its_type():
    settings = {"seed": 3, "a": {"b": "${seed}", "c": ["${a.b}", "s${seed}"]}, "d": "${a}"}
    found = resolved(settings)
    assert found["a"] == {"b": 3, "c": [3, "s3"]}
    assert found["d"] == found["a"]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"a": "${b}"}, r"refer to \$\{b\}, which is not among them: \['a'\]"),
        ({"a": "${b}", "b": "${a}"}, "refers to itself"),
        ({"a": "${oc.env:HOME}"}, r"refer to \$\{oc.env:HOME\}"),
    ],
)
def test_references_to_nothing_to_themselves_or_of_other_kinds_are_refused(settings, told):
    with pytest.raises(ValueError, match=told):
        resolved(settings)


def test_later_layers_win_and_another_target_replaces_the_whole():
    base = {"optimizer": {"_target_": "a", "lr": 1, "beta": 2}, "seed": 0}
    assert merged([base, {"optimizer": {"lr": 5}}])["optimizer"]["beta"] == 2
    assert merged([base, {"optimizer": {"_target_": "b"}}]) == {
        "optimizer": {"_target_": "b"},
        "seed": 0,
    }
    assert base["optimizer"]["lr"] == 1


def test_a_target_is_called_and_a_partial_one_is_kept_for_later():
    settings = {"_target_": "hypernas.schedules.Cosine", "_convert_": "all", "warmup": 0.25}
    schedule = instantiate(settings)
    assert isinstance(schedule, Cosine)
    assert vars(schedule) == vars(Cosine(warmup=0.25))
    later = instantiate({"_target_": "builtins.dict", "_partial_": True, "inner": settings})
    assert isinstance(later, functools.partial)
    assert isinstance(later()["inner"], Cosine)
    assert instantiate({"a": [settings], "b": None})["b"] is None


@pytest.mark.parametrize(
    ("target", "error", "told"),
    [
        ("???", ValueError, "schedule._target_ is missing: give schedule._target_=module.name"),
        (7, ValueError, "schedule._target_: expected a dotted name such as my_module.f, got 7"),
        ("gone.f", ImportError, "schedule._target_: No module named 'gone', for gone.f"),
        ("hypernas.schedules.Gone", ImportError, "there is no hypernas.schedules.Gone"),
    ],
)
def test_a_target_that_is_nothing_is_named_with_its_setting(target, error, told):
    with pytest.raises(error, match=told):
        instantiate({"schedule": {"_target_": target}})


def test_what_a_constructor_raises_names_the_settings():
    with pytest.raises(TypeError) as caught:
        instantiate({"schedule": {"_target_": "hypernas.schedules.Cosine", "warm": 1}})
    assert caught.value.__notes__ == ["This came of the settings of schedule."]


def test_settings_are_read_as_they_were_written(tmp_path):
    settings = {"seed": 1, "lr": 1e-05, "text": "a: b", "list": [1, {"x": None}], "on": True}
    write_settings(tmp_path, settings, ["seed=1"])
    assert read_settings(tmp_path) == settings
    assert flat(settings)["list"] == "[1, {'x': None}]"


def test_settings_of_earlier_versions_with_references_are_read(tmp_path):
    text = {"generator": {"_target_": "hypernas.generators.shared", "seed": "${seed}"}, "seed": 4}
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(text))
    assert read_settings(tmp_path)["generator"]["seed"] == 4


def test_a_run_of_earlier_settings_is_not_trained_on_by_new_ones_but_told_the_way(tmp_path):
    write_settings(tmp_path, {"training": {"warmup": 0.1}, "seed": 4})
    with pytest.raises(ValueError, match=r"earlier version.*give Training\.run\(resume="):
        check_resumed({"training": {}, "seed": 4}, tmp_path, [])


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "7"])
def test_a_file_that_holds_no_settings_is_refused_by_name(tmp_path, text):
    (tmp_path / "settings.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"settings\.yaml"):
        read_settings(tmp_path)


def test_callbacks_take_their_settings_and_null_is_left_out():
    callbacks = {
        "console": {"_target_": "hypernas.training.callbacks.Console", "every": 2.0},
        "function": {"_target_": "json.dumps", "indent": 1},
        "dropped": None,
    }
    console, function = callbacks_of({"callbacks": callbacks})
    assert console.every == 2.0
    assert function([1]) == "[\n 1\n]"
