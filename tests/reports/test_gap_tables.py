import re

import numpy as np
import pytest
from made_up_study import write, write_study

from hypernas.evaluation import average, estimate, kendall_tau, paired
from hypernas.reports import open_study, section_of

COLUMNS = (
    "task arm seed budget steps lr train_flops subnet architecture params macs measure inherited "
    "standalone"
)
ROUGH = " (only 2 seeds, 4 subnets)"  # beside each interval of the study below
ALONE = np.array([[0.80, 0.85, 0.90, 0.95], [0.82, 0.87, 0.92, 0.97]])  # seeds, subnets
GAP = {  # (arm, budget) -> gap of each subnet in points, the same for both seeds
    ("shared", 1): [4.0, 3.0, 2.0, 3.0],
    ("shared", 2): [2.0, 1.0, 0.0, 1.0],
    ("hypernas", 1): [2.0, 1.0, 0.0, 1.0],
    ("hypernas", 2): [0.0, -1.0, -2.0, 1.0],
}


def rows(measure: str = "accuracy") -> list[dict]:
    sign = 1 if measure == "accuracy" else -1
    return [
        {
            "task": "t", "arm": arm, "seed": seed, "budget": budget, "steps": 10 * budget,
            "lr": 0.01 * budget, "train_flops": 1e9 * budget, "subnet": f"s{n}",
            "architecture": f'{{"width": {n}}}', "params": 100 * (n + 1), "macs": 1000 * (n + 1),
            "measure": measure, "inherited": ALONE[seed, n] - sign * gap / 100,
            "standalone": ALONE[seed, n],
        }
        for (arm, budget), points in GAP.items()
        for seed in (0, 1)
        for n, gap in enumerate(points)
    ]  # fmt: skip


@pytest.fixture
def study(tmp_path):
    """A function that writes rows as a study, and gives its section."""

    def made(some: list[dict]):
        write(tmp_path / "results.csv", some, COLUMNS)
        return section_of(open_study(tmp_path))

    return made


def texts(section, part: str, number: int = 0) -> dict[str, list[str]]:
    """First cell of each row -> the texts of the others, bold as in Markdown."""
    table = section.tables(part)[number]
    return {
        first.text.strip("`"): [str(cell).replace(ROUGH, "") for cell in others]
        for first, *others in table.itertuples(index=False)
    }


def test_the_gap_is_the_mean_over_subnets_with_its_interval_and_the_lowest_is_bold(study):
    found = texts(study(rows()), "gap")
    for arm, cells in found.items():
        for budget, cell in zip((1, 2), cells, strict=True):
            expected = estimate(average, np.array([GAP[arm, budget]] * 2))
            assert cell.strip("*") == f"{expected:.2f} ± 0.00".replace("-", "−")
    assert [cell.split()[0] for cell in found["shared"]] == ["3.00", "1.00"]
    assert [cell.split()[0] for cell in found["hypernas"]] == ["**1.00", "**−0.50"]


def test_the_difference_to_the_baseline_is_paired(study):
    found = texts(study(rows()), "differences")
    assert list(found) == ["hypernas"]
    assert found["hypernas"][0] == "−2.00 [−2.00, −2.00]"
    both = (np.array([GAP[arm, 2]] * 2) for arm in ("hypernas", "shared"))
    expected = paired(*both, resample_seeds=False)  # seeds are alike here
    assert found["hypernas"][1] == (
        f"{expected.value:+.2f} [{expected.low:+.2f}, {expected.high:+.2f}]".replace("-", "−")
    )


def test_there_is_one_difference_between_the_baseline_and_the_flagship_and_none_of_an_arm(study):
    assert len(study(rows()).tables("differences")) == 1
    alone = study([row for row in rows() if row["arm"] == "shared"])
    with pytest.raises(ValueError, match="compares several arms with `shared` or `hypernas`"):
        alone.tables("differences")


def test_with_a_third_arm_the_difference_to_the_flagship_stands_beside_that_to_the_baseline(study):
    third = [{**row, "arm": "ofa"} for row in rows() if row["arm"] == "shared"]
    section = study(rows() + third)
    assert list(texts(section, "differences")) == ["hypernas", "ofa"]
    assert list(texts(section, "differences", 1)) == ["shared", "ofa"]
    assert texts(section, "differences")["ofa"][0] == "+0.00 [+0.00, +0.00]"
    assert texts(section, "differences", 1)["ofa"][0] == "+2.00 [+2.00, +2.00]"


def test_strategies_are_crossed_with_generators_and_compared_under_each(study):
    names = {"shared": "shared.single", "hypernas": "hypernas.single"}
    crossed = [{**row, "arm": names[row["arm"]]} for row in rows()]
    crossed += [{**row, "arm": "shared.sandwich"} for row in rows() if row["arm"] == "shared"]
    found = study(crossed)
    assert texts(found, "crossed")["single"][0].startswith("**3.00")
    assert texts(found, "crossed")["sandwich"][1] == "–"
    assert texts(found, "crossed", 1)["single"] == ["−2.00 [−2.00, −2.00]"]
    with pytest.raises(ValueError, match=r"called generator\.strategy"):
        study(rows()).tables("crossed")


def test_strategies_are_crossed_at_each_budget_with_what_was_trained_for_it(study):
    found = study(
        [
            {**row, "arm": f"{row['arm']}.{strategy}", "budget": budget}
            for strategy, budgets in {"single": (1, 2), "sandwich": (1,)}.items()
            for budget in budgets
            for row in rows()
            if row["budget"] == 1
        ]
    )
    assert [list(texts(found, "crossed", i)) for i in range(4)] == [["single", "sandwich"]] * 2 + [
        ["single"]
    ] * 2
    assert texts(found, "crossed", 3) == {"single": ["−2.00 [−2.00, −2.00]"]}


def test_what_each_arm_closes_of_the_gap_of_sharing_trained_alike(study):
    crossed = [{**row, "arm": f"{row['arm']}.single"} for row in rows()]
    lacking = [row for row in crossed if (row["seed"], row["budget"]) != (1, 2)]
    (table,) = study(lacking).tables("closed")
    found = [[str(cell).replace(ROUGH, "") for cell in line] for line in table.to_numpy()]
    assert found == [
        ["`hypernas.single`", "`shared.single`", "1×", "−2.00 [−2.00, −2.00]", "0.67 [0.67, 0.67]", "2 of 2"],
        ["`hypernas.single`", "`shared.single`", "2×", "−1.50 [−2.00, −0.50] (only 1 seed, 4 subnets)", "1.50", "1 of 1"],
    ]  # fmt: skip
    with pytest.raises(ValueError, match=r"called generator\.strategy, beside shared"):
        study(rows()).tables("closed")


def test_the_gap_of_each_third_of_subnets_by_size_is_their_mean_alone(study):
    section = study(rows())
    found = texts(section, "sizes")  # 2 + 1 + 1 subnets, at budget 1
    means = [[cell.strip("*").split()[0] for cell in found[arm]] for arm in ("shared", "hypernas")]
    assert means == [["3.50", "2.00", "3.00", "−0.50"], ["1.50", "0.00", "1.00", "−0.50"]]
    assert "2 + 1 + 1 subnets" in section.tables("sizes")[0].attrs["caption"]
    assert len(section.tables("sizes")) == 2


def test_sizes_are_by_multiply_adds_whatever_the_order_of_the_rows(study):
    assert texts(study(rows()[::-1]), "sizes") == dict(
        reversed(texts(study(rows()), "sizes").items())
    )
    with pytest.raises(ValueError, match="fewer than 3 subnets"):
        study([row for row in rows() if row["subnet"] in ("s0", "s1")]).tables("sizes")


def test_a_measure_of_which_less_is_better_has_the_same_gap_in_nats(study):
    found = texts(study(rows("cross_entropy")), "gap")
    assert [cell.strip("*").split()[0] for cell in found["hypernas"]] == ["0.010", "−0.005"]
    assert "in nats" in study(rows("cross_entropy")).tables("gap")[0].attrs["caption"]


def test_seeds_and_subnets_that_lack_a_result_are_left_out(study):
    some = [r for r in rows() if not (r["arm"] == "shared" and r["seed"] == 1)]
    for row in some:
        if row["subnet"] == "s1":
            row["standalone"] = "nan"
    found = study(some)
    assert texts(found, "gap")["shared"][0].startswith("3.00")  # of 4, 2 and 3
    assert "±" not in texts(found, "gap")["shared"][0]
    # needs no stand-alone result
    assert texts(found, "differences")["hypernas"][0].startswith("−2.00")
    assert "1 to 2 seeds" in found.tables("gap")[0].attrs["caption"]


def test_rankings_are_against_the_mean_over_seeds_and_stand_beside_those_by_size(study):
    found = texts(study(rows()), "ranking")
    scores = ALONE - np.array(GAP["hypernas", 2]) / 100
    expected = estimate(kendall_tau, scores, ALONE.mean(0))
    assert found["hypernas"][0].strip("*") == f"{expected:.2f}"
    assert found["parameters"][:2] == ["**1.00 [1.00, 1.00] (only 4 subnets)**"] * 2
    assert found["FLOPs (MACs)"] == found["parameters"]
    assert found["hypernas"][3].startswith("**0.00")


def test_gaps_of_either_sign_add_up_in_their_mean_size_which_stands_beside_tau(study):
    found = study(rows())
    gap, tau, ratio = texts(found, "magnitude", 1)["hypernas"]
    assert texts(found, "gap")["hypernas"][1].strip("*").startswith("−0.50")
    assert gap.strip("*").startswith("1.00 [")
    assert tau.strip("*") == texts(found, "ranking")["hypernas"][0].strip("*")
    own, shared = (np.abs(GAP[arm, 2]).mean() for arm in ("hypernas", "shared"))
    assert ratio.startswith(f"{own / shared:.2f} [")
    assert texts(found, "magnitude", 1)["shared"][2] == "–"


def test_the_mean_size_of_gaps_is_told_at_every_budget_of_the_arms_that_were_trained_for_it(study):
    found = study([row for row in rows() if (row["arm"], row["budget"]) != ("shared", 2)])
    once, twice = (texts(found, "magnitude", number) for number in (0, 1))
    assert set(once) == {"shared", "hypernas"}
    assert set(twice) == {"hypernas"}
    own, shared = (np.abs(GAP[arm, 1]).mean() for arm in ("hypernas", "shared"))
    assert once["hypernas"][2].startswith(f"{own / shared:.2f} [")
    assert len(twice["hypernas"]) == 2  # no baseline, no ratio


def test_by_nats_the_largest_is_still_taken_to_be_the_best(study):
    some = rows("cross_entropy")
    for row in some:
        row["standalone"] = 2 - row["standalone"]
        row["inherited"] = 2 - row["inherited"]
    found = texts(study(some), "ranking")
    assert found["parameters"][:2] == ["**1.00 [1.00, 1.00] (only 4 subnets)**"] * 2
    assert found["shared"][0].strip("*").startswith("1.00")


def test_an_ablation_compares_with_the_flagship_in_the_order_of_the_file(study):
    found = texts(study([row for row in rows() if row["budget"] == 1]), "ablation")
    assert list(found) == ["shared", "hypernas"]
    assert found["shared"][1:] == ["+2.00 [+2.00, +2.00]", "2 of 2"]
    assert found["hypernas"][1:] == ["–", "–"]


def test_the_other_tables_come_from_the_files_beside_the_results(tmp_path):
    folder = write_study(tmp_path / "bars", arms=("shared", "hypernas"), budgets=(1, 2))
    section = section_of(open_study(folder))
    assert texts(section, "cost")["shared"] == ["1.00", "1.00", "1.00", "180", "0.003†"]
    assert texts(section, "cost")["hypernas"][0] == "2.00"
    assert texts(section, "cost")["hypernas"][4] == "0.01"
    single, averaged, seeds = texts(section, "stability")["hypernas"]
    assert float(averaged.split()[0]) > float(single.split()[0]) > 0.5
    assert seeds == "3"
    facts = {name: cells[0] for name, cells in texts(section, "task").items()}
    assert facts["subnets and seeds"] == "16 × 3"
    assert 0.9 < float(facts["attainable τ"]) <= 1
    assert re.fullmatch(
        r"[+−].* \[.*\], 4 subnets, 500 → 1,000 steps", facts["gain of twice the steps"]
    )
    assert len(section.tables("tuning")[0]) == 2 * 2 * 3
    assert len(section.tables("subnets")[0]) == 2 * 2 * 16


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("stability", "there is no stability.csv beside results.csv"),
        ("cost", "there is no cost.csv beside results.csv"),
        ("ablation", "it is for results of one budget"),
        (
            "nonsense",
            r"expected one of \['gap', 'differences', 'magnitude', 'crossed', 'closed', 'sizes', 'ablation', 'ranking'",
        ),
    ],
)
def test_a_table_that_cannot_be_made_says_why(study, name, expected):
    with pytest.raises(ValueError, match=expected):
        study(rows()).tables(name)


def test_tables_of_several_tasks_are_told_apart(study):
    some = rows() + [{**row, "task": "u"} for row in rows("cross_entropy")]
    captions = [table.attrs["caption"] for table in study(some).tables("gap")]
    assert [caption[:6] for caption in captions] == ["**t.**", "**u.**"]
    names = [figure.name for part in study(some).parts for figure in part.figures]
    assert names == ["gap-t", "gap-u", *(f"{n}-t" for n in ("scatter", "ranks")),
                     *(f"{n}-u" for n in ("scatter", "ranks")), "pareto-t", "pareto-u"]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"inherited": "high"}, "line 2, column inherited: expected a number, got 'high'"),
        ({"measure": "rouge"}, r"line 2, column measure: expected one of \['accuracy', 'cross_"),
        ({"architecture": "8"}, "line 2, column architecture: expected a JSON object"),
        ({"standalone": 0.1}, "column standalone: expected one value for seed 0, subnet s0"),
        ({"subnet": "s1"}, "has two rows for task t, arm shared, seed 0, budget 1.0, subnet s1"),
    ],
)
def test_broken_results_are_refused_in_one_message(study, change, expected):
    with pytest.raises(ValueError, match=expected):
        study([{**rows()[0], **change}, *rows()[1:]])


def test_intervals_of_few_seeds_or_subnets_say_so_beside_them_and_others_do_not(tmp_path):
    small = {"arms": ("shared", "hypernas"), "budgets": (1,)}
    for number, (seeds, subnets, expected) in enumerate(
        [
            ((0, 1, 2), 16, ""),
            ((0,), 16, " (only 1 seed)"),
            ((0, 1, 2), 3, " (only 3 subnets)"),
            ((0,), 3, " (only 1 seed, 3 subnets)"),
        ]
    ):
        folder = write_study(tmp_path / f"s{number}", **small, seeds=seeds, num_subnets=subnets)
        section = section_of(open_study(folder))
        (table,) = section.tables("gap")
        assert all(str(cell).strip("*").endswith(expected) for cell in table.iloc[:, 1])
        assert ("only" in str(table.iloc[0, 1])) == bool(expected)
        rough = [fact for fact in section.facts if fact.startswith("intervals are rough")]
        assert len(rough) == bool(expected)
        assert ("Intervals are rough" in section.parts[0].figures[0].caption) == bool(expected)
