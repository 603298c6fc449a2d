"""Tables of the pages that no study's report makes are worked out again."""

import csv
import importlib.util

import pytest
from pages import PAGES, ROOT


def study(name: str):
    """A study's module, and the rows of its results."""
    with (ROOT / "experiments" / name / "results.csv").open() as file:
        return script(name), list(csv.DictReader(file))


def script(name: str):
    """A study's module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "experiments" / name / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_what_ranks_send_is_worked_out_again():
    scale = script("scale")
    text = PAGES["docs/devices.md"].read_text()
    assert text.split(scale.BEGIN)[1].split(scale.END)[0].strip() == scale.table()


def test_the_table_of_what_collectives_load_is_worked_out_again():
    planning = script("planning")
    page = PAGES["docs/planning.md"].read_text()
    for line in planning.table(planning.of_ranks(64)).splitlines():
        assert line in page.split(planning.BEGIN)[1].split(planning.END)[0]


def test_every_generator_whose_costs_were_measured_is_still_configured():
    costs, rows = study("generators")
    measured = {row["generator"] for row in rows}
    assert len(measured) >= 15  # a new one need not be among them
    assert measured <= set(costs.GENERATORS)


@pytest.mark.parametrize("name", ["shared", "mos_layer", "hypernas", "acdc"])
def test_what_generators_say_of_themselves_is_up_to_date(name):
    costs, rows = study("generators")
    (row,) = [r for r in rows if r["generator"] == name and r["space"] == "conv2d"]
    described = costs.generator_of(name, costs.space_of("conv2d")).describe()
    assert int(row["stored"]) == described.num_stored
    assert int(row["weights"]) == described.num_generated
    assert row["how"] in described.assignment.values()
