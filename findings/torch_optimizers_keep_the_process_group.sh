#!/bin/sh
# torch.distributed: destroy_process_group() destroys nothing where an optimizer took its first step under the group.
#
# Guess: a program that calls init_process_group, trains, and calls destroy_process_group ends with no group and none of
#   its threads, as https://docs.pytorch.org/docs/stable/distributed.html#shutdown asks for.
# What happens (torch 2.13.0, CPU, Gloo, Python 3.11): the first optimizer that is made imports torch._dynamo and with it
#   torch.distributed.nn.functional, whose functions are declared with the default group=group.WORLD: they hold the group that
#   there is at that moment for as long as the process lives. destroy_process_group forgets the group, but it stays,
#   with its Gloo threads (three here). torch.distributed.optim does the same by a helper of
#   ZeroRedundancyOptimizer (_broadcast_object). With both modules imported before init_process_group the group goes as it should.
#   Nothing warns.
# Why it matters: Gloo's threads then run into the end of the interpreter. One of many two-process trainings here
#   ended with SIGABRT ("terminate called without an active exception") after its last line was written and its group
#   destroyed, and torchrun reported the whole job as failed. pytorch/pytorch#190489 and #179291 tell of that end for programs
#   that do not call destroy_process_group; this one did.
#
# Exits with 0 while this is so, with another status once it changes. Needs python3.11, Linux and the network.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --retries 1 --timeout 20 "torch==2.13.0" numpy \
    --extra-index-url https://download.pytorch.org/whl/cpu
cat > "$folder/case.py" <<'PYTHON'
import gc
import importlib
import sys
import tempfile
import weakref
from pathlib import Path

import torch
from torch import distributed as dist

early, late = (names.split(",") if names else [] for names in sys.argv[1:])
for name in early:
    importlib.import_module(name)
dist.init_process_group("gloo", init_method=f"file://{tempfile.mktemp()}", rank=0, world_size=1)
group = weakref.ref(dist.group.WORLD)
for name in late:
    if name == "SGD":
        torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    else:
        importlib.import_module(name)
dist.destroy_process_group()
gc.collect()
threads = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
gloo = sum("gloo" in thread for thread in threads)
print("kept" if group() is not None else "gone", gloo, "Gloo threads")
PYTHON
seen() { "$folder/venv/bin/python" -W ignore "$folder/case.py" "$1" "$2"; }
while IFS='|' read -r expected early late; do
    found=$(seen "$early" "$late")
    echo "before the group: ${early:-nothing}; under it: ${late:-nothing}: $found"
    case "$found" in "$expected"*) ;; *) exit 1 ;; esac
done <<'CASES'
gone 0||
kept||SGD
kept||torch.distributed.nn.functional
kept|torch.distributed.nn|torch.distributed.optim
gone 0|torch.distributed.nn,torch.distributed.optim|SGD,torch.distributed.optim
CASES
