import math

from hypernas.reports.table import (
    embolden,
    interval,
    markdown,
    number,
    spread,
    table,
    word,
)


def test_a_table_is_written_as_markdown():
    cells = embolden([number(0.5), number(-0.25), number(math.nan)])
    row = {"arm": word("x|y", code=True), **dict(zip("abc", cells, strict=True))}
    assert markdown([table([row], "Gap in points.")]) == (
        "Gap in points.\n\n"
        "| arm | a | b | c |\n"
        "|---|---:|---:|---|\n"
        "| `x\\|y` | 0.50 | **−0.25** | – |"
    )


def test_numbers_have_a_true_minus_no_negative_zero_and_signs_if_wanted():
    assert number(-0.001).text == "0.00"
    assert number(-1.25, 1).text == "−1.2"
    assert number(0.3, 1, signed=True).text == "+0.3"
    assert number(12345.6, 0, grouped=True).text == "12,346"


def test_an_interval_is_left_out_where_it_is_not_known():
    assert interval(1, 0.5, 1.5).text == "1.00 [0.50, 1.50]"
    assert interval(1, math.nan, math.nan).text == "1.00"
    assert interval(-1, -2, 0.5, 1, signed=True).text == "−1.0 [−2.0, +0.5]"


def test_the_best_is_bold_only_where_there_is_a_choice():
    assert [c.strong for c in embolden([number(2), number(1), number(1)])] == [False, True, True]
    assert [c.strong for c in embolden([number(2), number(1)], highest=True)] == [True, False]
    assert [c.strong for c in embolden([number(2), number(None)])] == [False, False]


def test_a_spread_is_the_mean_with_the_lowest_and_the_highest_of_several():
    assert spread([1.0, -0.5, 2.5], 1).text == "1.0 [−0.5, 2.5]"
    assert spread([0.25], signed=True).text == "+0.25"


def test_rows_of_named_cells_make_a_frame_of_their_columns_with_a_caption():
    rows = [{"a": word("x"), "b": number(1.0)}, {"a": word("y"), "b": number(2.0)}]
    made = table(rows, "Both.")
    assert made.to_dict("records") == rows
    assert made.attrs["caption"] == "Both."
