from pathlib import Path

import pytest

from hypernas.reports.markdown import markers, refill

PATH = Path("README.md")
TEXT = """# Study

<!-- report: gap -->
old
<!-- end -->

```md
<!-- report: shown -->
<!-- end -->
```

<!-- report: other/ranking -->
<!-- end -->
words `<!-- report: said -->` in a line
"""


def test_markers_are_found_outside_code_and_only_on_lines_of_their_own():
    assert [name for name, _, _ in markers(TEXT, PATH)] == ["gap", "other/ranking"]


def test_what_stands_between_markers_is_replaced_and_all_else_kept():
    text, stale = refill(TEXT, PATH, {"gap": "new\nlines", "other/ranking": "more"}.get)
    assert stale == ["gap", "other/ranking"]
    assert text == TEXT.replace("\nold\n", "\nnew\nlines\n").replace(
        "<!-- report: other/ranking -->\n", "<!-- report: other/ranking -->\nmore\n"
    )
    assert refill(text, PATH, {"gap": "new\nlines", "other/ranking": "more"}.get) == (text, [])


def test_a_marker_for_which_nothing_is_made_is_left_alone():
    assert refill(TEXT, PATH, lambda name: None) == (TEXT, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "\n<!-- report: gap -->\nold\n",
            "README.md, line 2: .* the file ends before <!-- end -->",
        ),
        ("<!-- report: a -->\n<!-- report: b -->\n<!-- end -->\n", "line 2 opens another"),
    ],
)
def test_a_marker_that_is_not_closed_is_refused(text, expected):
    with pytest.raises(ValueError, match=expected):
        markers(text, PATH)
