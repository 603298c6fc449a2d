"""What the runs of the study say: a table and a figure."""

import statistics
from pathlib import Path

import matplotlib
from matplotlib import pyplot as plt

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


def table(rows: list[dict[str, str]], target_loss: float) -> str:
    """Markdown: each arm at the rate of its best accuracy, and how much the rate matters."""
    lines = [
        f"| optimizer | arm | best rate | accuracy % | minus plain | least steps to loss {target_loss} "
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
            axis.plot(lost, [5 - i for _ in lost], "x", color=colour, ms=7, clip_on=False)
        axis.set(xscale="log", xlabel=f"learning rate, {optimizer}", ylim=(0, 50))
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("validation accuracy, %")
    axes[0][0].legend(fontsize=8, loc="lower left", bbox_to_anchor=(0.02, 0.12))
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
