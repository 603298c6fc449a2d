"""The page in a browser: it renders, sorts, filters, brings arms out, and fits a phone."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import patience
import pytest
from made_up_study import write, write_study

from hypernas.reports import open_study, section_of
from hypernas.reports import page as page_of

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
WIDTHS = (360, 1280)
EARS = """<script>
const errors = [];
addEventListener("error", (event) => errors.push(event.message));
addEventListener("securitypolicyviolation", (event) => errors.push(event.blockedURI));
console.error = (...words) => errors.push(words.join(" "));
</script>"""
CHECK = """<script>
addEventListener("load", () => {
  const state = (table, column) => ({
    sorts: [...table.tHead.rows[0].cells].map((head) => head.getAttribute("aria-sort")),
    cells: [...table.tBodies[0].rows].map((row) => row.cells[column].dataset.value ?? null),
  });
  const table = document.querySelector("#bars-gap table");
  const button = table.tHead.rows[0].cells[1].querySelector("button");
  const found = { width: innerWidth, errors, states: [state(table, 1)] };
  for (let i = 0; i < 2; i++) {
    button.click();
    found.states.push(state(table, 1));
  }
  button.focus();
  found.focusable = document.activeElement === button;
  const names = table.tHead.rows[0].cells[0].querySelector("button");
  names.click();
  found.states.push(state(table, 0));

  const long = document.querySelector("#other-table .table[data-long]");
  const input = long.querySelector("input");
  input.value = "name1 7";
  input.dispatchEvent(new Event("input"));
  found.filtered = [...long.querySelectorAll("tbody tr:not([hidden])")].map((r) => r.cells[0].textContent);
  found.count = long.querySelector("output").textContent;
  input.value = "";
  input.dispatchEvent(new Event("input"));
  document.querySelector("#other-table thead th:nth-child(2) button").click();
  found.empty = state(long.querySelector("table"), 1).cells.at(-1);

  const section = document.querySelector("#bars");
  const arm = section.querySelector(".arms button");
  arm.click();
  found.lit = [...section.querySelectorAll("g.arm")].map((g) => [g.dataset.arm, getComputedStyle(g).opacity]);
  found.pressed = arm.getAttribute("aria-pressed");
  arm.click();
  found.focus = section.hasAttribute("data-focus");

  found.told = document.querySelector("#bars-ranking svg.wide title").textContent;
  found.shown = [...document.querySelectorAll("figure")].map((figure) =>
    [...figure.querySelectorAll("svg")].filter((svg) => svg.getBoundingClientRect().width > 100).length);
  found.ids = document.querySelectorAll("[id]").length - new Set([...document.querySelectorAll("[id]")].map((e) => e.id)).size;
  found.overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const other = document.querySelector("#other-table");
  found.more = other.querySelector(".more").textContent;
  found.faded = [...other.querySelector(".frame").attributes].map((a) => a.name).filter((n) => n.startsWith("data-"));
  found.whole = [...document.querySelectorAll(".frame")].filter((frame) => {
    const box = frame.querySelector(".box");
    const cut = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
    return cut === !frame.previousElementSibling.textContent;
  }).length;
  found.wide = [...document.querySelectorAll("body *")]
    .filter((e) => !e.closest(".box") && !e.closest("svg") && !e.matches(".skip"))
    .filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 80));
  parent.postMessage(found, "*");
});
</script>"""
FRAME = """<!doctype html><pre id="found"></pre>{frames}<script>
const found = [];
addEventListener("message", (event) => {{
  found.push(event.data);
  document.getElementById("found").textContent = JSON.stringify(found);
}});
</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    write_study(folder / "bars", arms=("shared", "mos_layer", "hypernas"), budgets=(1, 2, 4))
    rows = [
        {"name": f"name{i % 3}", "value": i if i else "", "words": "a long row of words " * 5}
        for i in range(20)
    ]
    write(folder / "other.csv", rows, "name value words")
    sections = [section_of(open_study(folder / name)) for name in ("bars", "other.csv")]
    return page_of(sections, title="Studies <and> runs")


@pytest.fixture(scope="module")
def found(page, tmp_path_factory):
    """What the page says of itself at each width."""
    if BROWSER is None:
        pytest.skip("there is no chromium to show the page with: apt-get install chromium")
    folder: Path = tmp_path_factory.mktemp("browser")
    head, body = '<meta http-equiv="Content-Security-Policy"', "</body>"
    assert head in page
    copy = page.replace(head, EARS + head, 1).replace(body, CHECK + body)
    (folder / "page.html").write_text(copy)
    frames = "".join(
        f'<iframe src="page.html" style="width: {width}px; height: 900px; border: 0"></iframe>'
        for width in WIDTHS
    )
    (folder / "frame.html").write_text(FRAME.format(frames=frames))
    flags = (
        "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --disable-dev-shm-usage"
    )
    done = subprocess.run(
        [
            *(BROWSER, *flags.split(), f"--user-data-dir={folder / 'profile'}"),
            *("--virtual-time-budget=20000", "--dump-dom", (folder / "frame.html").as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=patience.SECONDS,
        check=True,
    )
    text = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, flags=re.DOTALL)
    assert text is not None, done.stderr
    results = {result["width"]: result for result in json.loads(unescape(text[1]))}
    assert set(results) == set(WIDTHS)
    return results


def test_the_page_asks_nothing_of_a_network(page):
    assert not re.findall(r'(?:src|href|action)="(?!#|data:image/png;base64,)[^"]*"', page)
    assert not re.findall(r"url\((?!#)[^)]*\)|@import|http-equiv=\"refresh\"", page)
    assert "Studies &lt;and&gt; runs" in page


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_renders_without_an_error_or_a_name_given_twice(found, width):
    assert found[width]["errors"] == []
    assert found[width]["ids"] == 0
    assert found[width]["shown"] == [1, 1, 1, 1]  # one of two drawings of each figure


def test_points_say_which_subnet_they_are(found):
    assert re.fullmatch(
        r"shared, smallest: inherited \d\d\.\d\d, stand-alone \d\d\.\d\d, 0\.\d+ MMACs",
        found[1280]["told"],
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(found, width):
    assert found[width]["overflow"] == 0
    assert found[width]["wide"] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_a_table_that_goes_on_beyond_its_box_says_so(found, width):
    assert found[width]["whole"] == 0  # tables whose words do not agree with how they are cut
    assert found[width]["more"].startswith("Scroll")
    assert "data-below" in found[width]["faded"]
    assert ("data-right" in found[width]["faded"]) == (width == 360)


def test_a_click_on_a_column_sorts_by_it_up_and_then_down(found):
    before, up, down, names = found[1280]["states"]
    assert before["sorts"] == [None, None, None, None]
    assert up["sorts"] == [None, "ascending", None, None]
    assert down["sorts"] == [None, "descending", None, None]
    assert names["sorts"] == ["ascending", None, None, None]
    values = sorted(map(float, before["cells"]))
    assert list(map(float, up["cells"])) == values
    assert list(map(float, down["cells"])) == values[::-1]
    assert names["cells"] == ["hypernas", "mos_layer", "shared"]
    assert found[1280]["focusable"]


def test_empty_cells_stay_last(found):
    assert found[1280]["empty"] is None


def test_a_filter_keeps_the_rows_with_all_its_words(found):
    assert found[1280]["filtered"] == ["name1"]
    assert found[1280]["count"] == "1 of 20 rows"


def test_an_arm_can_be_brought_out_and_let_go(found):
    assert found[1280]["pressed"] == "true"
    assert found[1280]["lit"]
    assert not found[1280]["focus"]
