"""The table of kinds of hypernetworks: made anew, and run forward and backward."""

import re
from functools import cache
from typing import Any, get_args

import pytest
import torch
from pages import PAGES, snippets

from hypernas.conditions import drawn
from hypernas.generators.taxonomy import Input, Network, Outputs, Taxonomy, Variability

PAGE = "docs/taxonomy.md"
ROWS = re.findall(
    r"^\|[^|`]*\|([^|`]*)\| `(.+?)` \| (?:`(.+?)`|–) \| ?(.*?) ?\|$",
    PAGES[PAGE].read_text(),
    flags=re.MULTILINE,
)


@cache
def names() -> dict[str, Any]:
    """What the first block of Python on the page defines."""
    found: dict[str, Any] = {}
    exec(snippets(PAGE, "python")[0], found)
    return found


def made(example: str, condition: str) -> tuple[Any, Any, Taxonomy]:
    """A generator, its condition, and what it says of itself."""
    generator = eval(example, names())
    own = eval(condition, names()) if condition else None
    (taxonomy,) = generator.describe(condition=own.kinds if own else ()).taxonomies
    return generator, own, taxonomy


@pytest.mark.parametrize(("cell", "example", "condition", "told"), ROWS)
def test_an_example_says_what_the_table_does_and_all_its_parameters_learn(
    cell, example, condition, told
):
    generator, own, taxonomy = made(example, condition)
    assert str(taxonomy).removeprefix("hypernetwork: ") == told, cell
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():  # where gates start at zero, nothing behind them learns at once
        for parameter in generator.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=rng))
    images = names()["images"]
    value = None if own is None else drawn(own, images, rng)
    subnet = generator.subnet(generator.space.largest(), value)
    generator.train().call(subnet, images).square().mean().backward()
    gradients = {n: p.grad for n, p in generator.named_parameters()}
    assert all(g is not None and g.isfinite().all() for g in gradients.values()), gradients
    assert [n for n, g in gradients.items() if not g.any()] == []


def test_every_cell_of_the_five_criteria_has_an_example():
    found = [made(example, condition)[2] for _, example, condition, _ in ROWS]
    assert len(found) == 18
    assert {kind for own in found for kind in own.inputs} == {*get_args(Input)} - {"condition"}
    assert any(len(own.inputs) > 2 for own in found)
    assert {own.outputs for own in found} == {*get_args(Outputs)}
    assert {own.network for own in found} == {*get_args(Network)}
    assert {own.input_variability for own in found} == {*get_args(Variability)}
    assert {own.output_variability for own in found} == {*get_args(Variability)}
