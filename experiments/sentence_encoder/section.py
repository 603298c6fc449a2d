"""What the results say: how near each size is to the trained encoder, and what it costs."""

from pandas import DataFrame

from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.table import interval, number, over_seeds, spread, table, word

MEASURES = {
    "cosine": "cosine to the trained encoder's embedding of the same sentence",
    "neighbours": "share of a sentence's ten nearest others that are the trained encoder's too",
    "found": "share of sentences found first in an index of the trained encoder's embeddings",
}
TEXTS = {"wikitext2": "other articles", "tatoeba": "everyday sentences"}
SIZES = ("small", "medium", "large")
PAIRS = (  # of arms whose difference is told
    ("hypernas", "shared"),
    ("hypernas_three", "shared_three"),
    ("shared_three", "shared"),
    ("alone", "shared"),
    ("alone", "shared_three"),
)


def section(study: Study) -> Section:
    numbers = (*MEASURES, "nearest", "seed", "steps", "cpu_seconds")
    rows = csv_file.read(study.path, dict.fromkeys(numbers, csv_file.finite))
    rows["arm"] = rows["arm"].where(~rows["arm"].str.endswith("_alone"), "alone")
    parts = [
        Part(name, f"{told[0].upper()}{told[1:]}", lambda name=name: [fidelity(rows, name)])
        for name, told in MEASURES.items()
    ]
    parts.append(Part("seconds", "Time of training", lambda: [seconds(rows)]))
    parts.append(Part("differences", "Differences to weight sharing", lambda: [differences(rows)]))
    costs = study.beside("costs.csv")
    if costs is not None:
        parts.append(Part("costs", "Costs", lambda: [costs_table(csv_file.read(costs, COSTS))]))
    return Section(study.name, study.title, tuple(parts), lead=study.question)


COSTS = dict.fromkeys(
    ("parameters", "embeddings", "mflops", "latency", "low", "high"), csv_file.finite
)


def fidelity(rows: DataFrame, measure: str) -> DataFrame:
    """A row for each text and size, a column for each arm."""
    seeds = rows.groupby("arm", sort=False)["seed"].nunique().to_dict()
    lines = []
    for text, told in TEXTS.items():
        for size in (*SIZES, "full"):
            own = rows[(rows["text"] == text) & (rows["size"] == size)]
            line = {"text": word(told), "size": word(size)}
            for arm in seeds:
                alone = (
                    arm == "alone" and size == "full"
                )  # what a stand-alone training leaves there
                found = [] if alone else list(own[measure][own["arm"] == arm])
                line[f"`{arm}`"] = over_seeds(found, 3) if found else word("")
            lines.append(line)
    told = ", ".join(f"{num} of `{arm}`" for arm, num in seeds.items())
    return table(
        lines,
        f"{MEASURES[measure][0].upper()}{MEASURES[measure][1:]}: mean over sentences, then over seeds [95 % interval of Student's t over seeds]. "
        f"Higher is better. Seeds: {told}.",
    )


def differences(rows: DataFrame) -> DataFrame:
    """One arm less another, on the same seeds."""
    lines = []
    for text, told in TEXTS.items():
        for size in SIZES:
            own = rows[(rows["text"] == text) & (rows["size"] == size)]
            by_arm = {arm: some.set_index("seed")["cosine"] for arm, some in own.groupby("arm")}
            line = {"text": word(told), "size": word(size)}
            for arm, other in PAIRS:
                values = (by_arm[arm] - by_arm[other]).dropna()
                line[f"`{arm}` − `{other}`"] = over_seeds(list(values), 3, signed=True)
            lines.append(line)
    return table(
        lines,
        "Difference of cosines, paired by seed; mean [95 % interval of Student's t over seeds that both have].",
    )


def seconds(rows: DataFrame) -> DataFrame:
    """Processor time of each arm for three sizes: of one training, or of three."""
    trained = rows[rows["cpu_seconds"] > 60]
    each = trained.drop_duplicates(["arm", "seed", "cpu_seconds"])
    lines = []
    for arm in each["arm"].unique():
        own = each[each["arm"] == arm]
        by_seed = own.groupby("seed")["cpu_seconds"]
        num = by_seed.count().max()
        per_seed = by_seed.sum()[by_seed.count() == num]  # seeds of which all trainings are there
        lines.append(
            {
                "arm": word(arm, code=True),
                "trainings for three sizes": number(num, 0),
                "CPU (minutes)": spread(list(per_seed / 60), 1),
            }
        )
    return table(
        lines,
        "Processor time of all trainings for the three sizes, on a machine that did other things too: mean over seeds [lowest, highest].",
    )


def costs_table(rows: DataFrame) -> DataFrame:
    lines = [
        {
            "size": word(row["size"]),
            "form": word("plain" if row["arm"] == "shared" else "between bottlenecks"),
            "weights (M)": number(row["parameters"] / 1e6, 1),
            "without embeddings (M)": number((row["parameters"] - row["embeddings"]) / 1e6, 2),
            "float32 file (MB)": number(4 * row["parameters"] / 1e6, 0),
            "MFLOPs": number(row["mflops"], 0),
            "latency (ms)": interval(row["latency"], row["low"], row["high"], 1),
        }
        for row in rows.to_dict("records")
    ]
    return table(
        lines,
        "One sentence of 32 tokens; 2 operations for each multiply-add; latency by onnxruntime with one thread, median [quartiles], "
        "sizes in turns. Lower is better.",
    )
