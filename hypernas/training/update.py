"""Steps of an optimizer that need not be given the gradients of banks."""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from hypernas.distributed.replicated import norm as norm_of
from hypernas.mixing import Ledger, kernels, noting
from hypernas.mixing.part import is_plain
from hypernas.mixing.turn import Turn
from hypernas.native import native
from hypernas.training.rules import RULES, Rule, State

Norm = Callable[[Iterable[nn.Parameter]], Tensor]  # parameters -> of their gradients, shape ()
FUSED = "fused"

_LOG = logging.getLogger(__name__)


class Update:
    """Backward passes and the steps of an optimizer, fused for banks where that is possible.

    The gradient of a bank is a sum of gates ⊗ place(G ⊙ gains) over the weights mixed of it. Backward passes
    under `noting` keep these terms, and `step` takes them row by row, so that the gradient is neither
    written nor read, and nobody finds it in `.grad`. All else has gradients as ever, and moves as the
    optimizer has it. What the optimizer keeps is its own, and the same up to rounding (moments below
    1e-38 become 0).

    It is possible for banks of single numbers on a CPU, under `torch.optim.AdamW` or `SGD`, where the native
    part is there (see `hypernas.native`); banks that something looks at or computes with (hooks) are left out.

    Args:
        optimizer: of a generator's parameters.
        alone: False where other processes have parts of the gradients.

    Attributes:
        path: "fused", or "torch" and why.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, *, alone: bool = True) -> None:
        self.optimizer = optimizer
        self._rule = next((rule for rule in RULES if type(optimizer) is rule.kind), None)
        self._ledger = Ledger()
        reason = _reason(optimizer, self._rule, alone=alone)
        self.path = f"torch: {reason}" if reason else FUSED
        _LOG.info("steps of the optimizer are %s", self.path)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Within, backward passes keep terms of banks' gradients for the next `step`."""
        if self.path != FUSED:
            yield
            return
        state = self.optimizer.state
        self._ledger.take(p for p in self.parameters() if _can_be_noted(p, state.get(p, {})))
        with noting(self._ledger):
            yield

    def parameters(self) -> list[nn.Parameter]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    @torch.no_grad()
    def step(
        self,
        max_norm: float | None = None,
        norm: Norm | None = None,
    ) -> Tensor:  # shape: ()
        """Clip the gradients to a norm, take a step, drop them; returns the norm they had.

        Args:
            max_norm: None for no clipping.
            norm: of the gradients of some parameters; None for that of these alone.
        """
        parameters, bound = self.parameters(), max_norm or math.inf
        noted = self._ledger.terms()
        found = (norm or norm_of)(parameters)
        if self._rule is not None and noted:
            turns = [Turn.of(*pair) for pair in noted]
            squares = kernels.squares(turns)
            found = torch.hypot(found, found.new_tensor(math.sqrt(squares)))
            scale = torch.clamp(bound / (found + 1e-6), max=1.0)  # as torch's own
            self._move(self._rule, [p for p, _ in noted], turns, float(scale))
        torch.nn.utils.clip_grads_with_norm_(parameters, bound, found)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._ledger.clear()
        return found

    def _move(
        self, rule: Rule, banks: Sequence[nn.Parameter], turns: Sequence[Turn], scale: float
    ) -> None:
        """Move banks by their terms, before the parameters that gates may be."""
        groups = {id(p): group for group in self.optimizer.param_groups for p in group["params"]}
        moving = []
        for bank, turn in zip(banks, turns, strict=True):
            group = groups[id(bank)]
            state = self.optimizer.state[bank] if rule.remembers(group) else {}
            moments, constants = rule.advance(bank, state, group)
            moving.append(turn._replace(moments=moments, constants=constants, scale=scale))
        kernels.update(moving)
        torch.autograd.graph.increment_version(banks)


def _reason(optimizer: torch.optim.Optimizer, rule: Rule | None, *, alone: bool) -> str | None:
    """The reason why steps are not fused; None where they are."""
    if not alone:
        return "several processes, or divided banks"
    if rule is None:
        return f"{type(optimizer).__name__} is neither AdamW nor SGD"
    groups = optimizer.param_groups
    options = [name for name in rule.refused if any(group[name] for group in groups)]
    options += [name for name in ("lr",) if any(isinstance(g[name], Tensor) for g in groups)]
    if options:
        return f"the optimizer's {', '.join(options)}"
    if optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks:
        return "the optimizer's hooks"
    library = native()
    return None if library.library is not None else library.words


def _can_be_noted(parameter: nn.Parameter, state: State) -> bool:
    """True for single numbers on a CPU whose gradient nobody else asks for."""
    moments = [value for value in state.values() if isinstance(value, Tensor) and value.dim()]
    return (
        type(parameter) is nn.Parameter
        and parameter.requires_grad
        and all(is_plain(own) and own.is_contiguous() for own in (parameter, *moments))
        and not parameter._backward_hooks
        and not getattr(parameter, "_post_accumulate_grad_hooks", None)
    )
