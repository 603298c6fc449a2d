#!/bin/sh
# torch.onnx: an LSTM or GRU over an axis that was declared dynamic is exported for one length, without a word.
#
# Guess: torch.onnx.export(..., dynamo=True, dynamic_shapes={"x": {0: Dim("batch"), 1: Dim("time")}}) of an nn.LSTM gives a
#   file that takes sequences of any length, since torch 2.13 puts a loop over a dynamic axis (torch/export/_patches.py).
#   What cannot be dynamic raises: https://docs.pytorch.org/docs/stable/export.html says so of torch.export.
# What happens (torch 2.13.0, onnx 1.23.2, onnxscript 0.7.2, onnxruntime 1.32.0, CPU, Python 3.11): the first file of a process
#   takes other lengths if the batch is dynamic too; if time alone is, its input is declared ["time", 3, 4], but a Reshape holds
#   the example's length, and onnxruntime fails on any other. The second file of the same process, of the same module, is
#   declared ["batch", 5, 4] or [5, 3, 4]. Nothing is raised or warned of at any time. GRU is the same; torch.export.export
#   by itself raises "you marked time as dynamic but your code specialized it to be a constant".
# Why it matters: whoever exports many networks from one process, as a search does, gets files of two kinds, both
#   of one length, and sees it when the first other sequence comes.
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

import onnxruntime
import torch
from torch import nn
from torch.export import Dim


class Net(nn.Module):
    def __init__(self, kind, batch_first):
        super().__init__()
        self.rnn = getattr(nn, kind)(4, 8, batch_first=batch_first)

    def forward(self, x):
        return self.rnn(x)[0]


BOTH = True, {0: Dim("batch"), 1: Dim("time")}, (3, 5, 4), (3, 7, 4)
ALONE = False, {0: Dim("time")}, (5, 3, 4), (7, 3, 4)
options = onnxruntime.SessionOptions()
options.log_severity_level = 4


def outcome(kind, batch_first, axes, shape, other):
    """The axis of time in a file, and what it does with sequences of another length."""
    path = f"{sys.argv[1]}/net.onnx"
    module, example = Net(kind, batch_first).eval(), (torch.randn(shape),)
    torch.onnx.export(module, example, path, dynamo=True, dynamic_shapes={"x": axes}, verbose=False)
    session = onnxruntime.InferenceSession(path, options)
    (x,) = session.get_inputs()
    try:
        session.run(None, {x.name: torch.randn(other).numpy()})
        return x.shape[int(batch_first)], "ran"
    except Exception as error:
        return x.shape[int(batch_first)], type(error).__name__


case = {"both": BOTH, "alone": ALONE}[sys.argv[3]]
found = [outcome(sys.argv[2], *case) for _ in range(2)]
print(*sys.argv[2:], *found)
first = ("time", "ran" if case is BOTH else "Fail")
sys.exit(found != [first, (5, "InvalidArgument")])
PYTHON
for kind in LSTM GRU; do
    for case in both alone; do # each in a process of its own
        "$folder/venv/bin/python" -W ignore "$folder/case.py" "$folder" $kind $case
    done
done
