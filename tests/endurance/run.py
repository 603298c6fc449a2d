"""Trials that the product must survive, as many as one likes: a table of what happened.

    python tests/endurance/run.py --trials 1000 --only flips,kills,writers

flips     bits flipped in, and ends cut off, every kind of file that is read back
writers   two to eight processes on one cache, file or folder (a hundredth as many, for each kind)
cost      time of a checkpoint of 100 million weights against one without checksums and flushes
kills     SIGKILL at random moments of train, grow, search and study, and the same command again (a tenth as many)
ranks     SIGKILL of one of two ranks, or of both, and the command again (a tenth as many)
commands  whole commands with junk in their settings (a tenth as many)
faults    EIO, ESTALE, ENOSPC and EROFS in each phase of commands, once or from then on, and full disks (a tenth as many)
memory    of --trials steps over thousands of architectures, its slope as the ratio
launched  the same of ranks that torchrun starts
outputs   commands whose output nobody reads, is closed or does not fit on a disk
threads   --trials steps by 1, 2 and 4 threads: how far weights and losses drift apart

In the table `silent` counts what differed without a word, and `raw` what was refused without saying which
file it is, or was a dead end; both must be 0.
"""

import argparse
import csv
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where tests keep what they share

COLUMNS = (
    "trial",
    "number",
    "refused",
    "made again",
    "harmless",
    "ended",
    "silent",
    "raw",
    "ratio",
    "wrong",
)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=1000, metavar="N")
    parser.add_argument("--only", default="flips,writers,kills", metavar="NAMES")
    parser.add_argument(
        "--weights", type=int, default=100_000_000, help="of the checkpoint of cost"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--commands",
        default="",
        metavar="NAMES",
        help='of kills and faults, such as "train,study"; all of them',
    )
    options = parser.parse_args()

    import cost
    import faults
    import flips
    import junk_commands
    import kills
    import memory
    import outputs
    import ranks
    import threads
    import torch
    import writers
    from commands import COMMANDS
    from phases import FAILED

    wanted = tuple(filter(None, options.commands.split(",")))
    commands = {name: one for name, one in COMMANDS.items() if name.startswith(wanted or "")}
    failed = {name: one for name, one in FAILED.items() if name.startswith(wanted or "")}
    if not commands and not failed:
        parser.error(f"--commands begin one of {[*COMMANDS, *FAILED]}, got {options.commands!r}")
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # of old formats, which damaged files may seem to be
    kinds = {
        "flips": (flips.trials, options.trials),
        "writers": (writers.trials, max(1, options.trials // 100)),
        "cost": (cost.trials, options.weights),
        "kills": (partial(kills.trials, commands=commands), max(1, options.trials // 10)),
        "commands": (junk_commands.trials, max(1, options.trials // 10)),
        "faults": (partial(faults.trials, commands=failed), max(1, options.trials // 10)),
        "memory": (memory.trials, options.trials),
        "outputs": (outputs.trials, max(1, options.trials // 10)),
        "threads": (threads.trials, options.trials),
        "ranks": (partial(ranks.trials, kind="forked"), max(1, options.trials // 10)),
        "launched": (partial(ranks.trials, kind="launched"), max(1, options.trials // 10)),
    }
    wrong = 0
    table = csv.DictWriter(sys.stdout, COLUMNS, restval=0, lineterminator="\n")
    table.writeheader()
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only.split(","):
            trials, number = kinds[name]
            for row in trials(number, Path(folder) / name, seed=options.seed):
                table.writerow(row)
                sys.stdout.flush()
                wrong += row.get("silent", 0) + row.get("raw", 0)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
