"""The plan of a study: its jobs, and the rows that they come to."""

import math

import pytest
from hydra import compose, initialize_config_dir
from tiny_study import TINY

from hypernas.cli.plain import plain
from hypernas.cli.study import Overrides
from hypernas.runs.config_files import configs
from hypernas.studies.jobs import digest
from hypernas.studies.plan import Plan
from hypernas.studies.settings import check_comparable, study_settings
from hypernas.studies.work import work


@pytest.fixture
def _composing():
    with initialize_config_dir(str(configs()), version_base="1.3"):
        yield


def settings(*more: str) -> dict:
    return plain(compose("study", overrides=[*TINY, *more]))


def plan(*more: str) -> Plan:
    return Plan(settings(*more), Overrides())


def jobs_of(some: Plan) -> set[str]:
    rates = dict.fromkeys(["standalone", *some.arms], 0.01)
    specs = [*some.alone_trials(), *some.alone(0.01), *some.trials()]
    specs += [spec for budget in some.budgets for spec in some.cells(rates, budget)]
    return {digest(spec) for spec in specs}


@pytest.mark.usefixtures("_composing")
def test_the_jobs_of_a_part_are_among_those_of_the_whole():
    part = plan("arms=[mos_layer]", "budgets=[2]", "seeds=[1]")
    assert jobs_of(part) < jobs_of(plan("seeds=[0,1]"))


@pytest.mark.usefixtures("_composing")
def test_arms_are_in_the_order_of_the_study_and_their_steps_in_units_of_its_first_one():
    some = plan("arms=[mos_layer,shared]")
    assert some.arms == ["shared", "mos_layer"]
    assert list(plan("arms=[mos_layer]").cost()["settings"]) == ["shared", "mos_layer"]


@pytest.mark.usefixtures("_composing")
def test_an_arm_of_another_sampler_has_as_many_steps_as_it_can_afford():
    some = plan(
        "+study.arms.ends=['sampling=sandwich','sampling.num_random=0']", "arms=[shared,ends]"
    )
    steps = {spec["arm"]: spec["steps"] for spec in some.trials()}
    assert steps["ends"] > steps["shared"]


@pytest.mark.usefixtures("_composing")
def test_lengths_are_counted_once_for_arms_that_train_alike_and_by_jobs_as_by_the_plan():
    ends = "+study.arms.ends=['sampling=sandwich','sampling.num_random=0']"
    some = plan(ends, "arms=[shared,mos_layer,ends]", "seeds=[0,1]", "budgets=[1,2]")
    specs = some.uncounted()
    sampled = {str(spec["settings"]["sampling"]) for spec in specs}
    wanted = {(spec["budget"], spec["seed"]) for spec in specs}
    assert len(sampled) == 2
    assert {(b, s) for b in (1, 2) for s in (0, 1)} <= wanted
    assert len(specs) == 2 * len(wanted)
    counted = [work(spec) for spec in specs]
    by_plan = some.lengths.length("mos_layer", seed=1, budget=2)
    some.lengths.know(specs, counted)
    assert some.lengths.length("mos_layer", seed=1, budget=2) == by_plan


def tuning(*values: float, arm: str = "shared"):
    rates = (0.01, 0.02, 0.04)
    return [
        {"arm": arm, "budget": 1, "lr": lr, "validation": v}
        for lr, v in zip(rates, values, strict=False)
    ]


@pytest.mark.usefixtures("_composing")
def test_the_best_learning_rate_is_that_of_the_best_measure_that_is_a_number():
    assert plan().best(tuning(0.5, 0.7, math.nan)) == {"shared": 0.02}
    assert plan("study.measure=cross_entropy").best(tuning(2.0, 1.5, 1.8)) == {"shared": 0.02}
    assert plan().best(tuning(0.7, 0.7)) == {"shared": 0.01}


@pytest.mark.usefixtures("_composing")
def test_an_arm_that_diverges_at_every_learning_rate_is_refused():
    with pytest.raises(ValueError, match=r"every learning rate of \[0.01, 0.02\] for \['ofa'\]"):
        plan().best([*tuning(0.5, 0.7), *tuning(math.nan, math.nan, arm="ofa")])


@pytest.mark.usefixtures("_composing")
def test_a_learning_rate_at_which_one_reference_diverged_has_no_mean():
    some = plan("study.plateau_subnets=2")
    whole = {"validation": {"accuracy": 0.5}, "test": {"accuracy": 0.4}}
    found = list(zip(some.alone_trials()[:2], [whole, None], strict=True))
    assert math.isnan(some.rows.tuning(found)[0]["validation"])
    assert [row["value"] for row in some.rows.references(found)] == [0.4]


@pytest.mark.usefixtures("_composing")
def test_an_arm_is_tried_with_every_seed_and_has_no_mean_where_one_diverged():
    some = plan("study.tuning={1:[7,8]}", "arms=[shared]", "budgets=[1]")
    trials = some.trials()
    assert [(spec["lr"], spec["seed"]) for spec in trials] == [
        (0.01, 7), (0.01, 8), (0.02, 7), (0.02, 8)
    ]  # fmt: skip
    runs = [{"diverged": False, "rows": [{"inherited": {"accuracy": v}}]} for v in (0.4, 0.6, 0.9)]
    runs.append({"diverged": True, "rows": []})
    found = some.rows.tuning(list(zip(trials, runs, strict=True)))
    assert found[0]["validation"] == pytest.approx(0.5)
    assert math.isnan(found[1]["validation"])
    assert {spec["seed"] for spec in some.alone_trials()} == {7}


@pytest.mark.usefixtures("_composing")
def test_arms_are_tuned_anew_for_larger_budgets_that_they_are_trained_for():
    some = plan("study.tuning={2:[7]}", "budgets=[1,2,8]", "study.last_budget={mos_layer:1}")
    tried = {(spec["arm"], spec["budget"], spec["seed"]) for spec in some.trials()}
    assert tried == {("shared", 1, 1000), ("mos_layer", 1, 1000), ("shared", 2, 7)}
    late = [{"arm": "shared", "budget": 2, "lr": 0.01, "validation": 0.6}]
    rows = [*tuning(0.5, 0.7), *late, {**late[0], "arm": "standalone", "budget": 1.0}]
    assert some.best_for(1, rows) == {"shared": 0.02}
    assert some.best_for(2, rows) == some.best_for(8, rows) == {"shared": 0.01}
    assert some.best_alone(rows) == 0.01
    assert {spec["budget"] for spec in plan("budgets=[0.5]").trials()} == {1}


@pytest.mark.usefixtures("_composing")
def test_one_learning_rate_is_not_tuned():
    single = plan("study.learning_rates=[0.01]")
    assert single.trials() == single.alone_trials() == []
    assert single.best_for(1, []) == {"shared": 0.01, "mos_layer": 0.01}
    assert single.best_alone([]) == 0.01


@pytest.mark.usefixtures("_composing")
def test_an_arm_is_not_trained_beyond_its_last_budget():
    some = plan("study.last_budget={mos_layer:1}")
    lrs = {"shared": 0.01, "mos_layer": 0.01}
    assert [spec["arm"] for spec in some.cells(lrs, 1)] == ["shared", "mos_layer"]
    assert [spec["arm"] for spec in some.cells(lrs, 2)] == ["shared"]
    with pytest.raises(ValueError, match=r"last_budget: there is no arm \['mine'\]"):
        plan("+study.last_budget.mine=1")


@pytest.mark.usefixtures("_composing")
def test_every_strategy_is_crossed_with_every_generator_and_takes_the_rate_of_the_one_that_is_tuned():
    crossed = (
        "+study.crossed={tuned_with:shared,generators:{shared:['generator=shared'],"
        "hypernas:['generator=hypernas']},strategies:{single:['sampling=uniform'],fairnas:['experiment=fairnas']}}"
    )
    some = plan(crossed, "arms=[shared.single,hypernas.single,hypernas.fairnas]")
    assert {spec["arm"] for spec in some.trials()} == {"shared.single", "shared.fairnas"}
    rates = some.best_for(
        1, [*tuning(0.4, 0.3, arm="shared.single"), *tuning(0.3, 0.4, arm="shared.fairnas")]
    )
    assert [rates[arm] for arm in some.arms] == [0.01, 0.01, 0.02]
    cells = {spec["arm"]: spec for spec in some.cells(rates, 1)}
    assert cells["hypernas.fairnas"]["settings"]["training"]["combine"] == "sum"
    for spec in cells.values():
        assert spec["spent"] == pytest.approx(1, abs=0.1)


@pytest.mark.usefixtures("_composing")
def test_a_reference_or_a_cell_that_diverged_leaves_its_place_empty():
    some = plan("study.plateau_subnets=3")
    whole = {"validation": {"accuracy": 0.5}, "test": {"accuracy": 0.4}}
    references = list(zip(some.alone(0.01)[:3], [whole, None, whole], strict=True))
    inherited = [
        {"subnet": name, **some.rows.subnets[name], "inherited": {"accuracy": 0.3}}
        for name in some.subnets
    ]
    cell = {"overhead": 3.0, "stored": 1, "seconds": 1.0, "diverged": False, "trajectory": []}
    lost = {**cell, "diverged": True, "rows": [], "trajectory": [{"step": 1}]}
    specs = some.cells({"shared": 0.01, "mos_layer": 0.01}, 2)
    found = list(zip(specs, [{**cell, "rows": inherited}, lost], strict=True))
    results = some.rows.results(found, some.rows.references(references))
    assert [row["standalone"] for row in results] == [0.4, None, 0.4]
    assert {row["arm"] for row in results} == {"shared"}
    assert [row["diverged"] for row in some.rows.runs(found)] == [False, True]
    assert some.rows.stability(found) == []


@pytest.mark.usefixtures("_composing")
@pytest.mark.parametrize("scale", ["cpu", "gpu"])
@pytest.mark.parametrize("name", sorted(path.stem for path in (configs() / "study").glob("*.yaml")))
def test_every_arm_of_every_study_composes_and_can_be_compared(name, scale):
    told = study_settings(plain(compose("study", overrides=[f"study={name}", f"scale={scale}"])))

    def settings(*added: str):
        return plain(compose("train", overrides=[*told["settings"], *added]))

    arms = {arm: settings(*told["supernet"], *added) for arm, added in told["arms"].items()}
    arms["recipe"] = settings("generator=standalone", "sampling=fixed", *told["recipe"])
    check_comparable(settings(), arms)
    assert len({str(own) for own in arms.values()}) == len(arms)  # no two are the same


@pytest.mark.usefixtures("_composing")
def test_everything_that_is_wrong_is_told_at_once():
    with pytest.raises(ValueError, match=r"(?s)measure: .*split: .*seeds: .*budgets: "):
        plan("study.measure=speed", "split=train", "seeds=[]", "budgets=[-1]")


@pytest.mark.usefixtures("_composing")
def test_an_arm_that_changes_the_task_is_refused():
    with pytest.raises(ValueError, match="wide changes space"):
        plan("+study.arms.wide=['space.widths=[4,8]']", "arms=[shared,wide]")
