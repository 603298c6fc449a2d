import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console as RichConsole
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.testing import assert_close

from hypernas import generators
from hypernas.spaces import mlp
from hypernas.training import Begun, Ended, Record, Stepped, Validated
from hypernas.training.callbacks import Console, JsonLines
from hypernas.training.callbacks.tensorboard import TensorBoard

SPACE = mlp(input_shape=(4,), num_classes=2, depths=(1, 2), widths=(4, 8))
SUBNETS = {
    "smallest": (SPACE.smallest(), {"accuracy": 0.5}),
    "largest": (SPACE.largest(), {"accuracy": 1.0}),
}


def report(callback, generator=None, *, first: int = 1, last: int = 3) -> None:
    """A run of one report a step, and a validation at the end."""
    run = SimpleNamespace(
        generator=generator or generators.shared(SPACE),
        record=Record(settings={"optimizer.lr": 0.1}),
        path=Path,
        stopping=None,
    )
    callback(run, Begun(first - 1, last))
    for step in range(first, last + 1):
        figures = {"loss": 1 / step, "gradient_norm": 1.0}
        loss = torch.tensor([1 / step])
        callback(run, Stepped(step, last, [SPACE.largest()], loss, figures, step == last))
    callback(run, Validated(last, last, SUBNETS))
    callback(run, Ended(last, last, {"accuracy": 0.75}, True))


def test_the_mean_over_subnets_is_by_measure():
    assert Validated(1, 1, SUBNETS).means == {"accuracy": 0.75}
    assert Validated(1, 1, {}).means == {}


def test_without_a_terminal_progress_is_plain_lines():
    text = io.StringIO()
    report(Console(console=RichConsole(file=text, force_terminal=False), every=0.0))
    lines = text.getvalue().splitlines()
    assert lines[0].startswith("step 1/3  loss 1.000")
    assert "steps/s" in lines[0]
    assert "s left" in lines[0]
    assert "mean of 2: accuracy 0.7500" in lines[-1]
    assert "\x1b" not in text.getvalue()


def test_on_a_terminal_progress_is_a_bar_with_rate_and_time_left():
    text = io.StringIO()
    report(Console(console=RichConsole(file=text, force_terminal=True, width=120)))
    assert "3/3" in text.getvalue()
    assert "steps/s" in text.getvalue()
    assert "left" in text.getvalue()


def test_json_lines_hold_every_figure(tmp_path):
    report(JsonLines(tmp_path / "metrics.jsonl"))
    records = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [r["step"] for r in records if "loss" in r] == [1, 2, 3]
    validated = {r["subnet"]: r for r in records if "subnet" in r}
    assert validated["largest"]["architecture"] == SPACE.largest()
    assert validated["largest"]["accuracy"] == 1.0


def test_a_resumed_log_has_each_step_once_and_survives_a_cut_line(tmp_path):
    path = tmp_path / "metrics.jsonl"
    report(JsonLines(path))
    path.write_text(path.read_text() + '{"step": 4, "lo')
    report(JsonLines(path), first=3, last=5)
    steps = [r["step"] for r in map(json.loads, path.read_text().splitlines()) if "loss" in r]
    assert steps == [1, 2, 3, 4, 5]


def test_an_altered_line_of_a_log_is_dropped_with_a_warning_when_a_run_goes_on(tmp_path):
    path = tmp_path / "metrics.jsonl"
    report(JsonLines(path))
    path.write_text(path.read_text().replace('"step": 1', '"step": 0'))
    with pytest.warns(UserWarning, match=r"metrics.jsonl, line 1 is left out: .*was altered"):
        report(JsonLines(path), first=3, last=5)
    steps = [r["step"] for r in map(json.loads, path.read_text().splitlines()) if "loss" in r]
    assert steps == [2, 3, 4, 5]


def test_a_fresh_run_starts_a_fresh_log(tmp_path):
    for _ in range(2):
        report(JsonLines(tmp_path / "metrics.jsonl"))
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 5


@pytest.fixture
def events(tmp_path):
    def read(generator):
        report(TensorBoard(tmp_path), generator)
        accumulator = EventAccumulator(str(tmp_path), size_guidance={"histograms": 0, "images": 0})
        return accumulator.Reload()

    return read


def test_tensorboard_holds_losses_and_accuracies_by_subnet(events):
    read = events(generators.shared(SPACE))
    assert [e.step for e in read.Scalars("train/loss")] == [1, 2, 3]
    assert_close(read.Scalars("validation/accuracy/largest")[0].value, 1.0)
    assert not read.Tags()["images"]


@pytest.mark.parametrize(
    "factory", [generators.mos_layer, generators.mos_neuron, generators.hypernas]
)
def test_tensorboard_shows_gates_by_architecture(events, factory):
    generator = factory(SPACE)
    read = events(generator)
    gated = [n for n, c in generator.coefficients(SPACE.largest()).items() if c.experts is not None]
    shared = [n for n in gated if f"gates/{n}" in read.Tags()["histograms"]]
    assert shared == gated
    image = read.Images("gates/by architecture")[0]
    num = {
        n: c.experts.shape[-1]
        for n, c in generator.coefficients(SPACE.largest()).items()
        if n in gated
    }
    assert (image.height, image.width) == (8 * len(SUBNETS), 8 * sum(num.values()))


def test_a_tensorboard_whose_run_has_not_begun_says_so(tmp_path):
    with pytest.raises(RuntimeError, match="tell Begun first"):
        _ = TensorBoard(tmp_path).writer
