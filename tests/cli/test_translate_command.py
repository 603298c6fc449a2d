"""`hypernas translate`: a line in, a line out, and measures of a split."""

import io
import itertools
from pathlib import Path

import pytest
from pandas import read_csv

import hypernas

WHO = {"Tom": "Tomás", "she": "ella", "he": "él", "Ann": "Ana", "Bob": "Beto"}
DOES = {"sees": "ve", "wants": "quiere", "has": "tiene", "buys": "compra"}
WHAT = {"a cat": "un gato", "bread": "pan", "it": "eso", "two cars": "dos coches"}
PAIRS = [*itertools.product(WHO.items(), DOES.items(), WHAT.items())]
SPACE = [
    *("space=seq2seq", "space.padding=0", "space.encoder_depths=[1]", "space.decoder_depths=[1,2]"),
    *("space.encoder_dims=[16]", "space.decoder_dims=[16]", "space.qkv_dim=16", "space.attend=[1]"),
]


@pytest.fixture
def trained(run, tmp_path):
    lines = [f"{a} {b} {c}.\t{x} {y} {z}." for (a, x), (b, y), (c, z) in PAIRS]
    (tmp_path / "spa.txt").write_text("\n".join(lines))
    data = ["data=translation", f"data.root={tmp_path}", "data.vocabulary=320", "data.length=20"]
    options = ["data.num_held_out=8", "training.steps=3", "training.batch_size=8", "device=cpu"]
    options += ["objective=translation_quality"]
    status, _, error = run("train", *data, *options, *SPACE, f"hydra.run.dir={tmp_path}/it")
    assert status == 0, error
    return tmp_path / "it"


def test_sentences_come_back_a_line_each_with_what_they_took(run, trained, monkeypatch):
    given = [f"run={trained}", "device=cpu", "beam=2"]
    status, out, error = run("translate", *given, "text=Tom has bread.")
    assert status == 0
    assert len(out.splitlines()) == 1
    assert "parameters" in error
    assert "ms a sentence" in error
    monkeypatch.setattr("sys.stdin", io.StringIO('Tom has bread.\n\nIsn\'t it, "Ann"?\n'))
    status, several, error = run("translate", *given, "architecture=[smallest,largest]")
    assert status == 0, error
    several = several.splitlines()
    assert len(several) == 4
    whole = [*hypernas.translate(trained, "Tom has bread.", beam=2, device="cpu")]
    assert out.splitlines() == whole[0].texts == several[2:3]


def test_an_architecture_may_be_like_another_but_for_some_choices(trained):
    given = [{"like": "largest", "decoder_depth": 1}, "largest"]
    one, largest = hypernas.translate(trained, "it", architectures=given, beam=1, device="cpu")
    assert one.architecture["decoder_depth"] == 1
    assert largest.architecture["decoder_depth"] == 2
    assert one.architecture.items() - largest.architecture.items() == {("decoder_depth", 1)}


def test_a_split_is_measured_with_signatures_and_written_where_nothing_is_lost(
    run, trained, tmp_path
):
    given = [f"run={trained}", "device=cpu", "beam=1", "split=test", f"out={tmp_path}/bleu.csv"]
    status, out, _ = run("translate", *given, "architecture=[smallest,largest]")
    assert status == 0
    assert out.count("bleu ") == 4
    assert "|version:" in out
    rows = read_csv(tmp_path / "bleu.csv")
    assert rows["words"].tolist() == ["all", "1-4", "all", "1-4"]
    lengths = rows.groupby(rows["words"] == "all")["sentences"].sum()
    assert lengths[True] == lengths[False]
    table = (tmp_path / "bleu.csv").read_text()
    assert run("translate", *given)[0] == 2
    assert (tmp_path / "bleu.csv").read_text() == table


def test_translators_are_evaluated_and_reported_as_other_subnets_are(run, trained):
    table = hypernas.evaluate(trained, subnets=0, device="cpu")
    assert list(table["subnet"]) == ["smallest", "largest"]
    assert (table[["cross_entropy", "mflops"]] > 0).all(axis=None)
    status, _, error = run("report", trained, "--out", "page.html")
    assert status == 0, error
    assert "spa" in Path("page.html").read_text()


def test_what_cannot_be_translated_is_refused(run, trained):
    for given, told in (
        (["text=Tom", "split=test"], "text= or split=, not both"),
        (["text=Tom", "out=a.csv"], "for the measures of a split"),
        (["split=train"], "split must be one of validation, test"),
        (["text=Tom", "beam=0"], "beam and longest must be 1 or more"),
        (["text=Tom", "architecture=[{depth: 1}]"], "depth"),
    ):
        status, _, error = run("translate", f"run={trained}", "device=cpu", *given)
        assert status == 2
        assert told in error


def test_a_run_on_other_data_is_refused(run, tmp_path):
    folder = tmp_path / "digits"
    options = ["space=mlp", "training.steps=1", "device=cpu", f"hydra.run.dir={folder}"]
    assert run("train", "experiment=fast", *options)[0] == 0
    status, _, error = run("translate", f"run={folder}", "text=Tom")
    assert status == 2
    assert "expected a run on pairs of sentences" in error


def test_subnets_are_searched_by_what_they_write(run, trained, tmp_path):
    given = [f"run={trained}", "device=cpu", "objectives=[chrf,parameters]", "search=random"]
    status, _, error = run("search", *given, "evaluations=3", f"hydra.run.dir={tmp_path}/found")
    assert status == 0, error
    front = tmp_path / "found" / "front.json"
    told = read_csv(tmp_path / "found" / "search.csv").set_index("architecture")["chrf"]
    options = {"subnets": 0, "split": "validation", "device": "cpu"}
    table = hypernas.evaluate(trained, architectures=[str(front)], **options)
    assert table["chrf"].tolist() == pytest.approx(told[table["architecture"]].tolist())
    assert table["chrf"].min() > 0
