"""Verdicts on guesses: a function a question, whose row goes to `results.csv` as soon as it is there."""

import csv
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

RESULTS = Path(__file__).parent / "results.csv"
FIELDS = ["number", "verdict", "figure", "versions", "seconds", "first"]
Question = Callable[[], tuple[bool, str]]  # whether the guess held, and the figure


def answer(questions: Mapping[int, Question], packages: str = "torch") -> None:
    """Run the questions that the command line names, or all, in order.

    One whose function fails is "not run", with the error's words: a guess about an error catches it itself.
    """
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    wanted = {int(number) for number in sys.argv[1:]} or set(questions)
    for number, question in questions.items():
        if number not in wanted:
            continue
        started = time.perf_counter()
        try:
            held, figure = question()
            verdict = "held" if held else "missed"
        except Exception as error:
            verdict, figure = "not run", words(error)
        seconds = f"{time.perf_counter() - started:.1f}"
        row = [str(number), verdict, figure, versions(packages), seconds, ""]
        write(dict(zip(FIELDS, row, strict=True)))
        print(*row, flush=True)


def words(error: BaseException, most: int = 200) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:most]}"


def versions(packages: str) -> str:
    found = []
    for name in packages.split():
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join(found)


def write(row: Mapping[str, str]) -> None:
    """Put a row in its place; one that was missed, and holds since something was mended, keeps its first figure."""
    rows = {r["number"]: r for r in csv.DictReader(RESULTS.open())} if RESULTS.exists() else {}
    known = rows.get(row["number"], {})
    first = known.get("first") or (
        known.get("figure", "") if known.get("verdict") == "missed" else ""
    )
    rows[row["number"]] = {**row, "first": first if row["verdict"] == "held" else ""}
    with RESULTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[number] for number in sorted(rows, key=int))
