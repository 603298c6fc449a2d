"""A study of digits and subnets of a few hundred parameters."""

import csv
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

SETTINGS = ["data=digits", "space=mlp", "space.depths=[1]", "space.widths=[4,8,16]"]
TINY = [
    "study.settings=[" + ",".join(f'"{s}"' for s in SETTINGS) + "]",
    "study.reference_steps=10",
    "study.subnets=3",
    "study.plateau_subnets=1",
    "study.last_budget={mos_layer:2}",
    "study.learning_rates=[0.01,0.02]",
    "study.tuning={1:[1000]}",
    "+study.tuning={2:[1000]}",
    "study.budgets=[1,2]",
    "study.seeds=[0]",
    "arms=[shared,mos_layer]",
    "device=cpu",
    "out=out",
]


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "out" / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


class Here(Executor):
    """Runs jobs in this process, which spares the import of torch in others, where these are not what is tested."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def submit(self, work: Callable[..., Any], /, *args: Any, **keywords: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*args, **keywords))
        except Exception as error:
            done.set_exception(error)
        return done
