"""The files of a study, which it goes on from."""

import csv

import pytest

from hypernas.studies.ledger import Ledger
from hypernas.studies.rows import Rows

SUBNETS = {
    name: {"architecture": f'{{"width": {i}}}', "params": i, "macs": 2 * i}
    for i, name in enumerate(("small", "large"), 1)
}
ROWS = Rows("digits", "accuracy", "test", 10, 100.0, SUBNETS, "accuracy")


class Counted:
    """Jobs that are done at once, up to a number, and counted."""

    def __init__(self, most: int | None = None):
        self.most, self.done = most, []

    def run(self, stage, specs, *, each):
        for spec in specs:
            if len(self.done) == self.most:
                raise KeyboardInterrupt
            self.done.append(spec["label"])
            each(spec, result(spec))
        return [result(spec) for spec in specs]


def result(spec):
    measures = {"accuracy": 0.5 + 0.01 * spec["seed"]}
    if spec["kind"] == "reference":
        return {"validation": measures, "test": measures}
    rows = [{"subnet": name, **own, "inherited": measures} for name, own in SUBNETS.items()]
    return {
        "overhead": 3.0,
        "stored": 7,
        "seconds": 1.0,
        "diverged": False,
        "rows": rows,
        "trajectory": [],
    }


def reference(subnet, seed, steps=10, lr=0.1):
    own = {
        "kind": "reference",
        "label": f"{subnet} {seed}",
        "arm": "standalone",
        "budget": steps / 10,
    }
    return {
        **own,
        "lr": lr,
        "seed": seed,
        "subnet": subnet,
        "settings": {"training": {"steps": steps}},
    }


def cell(arm, seed, lr=0.1):
    own = {"kind": "cell", "label": f"{arm} {seed}", "arm": arm, "budget": 1, "lr": lr}
    return {**own, "seed": seed, "steps": 20, "spent": 1.01, "split": "test"}


def lines(folder, name):
    with (folder / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def test_rows_are_written_as_jobs_end_and_a_study_goes_on_from_them(tmp_path):
    references = [reference(subnet, seed) for seed in (0, 1) for subnet in SUBNETS]
    cells = [cell(arm, seed) for arm in ("shared", "hypernas") for seed in (0, 1)]
    first = Ledger(tmp_path, ROWS, keep=False)
    first.refer(Counted(), "alone", references)
    with pytest.raises(KeyboardInterrupt):
        first.compare(Counted(most=3), "budget 1", cells)
    assert [row["arm"] for row in lines(tmp_path, "runs")] == ["shared", "shared", "hypernas"]
    there, again = (tmp_path / "results.csv").read_text(), Counted()
    second = Ledger(tmp_path, ROWS, keep=True)
    second.refer(again, "alone", references)
    second.compare(again, "budget 1", cells)
    assert again.done == ["hypernas 1"]
    assert (tmp_path / "results.csv").read_text().startswith(there)
    assert [row["standalone"] for row in lines(tmp_path, "results")] == 2 * [
        "0.5",
        "0.5",
        "0.51",
        "0.51",
    ]
    assert lines(tmp_path, "runs")[0]["train_flops"] == str(1.01 * 100.0 * 3.0)


class Backwards(Counted):
    """Jobs of which the last ends first."""

    def run(self, stage, specs, *, each):
        super().run(stage, specs[::-1], each=each)
        return [result(spec) for spec in specs]


def test_files_are_the_same_whatever_job_ended_first_and_wherever_a_study_was_stopped(tmp_path):
    references = [reference(subnet, seed) for seed in (0, 1) for subnet in SUBNETS]
    trials = [cell("shared", seed, lr=lr) for lr in (0.1, 0.2) for seed in (5, 7, 9)]
    cells = [cell(arm, seed) for arm in ("shared", "hypernas") for seed in (0, 1)]
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    for folder, jobs in ((whole, Counted()), (torn, Backwards(most=11)), (torn, Backwards())):
        folder.mkdir(exist_ok=True)
        ledger = Ledger(folder, ROWS, keep=True)
        try:
            ledger.tune(jobs, "tuning", trials)
            ledger.refer(jobs, "alone", references)
            ledger.compare(jobs, "budget 1", cells)
        except KeyboardInterrupt:
            assert [row["arm"] for row in lines(folder, "runs")] == ["hypernas"]
    for name in ("tuning", "references", "results", "runs"):
        assert (torn / f"{name}.csv").read_bytes() == (whole / f"{name}.csv").read_bytes()


def test_a_cell_at_another_learning_rate_is_computed_again_in_its_place(tmp_path):
    Ledger(tmp_path, ROWS, keep=False).compare(Counted(), "budget 1", [cell("shared", 0)])
    jobs = Counted()
    Ledger(tmp_path, ROWS, keep=True).compare(jobs, "budget 1", [cell("shared", 0, lr=0.2)])
    assert jobs.done == ["shared 0"]
    assert [row["lr"] for row in lines(tmp_path, "runs")] == ["0.2"]


class Better(Counted):
    """Jobs whose accuracy is better by a tenth, but for one that diverged."""

    def run(self, stage, specs, *, each):
        for spec in specs:
            self.done.append(spec["label"])
            found = {"accuracy": 0.6 + 0.01 * spec["seed"]}
            lost = spec["label"] == "large 1"
            each(spec, None if lost else {"validation": found, "test": found})
        return [None] * len(specs)


def test_stand_alone_training_at_another_learning_rate_is_done_again_and_results_held_against_it(
    tmp_path,
):
    pairs = [(subnet, seed) for seed in (0, 1) for subnet in SUBNETS]
    cells = [cell("shared", seed) for seed in (0, 1)]
    first = Ledger(tmp_path, ROWS, keep=False)
    first.refer(Counted(), "alone", [reference(*pair) for pair in pairs])
    first.compare(Counted(), "budget 1", cells)
    second, jobs = Ledger(tmp_path, ROWS, keep=True), Better()
    lost = second.refer(jobs, "alone", [reference(*pair, lr=0.2) for pair in pairs])
    assert jobs.done == ["small 0", "large 0", "small 1", "large 1"]
    assert lost == ["large 1"]
    second.compare(jobs, "budget 1", cells)
    assert len(jobs.done) == 4  # cells are as they were
    assert [row["lr"] for row in lines(tmp_path, "references")] == 3 * ["0.2"]
    assert [row["standalone"] for row in lines(tmp_path, "results")] == ["0.6", "0.6", "0.61", ""]


def test_stand_alone_trainings_that_tell_no_learning_rate_are_kept(tmp_path):
    Ledger(tmp_path, ROWS, keep=False).refer(Counted(), "alone", [reference("small", 0)])
    (old,) = lines(tmp_path, "references")
    with (tmp_path / "references.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [key for key in old if key != "lr"], extrasaction="ignore")
        writer.writeheader()
        writer.writerow(old)
    jobs = Counted()
    both = [reference(subnet, 0) for subnet in SUBNETS]
    Ledger(tmp_path, ROWS, keep=True).refer(jobs, "alone", both)
    assert jobs.done == ["large 0"]
    assert [row["lr"] for row in lines(tmp_path, "references")] == ["", "0.1"]


def test_a_mean_over_seeds_waits_for_all_of_them(tmp_path):
    trials = [cell("shared", seed) for seed in (0, 1)]
    with pytest.raises(KeyboardInterrupt):
        Ledger(tmp_path, ROWS, keep=True).tune(Counted(most=1), "tuning", trials)
    assert not (tmp_path / "tuning.csv").exists()
    Ledger(tmp_path, ROWS, keep=True).tune(Counted(), "tuning", trials)
    (row,) = lines(tmp_path, "tuning")
    assert (row["measure"], float(row["validation"])) == ("accuracy", pytest.approx(0.505))
    jobs = Counted()
    Ledger(tmp_path, ROWS, keep=True).tune(jobs, "tuning", trials)
    assert not jobs.done


def test_without_keeping_nothing_there_counts(tmp_path):
    for _ in range(2):
        jobs = Counted()
        Ledger(tmp_path, ROWS, keep=False).compare(jobs, "budget 1", [cell("shared", 0)])
        assert jobs.done == ["shared 0"]


def test_rows_of_other_subnets_or_another_length_are_refused(tmp_path):
    Ledger(tmp_path, ROWS, keep=False).refer(Counted(), "alone", [reference("small", 0)])
    other = Rows("digits", "accuracy", "test", 11, 100.0, {"small": SUBNETS["large"]}, "accuracy")
    with pytest.raises(
        ValueError, match=r"(?s)another study: .*\['small'\] and after \[10\] steps"
    ):
        Ledger(tmp_path, other, keep=True)
