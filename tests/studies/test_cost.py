import subprocess
import sys
import time

import pytest

from hypernas.studies import measure_steps


@pytest.fixture
def taking(monkeypatch):
    """Makes steps that take so long on a clock of their own, whatever the machine does."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def step(seconds):
        def take(i: int) -> None:
            now[0] += seconds(i) if callable(seconds) else seconds

        return take

    return step


def test_steps_are_compared_with_those_of_the_first_arm(taking):
    found = measure_steps({"one": taking(4), "three": taking(12)}, rounds=5, warmup=0)
    assert found == {"one": 1, "three": 3}


def test_a_hiccup_in_some_rounds_does_not_matter(taking):
    steps = {"one": taking(4), "other": taking(lambda i: 200 if i == 2 else 4)}
    assert measure_steps(steps, rounds=5, warmup=0) == {"one": 1, "other": 1}


def test_arms_take_turns_and_rounds_to_warm_up_are_not_counted():
    seen: list[tuple[str, int]] = []
    steps = {name: (lambda i, name=name: seen.append((name, i))) for name in ("a", "b")}
    measure_steps(steps, rounds=2, warmup=1)
    assert seen == [(name, i) for i in range(3) for name in ("a", "b")]


def test_memory_is_what_steps_add_to_what_was_held_before():
    code = (
        "import torch\n"
        "from hypernas.studies import measure_memory\n"
        "before = torch.ones(300, 2**18)\n"  # an earlier peak does not hide what comes
        "del before\n"
        "before = torch.ones(50, 2**18)\n"  # 50 MB that do not count
        "held = []\n"
        "def make():\n"
        "    held.append(torch.ones(30, 2**18))\n"
        "    return lambda i: torch.ones(40, 2**18).sum()\n"
        "print(measure_memory(make, device=torch.device('cpu'), steps=3))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(70, abs=15)


@pytest.mark.parametrize("options", [{"steps": {}}, {"rounds": 0}, {"warmup": -1}])
def test_a_comparison_of_no_arms_or_no_rounds_is_refused(options):
    with pytest.raises(ValueError, match="expected one arm or more, rounds of 1 or more"):
        measure_steps(**{"steps": {"a": lambda i: None}, **options})
