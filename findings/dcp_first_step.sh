#!/bin/sh
# torch.distributed.checkpoint.state_dict: to ask for an optimizer's state before its first step shortens that step.
#
# Guess: get_optimizer_state_dict(model, optimizer) reads: "Return the combined state_dict for optimizers"
#   (https://docs.pytorch.org/docs/stable/distributed.checkpoint.html), so that training goes on as if nobody had asked.
# What happens (torch 2.13.0, CPU, Python 3.11, no process group): where the optimizer has no state yet, one is made by a
#   step with gradients of zero and a rate of zero. The parameters stay, but AdamW's counter is 1 afterwards, not 0: the
#   first true update corrects the bias of its averages for two steps, and is 0.744 of what it is otherwise
#   (sqrt(1 - 0.999^2) / sqrt(1 - 0.999) * (1 - 0.9) / (1 - 0.9^2)). Nothing is said.
# Why it matters: a checkpoint of step 0, or code that asks for the state in order to load another one, changes the
#   run: two runs of the same seed are not the same when one of them saved before it began.
#
# Exits with 0 while this is so, with another status once it changes. Needs python3.11 and the network.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --retries 1 --timeout 20 "torch==2.13.0" numpy \
    --extra-index-url https://download.pytorch.org/whl/cpu
cat > "$folder/case.py" <<'PYTHON'
import sys

import torch
from torch import nn
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict


def first_update(asked):
    """The change of a weight in the first step of AdamW."""
    torch.manual_seed(0)
    module = nn.Linear(4, 3)
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.1, weight_decay=0.0)
    before = module.weight.detach().clone()
    if asked:
        get_optimizer_state_dict(module, optimizer)
        counted = float(optimizer.state[module.weight]["step"])
        print("steps after asking:", counted, "moved:", float((module.weight - before).abs().max()))
    module(torch.ones(2, 4)).square().sum().backward()
    optimizer.step()
    return module.weight.detach() - before


ratio = first_update(True) / first_update(False)
print("first update, of itself:", float(ratio.min()), float(ratio.max()))
sys.exit(not torch.allclose(ratio, torch.tensor(0.7441), atol=1e-3))
PYTHON
"$folder/venv/bin/python" -W ignore "$folder/case.py"
