import subprocess
import sys
import time

import pytest

from hypernas.study import measure_steps

# Timings with wide margins: the machine may be busy.


def sleep(seconds: float):
    return lambda i: time.sleep(seconds)


def test_steps_are_compared_with_those_of_the_first_arm():
    found = measure_steps({"one": sleep(0.004), "three": sleep(0.012)}, rounds=5, warmup=0)
    assert found["one"] == 1
    assert found["three"] == pytest.approx(3, rel=0.4)


def test_a_hiccup_in_some_rounds_does_not_matter():
    found = measure_steps(
        {"one": sleep(0.004), "other": lambda i: time.sleep(0.2 if i == 2 else 0.004)},
        rounds=5,
        warmup=0,
    )
    assert found["other"] == pytest.approx(1, rel=0.5)


def test_arms_take_turns_and_rounds_to_warm_up_are_not_counted():
    seen: list[tuple[str, int]] = []
    steps = {name: (lambda i, name=name: seen.append((name, i))) for name in ("a", "b")}
    measure_steps(steps, rounds=2, warmup=1)
    assert seen == [(name, i) for i in range(3) for name in ("a", "b")]


def test_memory_is_what_steps_add_to_what_was_held_before():
    code = (
        "import torch\n"
        "from hypernas.study import measure_memory\n"
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
