"""hypernas plan: what it prints and writes, and what it refuses."""

import csv

SMALL = ["fabric.leaves=2", "fabric.hosts=4", "fabric.spines=3"]


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_the_bytes_of_a_plan_are_those_of_the_configured_run(run, tmp_path):
    status, out, _ = run("plan", *SMALL, "space=mlp", "generator=shared", "out=plan")
    assert status == 0
    assert "load model, no simulation of packets" in out
    assert "advice: Leave flows whole" in out
    num = int(out.split(" bytes")[0].split()[-1].replace(",", "")) / 4
    found = rows(tmp_path / "plan" / "links.csv")
    assert len(found) == 2 * 8 + 2 * 2 * 3
    assert float(found[0]["spraying"]) == 4 * num * 2 * 7 / 8  # a ring's share of each rank


def test_a_delivery_sends_what_each_rank_mixes_and_files_are_kept(run, tmp_path):
    arguments = ["plan", *SMALL, "collective=delivery", "out=plan"]
    assert run(*arguments)[0] == 0
    assert {row["scheme"] for row in rows(tmp_path / "plan" / "splits.csv")} >= {"leaf_pair"}
    status, _, error = run(*arguments)
    assert status == 2
    assert "there already. Give another out=, or overwrite=true" in error
    again = ["plan", *SMALL, "out=plan", "overwrite=true", "bytes=1", "ranks=3"]
    assert run(*again)[0] == 0
    assert not (tmp_path / "plan" / "splits.csv").exists()  # one leaf: no flow is split


def test_what_no_run_sends_needs_bytes_and_a_matrix_of_as_many_ranks(run, tmp_path):
    (tmp_path / "tokens.csv").write_text("0,1\n2,0\n")
    given = ["plan", *SMALL, "collective=dispatch", "collective.matrix=tokens.csv"]
    assert "bytes is missing" in run(*given)[2]
    assert "expected a row and a column for each of 8 ranks" in run(*given, "bytes=8")[2]
    status, out, _ = run(*given, "bytes=8", "ranks=2")
    assert status == 0
    assert "No flow leaves its leaf" in out
    error = run("plan", "bytes=1", "fabric.leaves=1", "ranks=17")[2]
    assert "17 ranks need as many hosts" in error
