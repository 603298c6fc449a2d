"""Streams of tasks in reports: runs that stopped before the last task are left out and named."""

from made_up_study import write

from hypernas.reports import open_study, section_of

SCORES = "stream arm seed after task subnet measure score"
COSTS = "stream arm seed task network_bytes total_bytes task_bytes mask_code_bytes mask_bit_bytes seconds"


def study(folder, ends, *, costs=("plain", "masks")):
    """The table of runs (arm, seed) -> their last task; each scores half and its seed in hundredths."""
    scores = [
        {"stream": "s", "arm": arm, "seed": seed, "after": after, "task": task}
        | {"subnet": "largest", "measure": "accuracy", "score": 0.5 + seed / 100}
        for (arm, seed), end in ends.items()
        for after in range(end + 1)
        for task in range(1, 4)
        if not after or task <= after + 1
    ]
    kept = [
        {"stream": "s", "arm": arm, "seed": seed, "task": task, "network_bytes": 100}
        | {"total_bytes": 100 * task, "task_bytes": 100, "mask_code_bytes": 0}
        | {"mask_bit_bytes": 0, "seconds": 1.0}
        for (arm, seed), end in ends.items()
        if arm in costs
        for task in range(1, end + 1)
    ]
    write(folder / "results.csv", scores, SCORES)
    write(folder / "tasks.csv", kept, COSTS)
    return section_of(open_study(folder)).tables("continual")[0]


def test_a_seed_that_stopped_early_is_no_part_of_a_mean_over_seeds(tmp_path):
    table = study(tmp_path, {("plain", 0): 3, ("plain", 1): 3, ("plain", 2): 1, ("masks", 0): 3})
    assert table["accuracy of all (%)"][0].text.startswith("50.5 ")
    assert "plain, seed 2 (1)" in table.attrs["caption"]
    assert table["kept (networks)"][0].text == "3.00"


def test_an_arm_without_a_row_of_costs_has_dashes(tmp_path):
    table = study(tmp_path, {("plain", 0): 3, ("masks", 0): 3}, costs=("plain",))
    assert table["kept (networks)"][1].value is None
    assert table["seconds a task"][0].text == "1.00"
