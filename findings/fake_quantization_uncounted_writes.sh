#!/bin/sh
# torch.fused_moving_avg_obs_fake_quant writes to its buffers, and the tensors' version numbers do not tell.
#
# Guess: an operation whose schema says that it writes to an argument ("Tensor(a!) running_min", torch/_C and
#   https://docs.pytorch.org/docs/stable/torch.compiler_ir.html) raises that tensor's `_version`, as copy_, add_ and batch
#   norm do: "each tensor keeps a version counter, that is incremented every time it is marked dirty"
#   (https://docs.pytorch.org/docs/stable/notes/autograd.html#in-place-correctness-checks).
# What happens (torch 2.13.0, CPU, Python 3.11): the running minimum and maximum, the scale and the zero point have other
#   values afterwards (with per-channel ranges other shapes too), and each `_version` is still 0. The batch norm beside it
#   goes from 0 to 1.
# Why it matters: modules of torch.ao.quantization.prepare_qat run it in each forward pass. Whoever finds by version
#   numbers which buffers a step has changed (to save, to broadcast or to undo them) misses all observers.
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
from torch.ao import quantization

norm = nn.BatchNorm1d(3)
norm(torch.randn(5, 3))
print("batch norm's running mean:", norm.running_mean._version)

layer = nn.Sequential(quantization.QuantStub(), nn.Linear(3, 2)).train()
layer.qconfig = quantization.get_default_qat_qconfig("fbgemm")
layer = quantization.prepare_qat(layer)
before = {name: (buffer.clone(), buffer._version) for name, buffer in layer.named_buffers()}
layer(torch.randn(5, 3))
uncounted = []
for name, buffer in layer.named_buffers():
    old, version = before[name]
    if (buffer.shape != old.shape or not torch.equal(buffer, old)) and buffer._version == version:
        uncounted.append(name)
        print("changed, and not counted:", name, tuple(old.shape), "->", tuple(buffer.shape))
sys.exit(not (norm.running_mean._version == 1 and len(uncounted) >= 8))
PYTHON
"$folder/venv/bin/python" -W ignore "$folder/case.py"
