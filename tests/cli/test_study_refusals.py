"""What cannot be studied is refused."""

import pytest
from tiny_study import Here


def refused(result: tuple[int, str]) -> str:
    """The one message of a refusal."""
    status, error = result
    assert status == 2, error
    assert error.count("hypernas: ") == 1
    assert "Traceback" not in error
    return error.split("hypernas: ")[1]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("arms=[shared,shraed]", "arms: expected of ['shared', 'shared_single', "),
        ("arms=shared", "arms: expected a list of one or more, each once, got 'shared'"),
        ("arms=[]", "arms: expected a list of one or more"),
        ("seeds=[0,0]", "seeds: expected a list of one or more, each once, got [0, 0]"),
        ("seeds=[one]", "seeds: expected integers, got ['one']"),
        ("seeds=3", "seeds: expected a list of one or more, each once, got 3"),
        ("budgets=[0]", "budgets: expected positive numbers, got [0]"),
        ("budgets=[0.001]", "a budget of 0.001 is less than one step"),
        ("study.learning_rates=[]", "learning_rates: expected a list of one or more"),
        ("study.tuning={1:[]}", "tuning.1: expected a list of one or more"),
        ("study.tuning=5", "tuning: expected positive budgets, each with a list of seeds, got 5"),
        ("study.tuning={1:[a]}", "tuning.1: expected integers, got ['a']"),
        ("+study.tuning={-1:[1]}", "tuning: expected positive budgets"),
        ("scale=tpu", "scale must be one of ['cpu', 'gpu'], got 'tpu'"),
        ("split=train", "split: expected validation or test, got 'train'"),
        (
            "study.measure=loss",
            "measure: expected one of ['accuracy', 'cross_entropy'], of CrossEntropy",
        ),
        ("study.plateau_subnets=4", "plateau_subnets: expected at most the 3 subnets, got 4"),
        ("study.subnets=30", "as many as the space has, got 30"),
        ("study.reference_steps=0", "reference_steps: expected 1 or more, got 0"),
        ("study.recipe=['training.batch_size=8']", "recipe changes training.batch_size"),
        ("+study.arms.standalone=[]", "standalone is the name of stand-alone training"),
        ("+study.budgest=[1]", "missing or unknown: ['budgest']"),
        ("workers=0", "workers must be 1 or more, got 0"),
        ("study.settings=['data=fashion_mnist','data.root=nowhere']", "no train-images-idx3"),
        ("study.settings=['generator=magic']", "generator/magic"),
    ],
)
def test_a_setting_that_is_wrong_is_refused_before_anything_is_computed(
    study, tmp_path, setting, expected
):
    assert expected in refused(study(setting))
    assert list(tmp_path.iterdir()) == []


def test_a_misspelt_arm_is_refused_before_stand_alone_training(study, tmp_path):
    message = refused(study("+study.arms.mine=['generator=mine']", "arms=[mine]"))
    assert "generator/mine" in message
    assert list(tmp_path.iterdir()) == []


def test_an_arm_that_nobody_teaches_is_refused_before_stand_alone_training(study, tmp_path):
    arm = "+study.arms.untaught=['objective=distillation','sampling=uniform']"
    assert "draws no step that begins with it" in refused(study(arm, "arms=[untaught]"))
    assert list(tmp_path.iterdir()) == []


def test_a_study_that_is_not_there_is_refused_with_those_there_are(study):
    message = refused(study("study=gap_conv3d"))
    assert "study/gap_conv3d" in message
    assert "gap_transformer" in message


def test_results_of_something_else_are_not_written_over(study, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results.csv").write_text("arm,accuracy\nshared,0.9\n")
    assert "is not of a study of digits" in refused(study())
    assert (tmp_path / "out" / "results.csv").read_text() == "arm,accuracy\nshared,0.9\n"


def test_results_of_what_is_not_asked_for_are_not_dropped(study, tmp_path):
    (tmp_path / "out").mkdir()
    text = "task,arm,seed,budget\ndigits,shared,0,1\ndigits,ofa,0,1.0\ndigits,shared,7,4\n"
    (tmp_path / "out" / "results.csv").write_text(text)
    message = refused(study())
    assert "{'arm': ['ofa'], 'seed': [7], 'budget': [4.0]}, which are not asked for" in message
    assert "overwrite=true" in message
    assert (tmp_path / "out" / "results.csv").read_text() == text


def test_a_file_in_place_of_the_folder_is_refused(study, tmp_path):
    (tmp_path / "out").write_text("mine")
    assert "out=out is a file: give a folder" in refused(study())


def test_what_a_constructor_says_in_another_process_reaches_the_user(study):
    bad = "+study.arms.bad=['generator=mos_layer','generator.num_experts=-3']"
    status, error = study(bad, "arms=[bad]", "workers=1")
    assert status == 2
    assert "Traceback" not in error
    assert "-3" in error.split("hypernas: ")[1]
    assert "tuning failed: bad, budget 1, seed 1000, lr 0.01" in error


def test_stand_alone_training_that_diverges_everywhere_is_told_with_its_trials(
    study, tmp_path, monkeypatch
):
    monkeypatch.setattr("hypernas.studies.jobs.ProcessPoolExecutor", Here)
    message = refused(study("study.learning_rates=[1e30,1e31]", "workers=1"))
    assert "diverged at every learning rate of [1e+30, 1e+31] for ['standalone']" in message
    assert (tmp_path / "out" / "tuning.csv").read_text().splitlines()[1].endswith(",nan")
