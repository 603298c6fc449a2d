"""What the results say: a table of models."""

from pandas import DataFrame

from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.table import Cell, number, table, word

NUMBERS = ("parameters", "verdicts", "holds", "cured", "undecided", "seconds")


def section(study: Study) -> Section:
    rows = csv_file.read(study.path, dict.fromkeys(NUMBERS, csv_file.finite))
    parts = (
        Part("models", "Models", lambda: [models_table(rows)]),
        Part("layouts", "Layouts", lambda: [layouts_table(rows)]),
        Part("undecided", "Undecided and refused", lambda: [undecided_table(rows)]),
    )
    if path := study.beside("experts.csv"):
        families = csv_file.read(path, {"wrong": csv_file.number})
        parts += (Part("experts", "Experts", lambda: [experts_table(families)]),)
    if path := study.beside("classes.csv"):
        kinds = csv_file.read(path, {})
        parts += (
            Part("classes", "Model classes", lambda: [classes_table(kinds)]),
            Part("doubtful", "Model classes in doubt", lambda: [doubtful_table(kinds)]),
            Part("unbuilt", "Model classes not built", lambda: [unbuilt_table(kinds)]),
        )
    return Section(study.name, study.title, parts, lead=study.question)


def models_table(rows: DataFrame) -> DataFrame:
    lines = [
        {
            "model: choices": word(f"{row['model'].split(':')[0]}: {row['choices']}"),
            "architectures": number(row["verdicts"], 0),
            "law holds": number(row["holds"], 0),
            "under layouts found": number(row["cured"], 0),
            "undecided": number(row["undecided"], 0),
            "check (s)": number(row["seconds"], 1),
            "loss": word(row["trains"].replace(" to ", " → ")),
            "start": word(_short(row["start"]).replace(" ", ", ")),
            "exports": word(
                ", ".join(_short(row[kind]) for kind in ("safetensors", "pt2", "onnx"))
            ),
        }
        for row in rows.to_dict("records")
    ]
    lines.append(_total(rows))
    return table(
        lines,
        "Architectures that were put to the law (the smallest, each other value of each choice, four random ones); loss of the smallest "
        "subnet over 20 steps; largest difference of outputs at a start from a module (`shared`, `hypernas`, `mos_layer`) and of exports "
        "(.safetensors, .pt2, .onnx) from `generator.call`.",
    )


def _total(rows: DataFrame) -> dict[str, Cell]:
    sums = {key: number(rows[key].sum(), 0) for key in ("verdicts", "holds", "cured", "undecided")}
    return {
        "model: choices": word(f"all {len(rows)}"),
        "architectures": sums["verdicts"],
        "law holds": sums["holds"],
        "under layouts found": sums["cured"],
        "undecided": sums["undecided"],
        "check (s)": number(rows["seconds"].sum(), 1),
        "loss": word(""),
        "start": word(""),
        "exports": word(""),
    }


def layouts_table(rows: DataFrame) -> DataFrame:
    lines = [
        {"model": word(row["model"]), "layouts found": word(row["layouts"], code=True)}
        for row in rows.to_dict("records")
        if row["layouts"]
    ]
    return table(lines, "Layouts under which the law holds, found without a name.")


def undecided_table(rows: DataFrame) -> DataFrame:
    lines = []
    for row in rows.to_dict("records"):
        if row["because"]:
            lines.append({"model": word(row["model"]), "what": word(f"law: {row['because']}")})
        lines += [
            {"model": word(row["model"]), "what": word(f"{kind}: {row[kind]}")}
            for kind in ("trains", "start", "safetensors", "pt2", "onnx")
            if "Error" in row[kind]
        ]
    return table(
        lines,
        "Reasons of what is undecided (the first of each model) and words of what is refused.",
    )


def experts_table(rows: DataFrame) -> DataFrame:
    lines = [
        {
            "family": word(row["family"]),
            "gates and values": word(row["axes"]),
            "width": word(row["width"]),
            "number": word(row["number"]),
            "wrong": number(row["wrong"], 0),
            "because": word(row["because"]),
        }
        for row in rows.to_dict("records")
    ]
    return table(
        lines,
        "Mixture-of-experts language models of transformers: where gates and values lie (E experts, I inner, H outer channels), the worst "
        "verdict on the width of experts and on their number, and layers of which another part is cut than has a gradient.",
    )


STATES = ("holds", "cured", "refused", "undecided")


def classes_table(rows: DataFrame) -> DataFrame:
    built = rows[rows["kind"] != ""]
    lines = []
    for kind, own in built.groupby("kind"):
        counts = {s: number((own["state"] == s).sum(), 0) for s in STATES}
        silent = own[own["state"].isin(["holds", "cured"])]
        told = {w: number((silent["wrong"] == v).sum(), 0) for w, v in WITNESS.items()}
        lines.append({"what is cut": word(kind), "classes": number(len(own), 0), **counts, **told})
    num, all_num = built["class"].nunique(), rows["class"].nunique()
    num_types, all_types = built["type"].nunique(), rows["type"].nunique()
    return table(
        lines,
        f"{num} of {all_num} model classes of transformers 5.24.0 that were tried could be built, of {num_types} of {all_types} model types: verdicts of the law on "
        f"one choice, and what a witness without the law says of those that hold or are cured.",
    )


WITNESS = {"witness: right": "0", "suspects": "1", "cannot tell": "not told"}


def doubtful_table(rows: DataFrame) -> DataFrame:
    doubtful = rows[rows["state"].isin(["undecided", "refused"]) | (rows["wrong"] == "1")]
    lines = [
        {
            "class": word(row["class"]),
            "choice": word(row["choice"], code=True),
            "state": word(row["state"]),
            "because": word(row["because"][:140]),
            "witness": word({"1": "suspects", "0": "right"}.get(row["wrong"], "cannot tell")),
        }
        for row in doubtful.to_dict("records")
    ]
    return table(lines, "What is undecided, refused, or suspected by the witness.")


def unbuilt_table(rows: DataFrame) -> DataFrame:
    lines = [
        {"class": word(row["class"]), "reason": word(row["because"][:170])}
        for row in rows[rows["kind"] == ""].to_dict("records")
    ]
    return table(
        lines, "Classes that no small settings of the loop built or ran, with the first reason."
    )


def _short(text: str) -> str:
    return "refused" if "Error" in text else text
