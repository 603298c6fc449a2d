"""What collectives load in fabrics of two layers: worked out by the load model of `hypernas plan`.

python experiments/planning/run.py          make the tables here and in docs/planning.md again: two minutes
python experiments/planning/run.py --fast   the tables of up to 512 ranks alone, and print them
"""

import csv
import resource
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from hypernas.planning import (
    Demand,
    LeafSpine,
    Plan,
    Step,
    all_to_all,
    delivery,
    dispatch,
    halving_doubling,
    plan,
    ring,
)
from hypernas.planning.split import split
from hypernas.planning.spraying import Spraying

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "planning.md"
BEGIN, END = "<!-- planning begins -->", "<!-- planning ends -->"
BANK = 1e9  # bytes
SCHEMES = ["ecmp", "ecmp_4", "source_leaf", "leaf_pair"]
EXPECTED = {  # of the table that this is to repeat: (ecmp, ecmp_4, source_leaf, leaf_pair, pieces)
    "16 × 16 hosts, 16 spines: ring step": (1.00, 1.00, 1.00, 1.00, 16),
    "16 × 16 hosts, 16 spines: halving-doubling, far step": (4.53, 2.50, 1.00, 1.00, 1),
    "16 × 16 hosts, 16 spines: all-to-all": (1.12, 1.03, 1.00, 1.00, 1),
    "16 × 16 hosts, 16 spines: random permutation": (4.93, 2.55, 2.81, 1.00, 12.3),
    "8 × 8 hosts, 4 spines: all-to-all": (1.19, 1.09, 1.00, 1.00, 1),
    "8 × 8 hosts, 4 spines: random permutation": (2.40, 1.60, 1.62, 1.00, 3.05),
    "8 × 8 hosts, 4 spines: two random experts": (1.53, 1.23, 1.25, 1.00, 2.69),
}
FABRICS = {  # ranks -> leaves, hosts of each, spines: as many links up as hosts
    8: (2, 4, 4),
    64: (8, 8, 8),
    512: (32, 16, 16),
    4096: (64, 64, 64),
}


def permutation(num: int, rng: np.random.Generator) -> Demand:
    """Each rank sends as much to one other."""
    return Demand.of_matrix(np.eye(num)[rng.permutation(num)])


def experts(num: int, rng: np.random.Generator) -> Demand:
    """Each rank sends as much to two others."""
    rows = np.zeros((num, num))
    for row in rows:
        row[rng.choice(num, 2, replace=False)] = 1
    return Demand.of_matrix(rows)


def of_fabrics(num_draws: int = 15) -> list[dict[str, float | str]]:
    """The published rows, each over some draws of hashes and of what is random."""
    flat, narrow = LeafSpine(16, 16, 16), LeafSpine(8, 8, 4)
    fixed = {
        "ring step": (flat, ring(256, BANK)),
        "halving-doubling, far step": (flat, halving_doubling(256, BANK)[:1]),
        "all-to-all": (flat, all_to_all(256, BANK)),
    }
    rows = [_row(name, fabric, [steps]) for name, (fabric, steps) in fixed.items()]
    rng = np.random.default_rng(0)
    some = [[Step("", permutation(256, rng))] for _ in range(num_draws)]
    rows.append(_row("random permutation", flat, some))
    rows.append(_row("all-to-all", narrow, [all_to_all(64, BANK)]))
    for name, made in (("random permutation", permutation), ("two random experts", experts)):
        rows.append(_row(name, narrow, [[Step("", made(64, rng))] for _ in range(num_draws)]))
    return rows


def _row(name: str, fabric: LeafSpine, demands: Sequence[list[Step]]) -> dict[str, float | str]:
    made = [plan(fabric, steps).rows() for steps in demands]
    found: dict[str, float | str] = {
        "case": f"{fabric.leaves} × {fabric.hosts} hosts, {fabric.spines} spines: {name}"
    }
    for i, scheme in enumerate(SCHEMES):
        every = [rows[i]["relative"] for rows in made]
        found[scheme] = round(float(np.mean(every)), 3)
        found[f"{scheme}_low"], found[f"{scheme}_high"] = round(min(every), 3), round(max(every), 3)
    found["pieces"] = round(float(np.mean([rows[3]["pieces_per_flow"] for rows in made])), 2)
    return found


def of_ranks(most: int = 4096) -> list[dict[str, float | str]]:
    """A row for each collective on each fabric, with what it took to plan it."""
    rows = []
    for num, sizes in FABRICS.items():
        for narrow in (False, True) if num <= most else ():
            leaves, hosts, spines = sizes
            fabric = LeafSpine(leaves, hosts, spines // 2 if narrow else spines)
            for name, steps in (
                ("ring", ring(num, BANK)),
                ("halving-doubling", halving_doubling(num, BANK)),
                ("delivery", delivery(num, BANK)),
                ("dispatch", dispatch(num, 4096.0)),
            ):
                start = time.process_time()
                made = plan(fabric, steps)
                rows.append(_of_ranks(num, fabric, name, made, time.process_time() - start))
    return rows


def _of_ranks(
    num: int, fabric: LeafSpine, name: str, made: Plan, seconds: float
) -> dict[str, float | str]:
    found: dict[str, float | str] = {
        "ranks": num,
        "fabric": f"{fabric.leaves} × {fabric.hosts}, {fabric.spines}",
        "collective": name,
        "seconds": made.outcomes[-1].seconds,
    }
    for row in made.rows()[:-1]:
        found[row["scheme"]] = round(row["relative"], 3)
        found[f"{row['scheme']}_pieces"] = round(row["pieces_per_flow"], 3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found | {
        "cpu_seconds": round(seconds, 2),
        "peak_mib": round(peak),
        "advice": made.advice,
    }


def table(rows: Iterable[dict[str, float | str]]) -> str:
    """Markdown of what planning says of ranks, without what it cost."""
    head = ["ranks", "leaves × hosts, spines", "collective", "spraying", "ECMP", "ECMP, 4 subflows"]
    head += ["per source leaf", "its pieces", "per pair of leaves", "its pieces"]
    lines = [f"| {' | '.join(head)} |", f"|---:|---|---|{'---:|' * (len(head) - 3)}"]
    for row in rows:
        cells = [f"{int(row['ranks']):,}", str(row["fabric"]), str(row["collective"])]
        cells.append(f"{1e3 * float(row['seconds']):.3g} ms")
        cells += [f"{float(row[name]):.2f}" for name in SCHEMES[:2]]
        for name in SCHEMES[2:]:
            cells += [f"{float(row[name]):.2f}", f"{float(row[f'{name}_pieces']):.3g}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def of_demands(num: int = 10_000, seed: int = 0) -> float:
    """The largest difference between a link's load by pieces, placed one by one, and spraying's.

    Over the heaviest link of random demands of flows of one size, split for each pair of leaves.
    """
    rng, worst = np.random.default_rng(seed), 0.0
    for _ in range(num):
        fabric = LeafSpine(*(int(n) for n in rng.integers(1, 7, size=3)))
        ranks = fabric.num_hosts
        matrix = (rng.random((ranks, ranks)) < rng.random()).astype(float)
        own = loads_of_pieces(fabric, matrix)
        steps = [Step("", Demand.of_matrix(matrix))]
        (spraying,) = plan(fabric, steps, schemes=[Spraying()]).outcomes
        for load, ideal in zip(own, (spraying.loads.up[0], spraying.loads.down[0]), strict=True):
            worst = max(worst, float(np.abs(load - ideal).max() / max(ideal.max(), 1.0)))
    return worst


def loads_of_pieces(fabric: LeafSpine, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The loads (L, S) of links up and down by the pieces of flows of size 1."""
    leaves, hosts = fabric.leaves, fabric.hosts
    counts = matrix.reshape(leaves, hosts, leaves, hosts).sum((1, 3)).astype(int)
    up, down = np.zeros((2, leaves, fabric.spines))
    for a in range(leaves):
        for b in set(range(leaves)) - {a}:
            own, turn = split(int(counts[a, b]), fabric.spines), 0
            for flow in range(int(counts[a, b])):
                num = 1 if flow < own.num_whole else own.num_pieces
                for _ in range(num):
                    up[a, turn] += 1 / num
                    down[b, turn] += 1 / num
                    turn = (turn + 1) % fabric.spines
    return up, down


def _write(name: str, rows: list[dict[str, float | str]]) -> None:
    with (HERE / name).open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    fast = "--fast" in sys.argv
    fabrics, ranks = of_fabrics(), of_ranks(512 if fast else 4096)
    print(*fabrics, table(ranks), sep="\n")
    if not fast:
        _write("fabrics.csv", fabrics)
        _write("ranks.csv", ranks)
        print("pair rule against spraying, 10,000 demands:", of_demands())
        before, rest = PAGE.read_text().split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{table(ranks)}\n{END}{rest.split(END)[1]}")
