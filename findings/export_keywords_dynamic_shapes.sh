#!/bin/sh
# torch.export: dynamic_shapes of a forward that takes **keywords ends in an internal assertion.
#
# Guess: with `forward(self, x, **keywords)` called with mask=..., dynamic_shapes may be
#   {"x": {0: n}, "keywords": {"mask": {0: n}}}: one entry for each parameter of forward, as
#   https://docs.pytorch.org/docs/stable/export.html asks for, and as the message asks for that other
#   spellings get ("its top-level keys must be the arg names ['x', 'keywords'] of `inputs`").
# What happens (torch 2.13.0, CPU, Python 3.11): AssertionError "Must provide a tree_name when there might be
#   a mismatch", which names neither the argument nor the mistake, if there is one. The flat spelling
#   {"x": ..., "mask": ...} is refused in words. With `forward(self, x, mask)` all works.
# Why it matters: models of transformers take **kwargs; whoever exports them for any batch size has to give
#   a wrapper with named arguments.
#
# Exits with 0 while this is so, with another status once it changes. Needs python3.11 and the network.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --retries 1 --timeout 20 "torch==2.13.0" numpy --extra-index-url https://download.pytorch.org/whl/cpu
cat > "$folder/case.py" <<'EOF'
import sys

import torch
from torch import nn
from torch.export import Dim, export


class Named(nn.Module):
    def forward(self, x, mask):
        return x * mask


class Keywords(nn.Module):
    def forward(self, x, **keywords):
        return x * keywords["mask"]


x, n = torch.randn(4, 3), Dim("n", min=2, max=64)


def outcome(module, shapes):
    try:
        export(module, (x,), {"mask": x}, dynamic_shapes=shapes)
        return "exported"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


found = [
    outcome(Named(), {"x": {0: n}, "mask": {0: n}}),
    outcome(Keywords(), {"x": {0: n}, "mask": {0: n}}),
    outcome(Keywords(), {"x": {0: n}, "keywords": {"mask": {0: n}}}),
]
for one in found:
    print(one[:160])
expected = ["exported", "UserError: When `dynamic_shapes`", "AssertionError: Must provide a tree_name"]
sys.exit(not all(map(str.startswith, found, expected)))
EOF
"$folder/venv/bin/python" -W ignore "$folder/case.py"
