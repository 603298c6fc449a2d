"""What the runs of the study say: a table and a figure."""

import statistics
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot as plt

TARGET_LOSS = 1.5  # where shared weights (AdamW, rate 0.01, another seed) are at half the steps
WITHIN = 0.02  # of the best rate's accuracy: a rate that works
BEGIN, END = "<!-- table begins -->", "<!-- table ends -->"
# Okabe and Ito's colours, told apart with every kind of colour vision
STYLES = {
    "plain": ("#000000", "o"),
    "encoding": ("#E69F00", "s"),
    "theta_0": ("#56B4E9", "^"),
    "mip": ("#D55E00", "D"),
    "mip_normalized": ("#009E73", "v"),
}


class Runs:
    """The rows of one arm under one optimizer: learning rate -> a row for each seed."""

    def __init__(self, rows: list[dict[str, str]], arm: str, optimizer: str) -> None:
        self.by_rate: dict[float, list[dict[str, str]]] = {}
        for row in rows:
            if (row["arm"], row["optimizer"]) == (arm, optimizer):
                self.by_rate.setdefault(float(row["lr"]), []).append(row)
        self.num_diverged = sum(int(r["diverged"]) for of in self.by_rate.values() for r in of)
        self.whole = [
            lr for lr, of in self.by_rate.items() if not any(int(r["diverged"]) for r in of)
        ]
        means = {lr: statistics.fmean(self.values(lr, "accuracy")) for lr in self.whole}
        self.best = max(means, key=means.__getitem__)
        self.num_working = sum(mean >= means[self.best] - WITHIN for mean in means.values())

    def values(self, lr: float, name: str) -> list[float]:
        """Of each seed; those that are empty are left out."""
        return [float(row[name]) for row in self.by_rate[lr] if row[name]]

    def fastest(self) -> list[float]:
        """The steps of each seed to the loss, at the rate that gets there first in the mean."""
        found = [self.values(lr, "steps_to_loss") for lr in self.by_rate]
        return min(found, key=lambda steps: (-len(steps), statistics.fmean(steps or [0])))


def spread(values: list[float], spec: str, *, of: int) -> str:
    """Mean [lowest, highest], or how many of the seeds have a value at all."""
    if len(values) < of:
        return f"{len(values)} of {of}"
    mean, low, high = (
        format(v, spec) for v in (statistics.fmean(values), min(values), max(values))
    )
    return f"{mean} [{low}, {high}]"


def tables(rows: list[dict[str, str]]) -> str:
    """What stands between the markers of README.md."""
    return f"{table(rows)}\n\n{effects(rows)}"


def table(rows: list[dict[str, str]]) -> str:
    """Markdown: each arm at the rate of its best accuracy, and how much the rate matters."""
    lines = [
        f"| optimizer | arm | best rate | accuracy % | minus plain | least steps to loss {TARGET_LOSS} "
        f"| gradient norm CV | median CV, common rates | rates that work | runs diverged |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for optimizer in dict.fromkeys(row["optimizer"] for row in rows):
        arms = {arm: Runs(rows, arm, optimizer) for arm in dict.fromkeys(r["arm"] for r in rows)}
        common = set.intersection(*(set(runs.whole) for runs in arms.values()))
        for arm, runs in arms.items():
            plain = arms["plain"]
            lr, of = runs.best, len(runs.by_rate[runs.best])
            accuracy = [100 * value for value in runs.values(lr, "accuracy")]
            reference = [100 * value for value in plain.values(plain.best, "accuracy")]
            more = [a - b for a, b in zip(accuracy, reference, strict=True)]
            every = [v for rate in common for v in runs.values(rate, "gradient_norm_cv")]
            cells = [
                optimizer, f"`{arm}`", f"{lr:g}", spread(accuracy, ".1f", of=of),
                "" if arm == "plain" else spread(more, "+.1f", of=of),
                spread(runs.fastest(), ".0f", of=of),
                spread(runs.values(lr, "gradient_norm_cv"), ".2f", of=of),
                f"{statistics.median(every):.2f}" if every else "",
                f"{runs.num_working} of {len(runs.by_rate)}",
                f"{runs.num_diverged} of {sum(map(len, runs.by_rate.values()))}",
            ]  # fmt: skip
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def effects(rows: list[dict[str, str]]) -> str:
    """Markdown: what each part changes at equal rates and seeds, averaged over rates."""
    lines = [
        "| optimizer | change | accuracy, points | steps to loss | gradient norm CV |",
        "|---|---|---|---|---|",
    ]
    for optimizer in dict.fromkeys(row["optimizer"] for row in rows):
        columns = [
            changes(rows, optimizer, "accuracy", "{:+.1f}", show=lambda x: 100 * x),
            changes(rows, optimizer, "steps_to_loss", "{:+.0f}"),
            changes(rows, optimizer, "gradient_norm_cv", "× {:.2f}", read=np.log, show=np.exp),
        ]
        for name in columns[0]:
            cells = [optimizer, name, *(column[name] for column in columns)]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def changes(
    rows: list[dict[str, str]],
    optimizer: str,
    measure: str,
    words: str,
    *,
    read: Callable = np.asarray,
    show: Callable = np.asarray,
) -> dict[str, str]:
    """Change -> mean [lowest, highest seed], over the rates where every run has the measure."""
    runs = {arm: Runs(rows, arm, optimizer) for arm in STYLES}
    seeds = max(len(of) for each in runs.values() for of in each.by_rate.values())
    rates = [
        lr
        for lr in runs["plain"].by_rate
        if all(len(each.values(lr, measure)) == seeds for each in runs.values())
    ]
    a = {arm: read([each.values(lr, measure) for lr in rates]) for arm, each in runs.items()}
    found = {
        "encoding": (a["encoding"] - a["plain"] + a["mip"] - a["theta_0"]) / 2,
        "θ_0": (a["theta_0"] - a["plain"] + a["mip"] - a["encoding"]) / 2,
        "both: MIP": a["mip"] - a["plain"],
        "normalizing MIP's input": a["mip_normalized"] - a["mip"],
    }
    made = {}
    for name, change in found.items():
        by_seed = change.mean(0)
        mean, low, high = (show(v) for v in (by_seed.mean(), by_seed.min(), by_seed.max()))
        ends = f"[{words.format(low)}, {words.format(high)}]".replace("× ", "")
        made[name] = f"{words.format(mean)} {ends}, {len(rates)} rates"
    return made


def draw(rows: list[dict[str, str]], folder: Path) -> None:
    """Accuracy against learning rate: the mean over seeds, with the lowest and the highest."""
    matplotlib.use("Agg")
    plt.rcParams["svg.hashsalt"] = "hypernas"  # the same file every time
    names = list(dict.fromkeys(row["optimizer"] for row in rows))
    figure, axes = plt.subplots(1, len(names), figsize=(9, 3.6), sharey=True, squeeze=False)
    for axis, optimizer in zip(axes[0], names, strict=True):
        for i, (arm, (colour, marker)) in enumerate(STYLES.items()):
            runs = Runs(rows, arm, optimizer)
            found = {lr: [100 * v for v in runs.values(lr, "accuracy")] for lr in runs.whole}
            mean = [statistics.fmean(of) for of in found.values()]
            ends = [
                [m - min(of) for m, of in zip(mean, found.values(), strict=True)],
                [max(of) - m for m, of in zip(mean, found.values(), strict=True)],
            ]
            shift = 1.05 ** (i - 2)
            at = [lr * shift for lr in found]
            axis.errorbar(at, mean, ends, color=colour, marker=marker, ms=5, lw=1.2, label=arm)
            lost = [lr * shift for lr in runs.by_rate if lr not in runs.whole]
            axis.scatter(lost, [6 - i for _ in lost], marker="x", color=colour, zorder=3)
        axis.set(xscale="log", xlabel=f"learning rate, {optimizer}", ylim=(0, 52))
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("validation accuracy, %")
    axes[0][0].legend(fontsize=8, loc="lower left")
    figure.suptitle(
        "Mean of 12 subnets, 3 seeds [lowest, highest]; ×: a seed diverged", fontsize=10
    )
    figure.tight_layout()
    figure.savefig(folder / "accuracy.png", dpi=150)
    figure.savefig(folder / "accuracy.svg", metadata={"Date": None})
    plt.close(figure)


def rewrite(path: Path, made: str) -> None:
    """Put a table between the markers of a Markdown file."""
    before, rest = path.read_text().split(BEGIN)
    path.write_text(f"{before}{BEGIN}\n{made}\n{END}{rest.split(END)[1]}")
