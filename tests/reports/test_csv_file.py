import pytest
from pandas import DataFrame

from hypernas.reports import csv_file

PARSERS = {"arm": csv_file.word, "seed": csv_file.whole, "value": csv_file.finite}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.csv"


def test_cells_are_parsed_and_further_columns_kept_as_text(path):
    path.write_text("arm,seed,value,note\nshared,3,0.5,07\n")
    assert csv_file.read(path, PARSERS).to_dict("records")[0] == {
        "arm": "shared",
        "seed": 3,
        "value": 0.5,
        "note": "07",
    }


def test_misfits_are_named_by_file_line_and_column_in_one_message(path):
    path.write_text("arm,seed,value\nshared,x,0.5\n,1,nan\nshared,1\n")
    with pytest.raises(ValueError, match=r"results\.csv is broken") as error:
        csv_file.read(path, PARSERS)
    assert str(error.value).splitlines()[1:] == [
        "  line 2, column seed: expected an integer, got 'x'",
        "  line 3, column arm: expected a name, got ''",
        "  line 3, column value: expected a finite number, got 'nan'",
        "  line 4: expected 3 cells, got 2",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is empty"),
        ("arm,seed\na,1\n", r"lacks the columns \['value'\]"),
        ("arm,arm\na,b\n", r"line 1: the columns \['arm'\] stand there more than once"),
        ("arm,seed,value\n", "has no rows"),
    ],
)
def test_a_file_of_another_form_is_refused(path, text, expected):
    path.write_text(text)
    with pytest.raises(ValueError, match=expected):
        csv_file.read(path, PARSERS)


def test_an_architecture_is_a_json_object():
    assert csv_file.mapping('{"width": 8}') == {"width": 8}
    for text in ("8", "{width: 8}"):
        with pytest.raises(ValueError, match="expected a JSON object"):
            csv_file.mapping(text)


def test_rows_of_one_key_are_refused_if_there_are_two_or_they_contradict_each_other(path):
    rows = DataFrame({"arm": ["a", "a"], "seed": [0, 0], "value": [1.0, 2.0]})
    with pytest.raises(ValueError, match="two rows for arm a, seed 0"):
        csv_file.distinct(rows, ("arm", "seed"), path)
    with pytest.raises(
        ValueError, match=r"column value: expected one value for arm a, got 1\.0 and"
    ):
        csv_file.agree(rows, ("arm",), ("value",), path)
    csv_file.agree(DataFrame({"a": [float("nan")] * 2}), (), ("a",), path)


@pytest.mark.parametrize("content", [b"arm,seed\n\xff\xfe,1\n", b"arm\n" + b"a" * 200_000, b"\x80"])
def test_what_is_no_text_or_no_table_is_refused_by_name(path, content):
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"results\.csv is broken after line \d: expected CSV in UTF-8"
    ):
        csv_file.read(path)
