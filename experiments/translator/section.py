"""What the results say: BLEU and chrF by length of the sentence."""

from pandas import DataFrame

from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.table import number, table, word

NUMBERS = ("steps", "parameters", "beam", "sentences", "bleu", "chrf")


def section(study: Study) -> Section:
    rows = csv_file.read(study.path, dict.fromkeys(NUMBERS, csv_file.finite))
    part = Part("lengths", "By length of the sentence", lambda: [lengths_table(rows)])
    return Section(study.name, study.title, (part,), lead=study.question)


def lengths_table(rows: DataFrame) -> DataFrame:
    lines = []
    for words, own in rows.groupby("words", sort=False):
        line = {"words of the source": word(str(words)), "sentences": number(own["sentences"].iloc[0], 0, grouped=True)}  # fmt: skip
        for _, one in own.iterrows():
            kind = "greedy" if one["beam"] == 1 else f"beam {one['beam']:.0f}"
            line |= {f"BLEU, {kind}": number(one["bleu"], 1), f"chrF, {kind}": number(one["chrf"], 1)}  # fmt: skip
        lines.append(line)
    signatures = [rows[f"{name}_signature"].iloc[0] for name in ("bleu", "chrf")]
    return table(
        lines,
        f"Test sentences by words of the source; {rows['parameters'].iloc[0]:,.0f} parameters, {rows['steps'].iloc[0]:,.0f} steps. "
        f"sacrebleu: {', '.join(signatures)}.",
    )
