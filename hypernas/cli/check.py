"""hypernas check."""

import sys

from omegaconf import DictConfig

from hypernas.cli.plain import plain
from hypernas.distributed.device import use_threads
from hypernas.runs.assembly import part, space_of
from hypernas.subnet.law import check


def check_command(config: DictConfig) -> None:
    """Put each choice of a space to the law of slices; exit with 1 where it is broken."""
    settings = plain(config)
    use_threads(settings["threads"])
    data = part(settings, "data")
    space = space_of(settings, data)
    found = check(space, inputs=data.example() if space.inputs is None else space.inputs)
    print(found)
    num = dict.fromkeys(("holds", "broken", "undecided"), 0)
    for verdict in found.verdicts:
        num[verdict.state] += 1
    print(", ".join(f"{count} {state}" for state, count in num.items()))
    if num["broken"]:
        sys.exit(1)
