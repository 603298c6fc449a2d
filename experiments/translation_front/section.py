"""What the rows say: BLEU within limits of latency, differences to HAT's supernet, and latencies."""

import json
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from pandas import DataFrame

from hypernas.evaluation.estimate import estimate
from hypernas.evaluation.ranking import kendall_tau
from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.figure import Figure, canvas, of_arm
from hypernas.reports.style import Look, looks
from hypernas.reports.table import Cell, embolden, interval, number, spread, table, word

BASELINE, MEAN, STEP = "shared.single", "mean", "step"
TIMES = ("median", "low", "high", "rounds", "others")
PLACES = ("", "_low", "_high", "_here_low", "_here_high")
HERE = ("", "_here_low", "_here_high")
ENDS = tuple(f"{name}{end}" for name in ("bleu", "more") for end in PLACES)
ROUND = ("onnxruntime", "torch", "onnxruntime again")
WAYS = {"torch": "torch", "onnxruntime again": "onnxruntime, measured again"}


def section(study: Study) -> Section:
    folder = study.path.parent
    numbers = {
        "differences": (*ENDS, "seeds"),
        "chosen": ("seed", "limit", "latency", "validation", "test"),
        "latency": TIMES,
        "sentence": ("layers", "parameters", "ms", "others"),
    }
    parsed = {
        name: csv_file.read(folder / f"{name}.csv", dict.fromkeys(own, csv_file.finite))
        for name, own in numbers.items()
    }
    rows = csv_file.read(study.path, dict.fromkeys(("seed", "bleu", "sentences", "parameters"), csv_file.finite))  # fmt: skip
    arms = looks([*rows["arm"].unique()])
    drawn = Figure(
        "front",
        "BLEU within a limit of latency",
        "BLEU on test of what is chosen on validation, against the limit; a line for each seed, the first of them bold. Latency of "
        "greedy decoding under onnxruntime, one sentence, one thread.",
        partial(draw, parsed["chosen"], parsed["latency"], arms),
    )
    parts = (
        Part("front", "Fronts", lambda: [front(parsed["differences"], "bleu")], (drawn,)),
        Part(
            "differences", "Against HAT's supernet", lambda: [front(parsed["differences"], "more")]
        ),
        Part(
            "latency", "Latency", lambda: [layers(parsed["latency"]), agreement(parsed["latency"])]
        ),
        Part("sentence", "A sentence", lambda: [written(parsed["sentence"])]),
    )
    return Section(study.name, study.title, parts, lead=study.question, looks=arms)


def front(rows: DataFrame, name: str) -> DataFrame:
    """A row an arm: BLEU within each limit, or what it is more than the baseline's."""
    arms = [arm for arm in rows["arm"].unique() if name == "bleu" or arm != BASELINE]
    shares = [*rows["share"].unique()]
    columns: dict[str, list[Cell]] = {}
    for share in shares:
        own = rows[rows["share"] == share].set_index("arm")
        limit = "mean over limits" if share == MEAN else f"{float(own['limit'].iloc[0]):.3f} ms"
        found = [
            interval(
                *(own[f"{name}{end}"][arm] for end in ("", "_low", "_high")),
                2,
                signed=name == "more",
            )
            for arm in arms
        ]
        columns[limit] = embolden(found, highest=True) if name == "bleu" else found
        if share == MEAN:
            columns["mean, of these seeds"] = [
                interval(*(own[f"{name}{end}"][arm] for end in HERE), 2, signed=name == "more")
                for arm in arms
            ]
    lines = []
    for i, arm in enumerate(arms):
        seeds = rows[rows["arm"] == arm]["seeds"].iloc[0]
        line = {"supernet": word(str(arm), code=True), "seeds": number(seeds, 0)}
        lines.append(line | {limit: cells[i] for limit, cells in columns.items()})
    told = (
        "BLEU on test of the subnet that is best on validation within a limit of latency"
        if name == "bleu"
        else f"The same less that of `{BASELINE}`, on the same sentences and seeds (above 0: better)"
    )
    return table(
        lines,
        f"{told}: mean over seeds [95 % interval over test sentences (bootstrap) and, of several seeds, over these (Student's t), half-widths added in "
        "quadrature]. Limits hold a third of the sample, two and all; the mean is over all limits from the fastest to the slowest; the last column has its interval over sentences alone.",
    )


def layers(rows: DataFrame) -> DataFrame:
    """A row for each number of decoder layers."""
    depth = rows["architecture"].map(lambda text: json.loads(text)["decoder_depth"])
    lines = []
    for layers in sorted(depth.unique()):
        line = {"decoder layers": number(layers, 0)}
        for name in ROUND:
            own = rows[(depth == layers) & (rows["pass"] == name)]
            line["subnets"] = number(len(own), 0)
            line[f"{name}, ms"] = spread(list(own["median"]), 3)
        lines.append(line)
    others = rows.groupby("pass")["others"].first().max()
    return table(
        lines,
        f"Latency of a sentence: mean of the subnets' medians [fastest, slowest]; {rows['processor'].iloc[0]}, one thread; other processes kept up to "
        f"{others:.1f} cores busy meanwhile.",
    )


def written(rows: DataFrame) -> DataFrame:
    """A sentence by decoders of one, two and three layers."""
    lines = [
        {
            "decoder layers": number(one["layers"], 0),
            "parameters": number(one["parameters"], 0, grouped=True),
            str(one["source"]): word(str(one["written"])),
            "ms a sentence": number(one["ms"], 2),
        }
        for _, one in rows.iterrows()
    ]
    return table(
        lines,
        f"`{rows['arm'].iloc[0]}`, seed 0, the largest but for its decoder's layers, greedily in torch, one thread, as `hypernas translate` tells it; "
        f"other processes kept up to {rows['others'].max():.1f} cores busy meanwhile.",
    )


def agreement(rows: DataFrame) -> DataFrame:
    """Kendall's tau with what is measured under onnxruntime, of all and within each number of layers."""
    own = rows.pivot(index="subnet", columns="pass", values="median")
    depth = own.index.str.extract(r"layers_(\d+)_")[0].to_numpy()
    lines = []
    for name, told in WAYS.items():
        found = estimate(kendall_tau, own["onnxruntime"], own[name])
        line = {"latency": word(told), "all": interval(found.value, found.low, found.high)}
        for layers in sorted(set(depth)):
            some = own[depth == layers]
            line[f"{layers} decoder layers"] = number(
                float(kendall_tau(some["onnxruntime"], some[name]))
            )
        lines.append(line)
    return table(
        lines,
        "Kendall's tau with the latency under onnxruntime [95 % interval over subnets, bootstrap].",
    )


def draw(rows: DataFrame, latency: DataFrame, arms: dict[str, Look], width: float) -> Canvas:
    """Steps of each supernet, from the fastest to the slowest of the sample."""
    slowest = latency[latency["pass"] == ROUND[0]]["median"].max()
    steps = rows[rows["share"] == STEP]
    drawing = canvas(width, 0.5 * width + 0.4)
    axes: Axes = drawing.subplots()
    for arm, look in arms.items():
        own = steps[steps["arm"] == arm]
        for i, (_, one) in enumerate(own.groupby("seed")):
            across = [*one["latency"], slowest]
            up = [*one["test"], one["test"].iloc[-1]]
            style = look.line() | {
                "alpha": 1.0 if i == 0 else 0.5,
                "linewidth": 1.7 if i == 0 else 1.0,
            }
            (line,) = axes.step(across, up, where="post", label=arm if i == 0 else None, **style)
            of_arm(arm, line)
    axes.set_xlabel("limit of latency (ms a sentence)")
    axes.set_ylabel("BLEU on test")
    drawing.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return drawing
