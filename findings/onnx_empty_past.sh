#!/bin/sh
# torch.onnx: a tensor of no positions that a layer reads makes a file that nothing loads, if the batch is dynamic.
#
# Guess: decoders begin with the keys and values of no positions, of shape (batch, heads, 0, channels). Made by the layer itself, of
#   an empty input, they are exported like any others: torch.export.export follows it for every batch, and the program runs.
# What happens (torch 2.13.0, onnx 1.23.2, onnxscript 0.7.2, onnxruntime 1.32.0, CPU, Python 3.11): torch.onnx.export(dynamo=True)
#   writes unflatten of that tensor as a Reshape to [-1, 0, 2, 4] with allowzero=1. The ONNX operator says that -1 and a 0 cannot
#   stand together there (onnx.ai/onnx/operators/onnx__Reshape.html). Nothing is raised or warned of on export, and
#   onnx.checker.check_model passes; onnxruntime and check_model(full_check=True) refuse the file: "Product cannot be 0 in
#   combination with -1". With a fixed batch the same module is written as [3, 0, 2, 4] and runs.
# Why it matters: a decoder's first state is best made as zeros of that shape, not by its layers, which is what hypernas does.
#
# Exits with 0 while this is so, with another status once it changes. Needs python3.11 and the network.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --retries 1 --timeout 20 "torch==2.13.0" numpy "onnx==1.23.2" "onnxscript==0.7.2" \
    "onnxruntime==1.32.0" --extra-index-url https://download.pytorch.org/whl/cpu
cat > "$folder/case.py" <<'PYTHON'
import sys

import onnx
import onnxruntime
import torch
from torch import nn
from torch.export import Dim


class Start(nn.Module):
    """Keys of no positions, of two heads of four channels."""

    def __init__(self):
        super().__init__()
        self.keys = nn.Linear(8, 8)

    def forward(self, x):
        nothing = x.new_zeros(x.shape[0], 0, 8)
        return self.keys(nothing).unflatten(-1, (2, 4)).transpose(1, 2)


def outcome(axes):
    """The target of the Reshape, and what becomes of the file."""
    path = f"{sys.argv[1]}/start.onnx"
    module, x = Start().eval(), torch.randn(3, 5, 8)
    torch.onnx.export(module, (x,), path, dynamo=True, dynamic_shapes=axes, verbose=False)
    model = onnx.load(path)
    onnx.checker.check_model(model)
    held = {tensor.name: onnx.numpy_helper.to_array(tensor).tolist() for tensor in model.graph.initializer}
    (target,) = [held[node.input[1]] for node in model.graph.node if node.op_type == "Reshape"]
    try:
        session = onnxruntime.InferenceSession(path)
        feeds = {each.name: x.numpy() for each in session.get_inputs()}
        return target, session.run(None, feeds)[0].shape
    except Exception as error:
        return target, "Product cannot be 0 in combination with -1" in str(error)


program = torch.export.export(Start(), (torch.randn(3, 5, 8),), dynamic_shapes=({0: Dim("batch")},))
ran = tuple(program.module()(torch.randn(7, 5, 8)).shape)
fixed, dynamic = outcome(None), outcome(({0: Dim("batch")},))
print("torch.export", ran, "fixed", fixed, "dynamic", dynamic)
sys.exit((ran, fixed, dynamic) != ((7, 2, 0, 4), ([3, 0, 2, 4], (3, 2, 0, 4)), ([-1, 0, 2, 4], True)))
PYTHON
"$folder/venv/bin/python" -W ignore "$folder/case.py" "$folder"
