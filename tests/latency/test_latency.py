"""Latencies are measured once, kept for other processes, and said to be doubtful where they are."""

import contextlib
import os
import sys
from functools import partial

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import hypernas.latency.machine
from hypernas import SearchSpace
from hypernas.cost import Parameters
from hypernas.evaluation import judge
from hypernas.latency import (
    Backend,
    BusyWarning,
    Latency,
    LatencyError,
    OnnxRuntime,
    Predicted,
    Rounds,
    Torch,
)
from hypernas.latency import latency as of_latency
from hypernas.latency.machine import Load
from hypernas.latency.onnxruntime import session_options
from hypernas.predictors import Pairwise, Ridge
from hypernas.spaces import conv2d
from hypernas.spaces.changes import elastic_resolution
from hypernas.subnet.arguments import Arguments

SHORT = Rounds(warmup=0, least=1, most=1, repeats=1)
TICKING = {"backend": Torch(), "rounds": SHORT, "tolerated": 1e9}  # whatever else the machine does


class Idle:
    """A machine on which so many cores are busy with other things."""

    def __init__(self, cores: float = 0.0) -> None:
        self.cores = cores

    def start(self) -> None:
        pass

    def others(self) -> float:
        return self.cores


class Counting(Backend):
    """A backend that runs nothing, and knows what it was asked to run."""

    name = "counting"

    def __init__(self, version: str = "1") -> None:
        self.version = version
        self.prepared, self.shapes = [], set()

    def check(self) -> None:
        pass

    def prepare(self, module, arguments, *, threads):
        self.prepared.append(module)
        self.shapes |= {tuple(x.shape) for x in arguments.positional}
        return lambda: None

    def limited(self, threads):
        return contextlib.nullcontext()


class Net(nn.Module):
    def __init__(self, architecture, power=1):
        super().__init__()
        self.power = power
        self.enter = nn.Linear(4, architecture["width"])
        self.leave = nn.Linear(architecture["width"], 3)

    def forward(self, x):
        return self.leave(self.enter(x).relu() ** self.power)


SPACE = SearchSpace({"width": [8, 64, 512]}, Net)
EVERY = list(SPACE.enumerate())
EXAMPLE = torch.ones(2, 4)


def latency(space=SPACE, **settings) -> Latency:
    settings = {"backend": Counting(), "rounds": SHORT, **settings}
    cost = Latency(space, EXAMPLE, **settings)
    cost.watch = Idle()
    return cost


def test_an_architecture_is_measured_once(tmp_path):
    cost = latency(cache=tmp_path)
    found = cost([EVERY[0], EVERY[1], EVERY[0]])
    assert found[0] == found[2]
    assert cost(EVERY[:2]) == found[:2]
    assert len(cost.backend.prepared) == 2
    assert (cost.name, cost.unit) == ("latency", "ms")


def test_another_process_takes_what_was_measured(tmp_path):
    found = latency(cache=tmp_path)(EVERY)
    other = latency(cache=tmp_path)
    assert other(EVERY) == found
    assert other.backend.prepared == []


CHANGES = {
    "threads": {"threads": 2},
    "batch size": {"batch_size": 3},
    "version": {"backend": Counting(version="2")},
    "forward": {"space": SearchSpace({"width": [8, 64, 512]}, lambda a: Net(a, power=2))},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_all_that_decides_a_latency_is_part_of_its_key(change, tmp_path):
    latency(cache=tmp_path)(EVERY[:1])
    other = latency(cache=tmp_path, **change)
    other(EVERY[:1])
    assert len(other.backend.prepared) == 1


def test_another_processor_is_measured_anew(tmp_path, monkeypatch):
    latency(cache=tmp_path)(EVERY[:1])
    monkeypatch.setattr(of_latency, "machine", lambda: '{"processor": "another"}')
    other = latency(cache=tmp_path)
    other(EVERY[:1])
    assert len(other.backend.prepared) == 1


@pytest.mark.parametrize(("size", "expected"), [(1, 1), (5, 5), (None, 2)])
def test_a_batch_has_the_size_that_is_asked_for(size, expected):
    cost = latency(batch_size=size)
    cost(EVERY[:1])
    assert cost.backend.shapes == {(expected, 4)}


def test_a_busy_machine_is_said_and_noted():
    cost = latency(tolerated=0.0)
    cost.watch = Idle(cores=1.5)
    with pytest.warns(BusyWarning, match=r"other processes kept 1.5 of \d+ cores"):
        cost(EVERY[:1])
    assert cost.timings[EVERY[0]].others == 1.5


def test_a_kept_latency_serves_whoever_asks_for_no_more(tmp_path):
    latency(cache=tmp_path)(EVERY[:1])
    fine = latency(cache=tmp_path, rounds=Rounds(warmup=0, least=3, most=3, repeats=1))
    fine(EVERY[:1])
    assert fine.timings[EVERY[0]].rounds == 3
    coarse = latency(cache=tmp_path)
    coarse(EVERY[:1])
    assert coarse.backend.prepared == []
    assert coarse.timings == fine.timings


def test_a_short_look_tells_of_no_more_cores_than_there_are(monkeypatch):
    seconds = iter([0.0, 1e3])  # that cores were busy, as ticks may have it
    monkeypatch.setattr(hypernas.latency.machine, "_busy", lambda: next(seconds))
    load = Load()
    load.start()
    assert load.others() == os.cpu_count()


def test_a_latency_of_a_busy_machine_is_kept_with_a_warning_until_it_is_quiet(tmp_path):
    for message, measured in [("were measured", 1), ("1 latencies are kept", 0)]:
        busy = latency(cache=tmp_path)
        busy.watch = Idle(cores=1e3)
        with pytest.warns(BusyWarning, match=message):
            busy(EVERY[:1])
        assert len(busy.backend.prepared) == measured
    for measured in (1, 0):
        quiet = latency(cache=tmp_path)
        quiet(EVERY[:1])
        assert len(quiet.backend.prepared) == measured


def test_a_graph_is_that_of_a_version_of_torch():
    assert torch.__version__ in OnnxRuntime().version


def test_more_subnets_than_a_group_are_measured_too():
    cost = latency(rounds=Rounds(warmup=0, least=1, most=1, repeats=1, group=2))
    assert len(cost(EVERY)) == len(cost.backend.prepared) == 3


def test_a_device_that_is_not_there_is_one_error():
    with pytest.raises(LatencyError, match=r"finds no such device .* Take device=cpu"):
        Latency(SPACE, EXAMPLE, backend=Torch(device="cuda:99"))


def test_a_missing_package_is_one_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(LatencyError, match=r"needs onnxruntime: pip install 'hypernas\[onnx\]'"):
        Latency(SPACE, EXAMPLE)


def test_a_subnet_that_fails_is_named():
    cost = Latency(SPACE, torch.ones(2, 5), backend=Torch(), rounds=SHORT)
    with pytest.raises(
        LatencyError, match=r"torch on cpu cannot run the subnet {width: 8} on inputs"
    ):
        cost([SPACE.smallest()])


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="must be 1 or more, got 0 and 1"):
        latency(batch_size=0)


def test_torch_runs_the_module_on_the_threads_it_was_given():
    threads = []

    class Asks(nn.Module):
        def forward(self, x):
            threads.append(torch.get_num_threads())
            return x

    before = torch.get_num_threads()
    with Torch().limited(2):
        Torch().prepare(Asks(), Arguments.of(EXAMPLE), threads=2)()
    assert threads == [2, 2]
    assert torch.get_num_threads() == before


def test_onnxruntime_runs_what_was_exported():
    cost = latency(backend=OnnxRuntime())
    (found,) = cost(EVERY[-1:])
    assert 0 < found < 1000


def test_idle_sessions_leave_the_processor_to_the_one_whose_turn_it_is():
    options = session_options(2)
    assert options.intra_op_num_threads == 2
    assert options.get_session_config_entry("session.force_spinning_stop") == "1"


def test_a_predicted_cost_has_learned_of_measured_ones():
    space = SearchSpace({f"w{i}": [1, 2, 3] for i in range(3)}, lambda _: nn.Identity())

    class Sum(Parameters):
        num_asked = 0

        def __call__(self, architectures):
            self.num_asked += len(architectures)
            return [float(sum(a.values())) for a in architectures]

    cost = Predicted(space, EXAMPLE, cost=Sum, predictor=Pairwise, num=15, num_held_out=6)
    assert cost.name == "parameters"
    assert cost([space.largest()])[0] == pytest.approx(9, rel=0.05)
    cost(list(space.enumerate()))
    assert cost.cost.num_asked == 21
    assert judge(cost.predictor, *cost.held_out).mape.value < 0.05


def test_more_held_out_subnets_than_there_are_is_one_error():
    with pytest.raises(ValueError, match="more than the 3 architectures of the space: take fewer"):
        Predicted(SPACE, EXAMPLE, cost=Parameters, num=2, num_held_out=2)


def test_a_small_space_is_measured_whole():
    cost = Predicted(SPACE, EXAMPLE, cost=Parameters, predictor=lambda s: Ridge(s, degree=1))
    cost.predictor.least = 3
    assert cost(EVERY) == pytest.approx(Parameters(SPACE)(EVERY), rel=0.1)


def test_a_subnet_of_elastic_resolution_takes_as_long_as_on_inputs_of_its_size(monkeypatch):
    """By a clock that ticks with every multiplication, as the time of a small module is not only that."""
    plain = conv2d(input_shape=(1, 8, 8), num_classes=3, widths=[[4, 6]], depths=[1])
    images, values = torch.randn(2, 1, 8, 8), dict(plain.largest())
    found = []
    with FlopCounterMode(display=False) as counter:
        ticking = partial(of_latency.measure, clock=counter.get_total_flops)
        monkeypatch.setattr(of_latency, "measure", ticking)
        elastic = Latency(elastic_resolution(plain, scales=[0.5, 0.75, 1]), images, **TICKING)
        for scale, size in ((0.5, 4), (0.75, 6), (1, 8)):
            resized = nn.functional.interpolate(images, (size, size), mode="bilinear")
            own = elastic([{"resolution": scale, **values}])
            assert own == Latency(plain, resized, **TICKING)([plain.largest()])
            found += own
    assert found == sorted(set(found))
