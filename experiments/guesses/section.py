"""What became of the guesses."""

from pandas import DataFrame

from hypernas.evaluation import kendall_tau
from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.table import number, table, word

STAND_INS = {"flops": "FLOPs", "memory": "peak memory", "parameters": "parameters"}
STAND_INS |= {"eager_1": "eager torch, batch 1"}
ENGINES = {
    "eager": "torch",
    "compiled": "torch, compiled",
    "onnx": "onnxruntime",
    "int8": "onnxruntime, int8, signed activations",
    "uint8": "onnxruntime, int8, unsigned activations",
}


def section(study: Study) -> Section:
    results = csv_file.read(study.path, {})
    names = ("guesses", "coverage", "adapters", "latencies")
    beside = [study.beside(f"{name}.csv") for name in names]
    guesses, coverage, adapters, latencies = (csv_file.read(path, {}) for path in beside if path)
    parts = (
        Part("verdicts", "Verdicts", lambda: [verdicts(guesses, results)]),
        Part("coverage", "Coverage", lambda: [covered(coverage)]),
        Part("adapters", "Adapters", lambda: [adapted(adapters)]),
        Part("latencies", "What ranks latencies", lambda: [ranked(latencies)]),
    )
    return Section(study.name, study.title, parts, lead=study.question)


def verdicts(guesses: DataFrame, results: DataFrame) -> DataFrame:
    known = {row["number"]: row for row in results.to_dict("records")}
    lines = []
    for guess in guesses.to_dict("records"):
        row = known.get(guess["number"], {"verdict": "not run", "figure": "", "first": ""})
        verdict = "missed, mended" if row["first"] else row["verdict"]
        lines.append(
            {
                "": word(guess["number"]),
                "question": word(guess["question"]),
                "guess": word(guess["guess"]),
                "verdict": word(verdict),
                "figure": word((row["first"] or row["figure"])[:230]),
            }
        )
    return table(lines, "Guesses, written down before their runs, and what came of them.")


def covered(rows: DataFrame) -> DataFrame:
    lines = []
    for (interval, seeds), own in rows.groupby(["interval", "seeds"], sort=False):
        shares = {
            row["case"]: number(100 * float(row["coverage"]), 1) for row in own.to_dict("records")
        }
        lines.append({"interval": word(interval), "seeds": word(seeds), **shares})
    return table(
        lines,
        "How often (%) intervals that say 95 % hold the truth, for a mean over 16 subnets; 1,500 simulations each.",
    )


def adapted(rows: DataFrame) -> DataFrame:
    lines = [
        {
            "family": word(row["family"]),
            "weights under adapters": word(row["share"]),
            "weights of experts": word(row["of_experts"] or "none"),
            "on experts": word({"True": "yes", "False": "no"}.get(row["experts"], "")),
            "on routers": word({"True": "yes", "False": "no"}.get(row["routers"], "")),
            "rank as a choice": word(row["rank"]),
        }
        for row in rows.to_dict("records")
    ]
    return table(
        lines,
        'Shares of the weights that PEFT\'s `target_modules="all-linear"` puts adapters on, and the law on the rank.',
    )


def ranked(rows: DataFrame) -> DataFrame:
    lines = []
    for way in [n for n in rows if n not in ("space", "subnet", "flops", "memory", "parameters")]:
        found = {}
        for space, own in rows.groupby("space", sort=False):
            own = own[own[way] != ""].astype(dict.fromkeys((*STAND_INS, way), float))
            found[space] = {name: kendall_tau(list(own[name]), list(own[way])) for name in STAND_INS}  # fmt: skip
        engine, size, *two = str(way).split("_")
        told = {
            label: word(" / ".join(f"{taus[name]:.2f}" for taus in found.values()))
            for name, label in STAND_INS.items()
            if name != way
        }
        told = dict.fromkeys(STAND_INS.values(), word("–")) | told
        batch = {"batch": word(size), "threads": word("2" if two else "1")}
        lines.append({"engine": word(ENGINES[engine]), **batch, **told})
    spaces = ", ".join(rows["space"].unique())
    return table(
        lines,
        f"Kendall's tau of what stands in for a latency with the latency, in {spaces}: 40 random subnets each (compiled: 12) of 24 x 24 images.",
    )
