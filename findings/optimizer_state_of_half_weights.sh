#!/bin/sh
# torch.optim: a state of single precision for weights in bfloat16 does not survive state_dict and load_state_dict.
#
# Guess: state_dict and load_state_dict keep an optimizer's state as it is, so that training goes on to the last bit.
# What happens (torch 2.13.0, CPU, Python 3.11): an optimizer that keeps moments in float32 beside weights in bfloat16
#   saves them in float32, and loads them in bfloat16: whatever is not called "step" takes the type of its parameter
#   (torch/optim/optimizer.py, Optimizer._process_value_according_to_param_policy).
#   Nothing is said; every moment here that is no number of bfloat16 is another one afterwards.
# Why it matters: a bank of weights in bfloat16 is trained with moments of single precision; a run that was stopped goes
#   on with rounded ones, unless somebody restores their type.
#
# Exits with 0 while this is so, with another status once it changes. Needs python3.11 and the network.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --retries 1 --timeout 20 "torch==2.13.0" numpy \
    --extra-index-url https://download.pytorch.org/whl/cpu
cat > "$folder/case.py" <<'PYTHON'
import copy
import sys

import torch


class Momentum(torch.optim.Optimizer):
    """Moving average of gradients, in float32 whatever the weights are in."""

    def __init__(self, parameters):
        super().__init__(parameters, {"lr": 0.1})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for weight in group["params"]:
                state = self.state[weight]
                state.setdefault("average", torch.zeros_like(weight, dtype=torch.float32))
                state["average"].mul_(0.9).add_(weight.grad.float(), alpha=0.1)
                weight.sub_((group["lr"] * state["average"]).to(weight.dtype))


torch.manual_seed(0)
weight = torch.nn.Parameter(torch.randn(1000).bfloat16())
optimizer = Momentum([weight])
for _ in range(3):
    weight.grad = torch.randn(1000).bfloat16()
    optimizer.step()
before = optimizer.state[weight]["average"].clone()
saved = copy.deepcopy(optimizer.state_dict())
resumed = Momentum([weight])
resumed.load_state_dict(saved)
after = resumed.state[weight]["average"]
print("saved as", saved["state"][0]["average"].dtype, "loaded as", after.dtype)
print("other numbers:", int((after.float() != before).sum()), "of", len(before))
rounded = after.dtype == torch.bfloat16 and bool((after == before.bfloat16()).all())
sys.exit(not (saved["state"][0]["average"].dtype == torch.float32 and rounded))
PYTHON
"$folder/venv/bin/python" -W ignore "$folder/case.py"
