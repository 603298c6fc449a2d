"""Residual blocks that start as the identity."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import torch
from torch import nn

from hypernas.border import checked
from hypernas.space import SearchSpace
from hypernas.spaces.changes.branches import branch_norms
from hypernas.spaces.changes.change import changed


@checked
def identity_start(space: SearchSpace, *, zero: Sequence[str] | None = None) -> SearchSpace:
    """The space whose modules start with residual branches of zero, so that blocks are their shortcuts.

    BigNAS (Yu et al., 2020, arXiv 2003.11142, section 3.2) starts the scale of the last norm of each residual block at 0, as Goyal et
    al., 2017, arXiv 1706.02677, section 5.1, do. What is zero is so where the builder initialises, so for every generator
    whose weights begin there; parameters of coefficients start as ever.

    Args:
        zero: patterns of the parameters that start at 0; None for scale and shift of the norms that end residual
            branches (see `hypernas.spaces.changes.branches.branch_norms`).

    Raises:
        ValueError: if a pattern matches no parameter, or no such norm is found.
    """
    if zero is None:
        patterns = [f"{name}.*" for name in branch_norms(space)]
    else:
        patterns = list(zero)
        names = [n for a in space.references() for n, _ in space.build(a).named_parameters()]
        wrong = [p for p in patterns if not any(fnmatchcase(name, p) for name in names)]
        if wrong:
            raise ValueError(f"the patterns {wrong} match none of the parameters {names}.")
    return changed(space, partial(_built, space, patterns))


def _built(
    space: SearchSpace, patterns: Sequence[str], architecture: Mapping[str, Any]
) -> nn.Module:
    module = space.build(architecture)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if any(fnmatchcase(name, pattern) for pattern in patterns):
                parameter.zero_()
    return module
