"""What steps for each entry change against those as they are."""

from statistics import fmean, stdev

from pandas import DataFrame
from scipy.special import stdtrit

from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.table import number, table, word


def section(study: Study) -> Section:
    rows = csv_file.read(study.path, {"accuracy": csv_file.finite})
    parts = (Part("accuracy", "Accuracy", lambda: [accuracy(rows)]),)
    return Section(study.name, study.title, parts, lead=study.question)


def accuracy(rows: DataFrame) -> DataFrame:
    lines = []
    for (name, one_in, subnet), own in rows.groupby(["generator", "one_in", "subnet"], sort=False):
        by_arm = {arm: part.set_index("seed")["accuracy"] for arm, part in own.groupby("arm")}
        apart = [100 * value for value in (by_arm["per_entry"] - by_arm["as_is"]).dropna()]
        half = float(stdtrit(len(apart) - 1, 0.975)) * stdev(apart) / len(apart) ** 0.5
        mean = fmean(apart)
        lines.append(
            {
                "generator": word(name, code=True),
                "random in": word(f"1 of {one_in} steps"),
                "subnets": word(subnet),
                "as it is (%)": number(100 * by_arm["as_is"].mean(), 1),
                "per entry (%)": number(100 * by_arm["per_entry"].mean(), 1),
                "difference (points)": word(
                    f"{mean:+.1f} [{mean - half:+.1f}, {mean + half:+.1f}]"
                ),
            }
        )
    return table(
        lines,
        f"Test accuracy; difference with a 95 % interval over {len(apart)} seeds (Student's t).",
    )
