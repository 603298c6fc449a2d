"""Whole commands with junk in one setting, all others being valid, or with junk in several of them.

Each is done in a process of its own, which has a minute. It may do its work, or end with status 2 and a message in words;
it may not end by an error of the interpreter, hang, or change the run that it is given.
"""

import hashlib
import json
import os
import random
import resource
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from commands import FAST
from process import Refused, ended, forked, typed

from hypernas.runs.config_files import configs, options, read
from hypernas.runs.settings import flat

JUNK = [
    *("", "null", "abc", "-1", "0", "1.5", "nan", "inf", "-inf", "1e400", "true", "[]", "[[]]", "{}"),
    *("[1,[2]]", "[null]", "{a:1}", "{1:{2:3}}", "'", "[", "{", "a,b", "${seed}", "${nothing}", "$" * 9),
    *("${oc.env:NOTHING_OF_THAT_NAME}", "../..", "/", "/dev/null", "é", "a" * 5000, "os.getcwd", "%s", "@x"),
    *("123456789012345678901234567890", "0x10", "1_0", "-0", "'1'", "[a,1,null]", "{depth: 1}", "True "),
]  # fmt: skip
LIMIT = 60.0  # seconds
_MEMORY = 12 * 2**30  # bytes that a command may ask the system for
_COUNTED = ("steps", "num", "subnets", "evaluations", "size", "widths", "depths", "dim", "spread")
_RUN = "first"  # the folder of the run that commands are given
_OWN: dict[str, list[str]] = {
    "train": FAST,
    "grow": ["space=mlp", "member_training.steps=2", "training.steps=2", "members=[smallest,smallest]"],
    "check": ["space=mlp", "space.widths=[8,16]"],
    "evaluate": [f"run={_RUN}", "subnets=1", "calibration_batches=1"],
    "export": [f"run={_RUN}", "architecture=smallest", "out=net.safetensors"],
    "finetune": [f"run={_RUN}", "architecture=smallest", "course.steps=2", "course.seeds=[0]"],
    "search": [f"run={_RUN}", "objectives=[parameters]", "evaluations=3", "search=random"],
    "continual": ["space.widths=[8]", "tasks.num=2", "course.steps=2"],
    "replay": [f"run={_RUN}"],
    "study": ["study=gap_conv1d", "scale=none"],
    "report": [_RUN],
}  # fmt: skip
_FOLDERS = ("train", "grow", "search", "continual")


class Told(NamedTuple):
    """What came of a command: done, refused, raw, hung or wrong."""

    outcome: str
    text: str = ""


def settings(command: str) -> list[str]:
    """The dotted names of a command's settings, and its groups."""
    file = configs() / f"{command}.yaml"
    if not file.is_file():
        return []
    own = [key for key in flat(read(file).values) if not key.startswith(("hydra", "defaults"))]
    groups = [group for group in ("data", "space", "generator", "training") if options(group)]
    parts = [
        f"{group}.{key}"
        for group, name in (("generator", "hypernas"), ("training", "default"), ("space", "mlp"))
        for key in flat(read(configs() / group / f"{name}.yaml").values)
    ]
    return [*own, *(groups + parts if command == "train" else [])]


def drawn(rng: random.Random) -> list[str]:
    """The arguments of a trial."""
    command = rng.choice([*_OWN])
    own, names = _OWN[command], settings(command)
    if rng.random() < 0.5 and names:
        return [command, *own, _junk(rng, names)]
    several = [_junk(rng, names) if names else rng.choice(JUNK) for _ in range(rng.randrange(1, 4))]
    words = [
        rng.choice(JUNK),
        f"+{rng.choice(JUNK)}=1",
        f"--{rng.choice(['x', 'cfg', 'multirun=1'])}",
    ]
    return [
        command,
        *own[: rng.randrange(len(own) + 1)],
        *several,
        *rng.sample(words, rng.randrange(2)),
    ]


def _junk(rng: random.Random, names: list[str]) -> str:
    name = rng.choice(names)
    long = [value for value in JUNK if not value.isdigit() or len(value) < 9]
    return f"{name}={rng.choice(long if any(word in name for word in _COUNTED) else JUNK)}"


def told(arguments: list[str], folder: Path, number: int) -> Told:
    """The outcome of a command in a folder."""
    log = folder / f"{number}.log"
    before = _digest(folder / _RUN)
    if arguments[0] in _FOLDERS and not any("hydra." in one for one in arguments):
        arguments = [*arguments, f"hydra.run.dir=of_{number}"]

    def work() -> None:
        os.chdir(folder)
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        try:
            typed(*arguments)
        except Refused as refused:
            log.write_text(f"{refused.status} {refused}")
            os._exit(2)

    pid = forked(work, log, HYPERNAS_CACHE=str(folder / "cache"))
    status = ended(pid, LIMIT)
    if status is None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return Told("hung")
    text = log.read_text() if log.exists() else ""
    if _digest(folder / _RUN) != before:
        return Told("wrong", "the run was changed")
    if status == 0:
        return Told("done")
    named = (
        text.startswith("2 hypernas: ") or f"hypernas {arguments[0]}: error: " in text
    )  # of argparse
    plain = status == 2 and named and "HYPERNAS_TRACEBACK" not in text
    return Told("refused" if plain and "Traceback" not in text else "raw", text)


def _digest(folder: Path) -> str:
    """SHA-256 of what a run holds; what commands add to it, evaluations and reports, is left out."""
    content = hashlib.sha256()
    for path in [folder / "settings.yaml", *sorted((folder / "checkpoints").rglob("*"))]:
        content.update(path.read_bytes() if path.is_file() else path.name.encode())
    return content.hexdigest()


def trials(num: int, folder: Path, *, seed: int) -> Iterator[dict[str, Any]]:
    """One row, of `num` commands."""
    folder.mkdir(parents=True)
    folder = folder.resolve()
    typed("train", *FAST, f"hydra.run.dir={folder / _RUN}")
    rng, found, words = random.Random(seed), Counter[str](), []
    for number in range(num):
        arguments = drawn(rng)
        outcome, text = told(arguments, folder, number)
        found[outcome] += 1
        if outcome not in ("done", "refused"):
            words.append(f"{outcome}: {[one[:80] for one in arguments]}: {text[-300:]}")
    yield {
        "trial": "junk: whole commands",
        "number": num,
        "refused": found["refused"],
        "harmless": found["done"],
        "silent": found["wrong"],
        "raw": found["raw"] + found["hung"],
        "wrong": json.dumps(words, ensure_ascii=False) if words else "",
    }
