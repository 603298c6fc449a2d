from hypernas.reports.study import open_study


def test_the_question_of_a_study_is_told_without_the_links_of_its_readme(tmp_path):
    (tmp_path / "results.csv").write_text("")
    (tmp_path / "README.md").write_text(
        "# name: title\n\n**Question.** Is [that one](../that/README.md) right,\nor [this](a.md)?\n\nNo.\n"
    )
    study = open_study(tmp_path)
    assert study.title == "name: title"
    assert study.question == "Is that one right, or this?"
