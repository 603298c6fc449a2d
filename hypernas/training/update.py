"""Steps of an optimizer that need not be given the gradients of banks."""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from hypernas.border import checked
from hypernas.distributed.replicated import norm as norm_of
from hypernas.mixing import Ledger, kernels, noting
from hypernas.mixing.kernels import COMPILED, Choice, choice
from hypernas.mixing.part import is_plain
from hypernas.mixing.turn import Turn
from hypernas.training.precision import State, keep_moments_single, single
from hypernas.training.rules import RULES, Rule

Norm = Callable[[Iterable[nn.Parameter]], Tensor]  # parameters -> of their gradients, shape ()
Check = Callable[[Tensor], bool]  # norm of the gradient, shape () -> True if parameters may move
FUSED = "fused"
_LONGEST = 2**16  # numbers of a row

_LOG = logging.getLogger(__name__)


class Update:
    """Backward passes and the steps of an optimizer, fused for banks where that is possible.

    The gradient of a bank is a sum of gates ⊗ place(G ⊙ gains) over the weights mixed of it. Backward passes
    under `noting` keep these terms, and `step` takes them row by row, so that the gradient is neither
    written nor read, and nobody finds it in `.grad`. All else has gradients as ever. What the optimizer keeps is its own, and the same up to rounding (moments below
    1e-38 become 0).

    It is possible for banks of single numbers, or of half ones (bfloat16), under `torch.optim.AdamW` or `SGD`, where there are kernels for
    the device (`hypernas.mixing.kernels`: in C++ for a CPU, in Triton for a GPU if it is asked for, where they
    have not been run yet); banks that something looks at or computes with (hooks) are left out.

    Args:
        optimizer: of a generator's parameters.
        alone: False where other processes have parts of the gradients.

    Attributes:
        path: "fused", "fused by Triton", or "torch" and why.
    """

    @checked
    def __init__(self, optimizer: torch.optim.Optimizer, *, alone: bool = True) -> None:
        self.optimizer = optimizer
        self._rule = next((rule for rule in RULES if type(optimizer) is rule.kind), None)
        self._ledger = Ledger()
        kinds = dict.fromkeys(p.device.type for p in self.parameters())
        chosen = [choice(kind) for kind in kinds or ("cpu",)]  # parameters may yet come
        reason = _reason(optimizer, self._rule, chosen, alone=alone)
        self.fused = reason is None
        self.path = _path(chosen) if reason is None else f"torch: {reason}"
        keep_moments_single(optimizer)
        _LOG.info("steps of the optimizer are %s", self.path)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Within, backward passes keep terms of banks' gradients for the next `step`."""
        if not self.fused:
            yield
            return
        self._ledger.take(self._simple(p for p in self.parameters() if _can_be_noted(p)))
        with noting(self._ledger):
            yield

    def parameters(self) -> list[nn.Parameter]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    @torch.no_grad()
    def step(
        self,
        max_norm: float | None = None,
        norm: Norm | None = None,
        check: Check | None = None,
    ) -> Tensor:  # shape: ()
        """Clip the gradients to a norm, take a step, drop them; returns the norm they had.

        Args:
            max_norm: None for no clipping.
            norm: of the gradients of some parameters; None for that of these alone.
            check: is asked whether parameters may move; if not, gradients are dropped alone.
        """
        parameters, bound = self.parameters(), max_norm or math.inf
        banks = self._banks()
        others = self._others() if banks else {}
        written = [p.grad for p in others]  # turns only know their addresses
        for parameter in others:
            parameter.grad = None
        with single(self.optimizer, parameters):
            found = (norm or norm_of)(parameters)
            if self._rule is not None and (banks or others):
                squares = kernels.squares([*banks.values(), *others.values()])
                found = torch.hypot(found.to(squares.device), squares.sqrt().to(found.dtype))
            moves = check is None or check(found)
            if moves and self._rule is not None and (banks or others):
                scale = torch.clamp(bound / (found + 1e-6), max=1.0)  # as torch's own
                self._move(self._rule, banks, scale)  # first, as gates may be parameters
                self._move(self._rule, others, scale)
            del written
            left = any(p.grad is not None for p in parameters)
            # a schedule of torch's counts the calls
            if moves and (left or "step" in vars(self.optimizer)):
                torch.nn.utils.clip_grads_with_norm_(parameters, bound, found)
                self.optimizer.step()
        self.zero_grad()
        return found

    def zero_grad(self) -> None:
        """Drop all gradients, and the terms of those of banks."""
        for parameter in self.parameters():
            parameter.grad = None
        self._ledger.clear()

    def _banks(self) -> dict[nn.Parameter, Turn]:
        """Those that have terms."""
        squares = self._ledger.squares
        return {b: Turn.of(b, terms, squares(terms)) for b, terms in self._ledger.terms()}

    def _others(self) -> dict[nn.Parameter, Turn]:
        """Those whose gradients are written, as far as the native part can take them."""
        if not self.fused:
            return {}
        written = (p for p in self.parameters() if p.grad is not None)
        return {
            parameter: Turn.of_gradient(parameter, gradient)
            for parameter in self._simple(written)
            if (gradient := parameter.grad) is not None and _can_be_moved(parameter, gradient)
        }

    def _simple(self, parameters: Iterable[nn.Parameter]) -> Iterator[nn.Parameter]:
        """Those that are plain, and side by side, as their moments are, where there are kernels."""
        state = self.optimizer.state
        there: dict[torch.device, bool] = {}
        for parameter in parameters:
            device = parameter.device
            if device not in there:
                there[device] = kernels.kernels_on(device) is not None
            if there[device] and _is_simple(parameter, state.get(parameter, {})):
                yield parameter

    def _move(self, rule: Rule, turns: Mapping[nn.Parameter, Turn], scale: Tensor) -> None:
        """Move parameters by gradients that are scaled."""
        left = {id(parameter): turn for parameter, turn in turns.items()}
        state, moving = self.optimizer.state, []
        for group in self.optimizer.param_groups:
            own = [p for p in group["params"] if id(p) in left]
            states = [state[p] if rule.remembers(group) else {} for p in own]
            for parameter, found in zip(own, rule.advance(own, states, group), strict=True):
                moving.append(left[id(parameter)].moving(*found))
        kernels.update(moving, scale)
        torch.autograd.graph.increment_version(list(turns))


def _path(chosen: Sequence[Choice]) -> str:
    """The name of fused steps; that of kernels is told if they are not the usual ones."""
    others = [each.words for each in chosen if each.kernels and each.words != COMPILED]
    return f"{FUSED} by {', '.join(others)}" if others else FUSED


def _reason(
    optimizer: torch.optim.Optimizer,
    rule: Rule | None,
    chosen: Sequence[Choice],
    *,
    alone: bool,
) -> str | None:
    """The reason why steps are not fused; None where they are."""
    if not alone:
        return "several processes, or divided banks"
    if rule is None:
        return f"{type(optimizer).__name__} is neither AdamW nor SGD"
    groups = optimizer.param_groups
    options = [name for name in rule.refused if any(group[name] for group in groups)]
    options += [name for name in groups[0] if any(isinstance(g.get(name), Tensor) for g in groups)]
    if options:
        return f"the optimizer's {', '.join(options)}"
    if optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks:
        return "the optimizer's hooks"
    parameters = [p for group in groups for p in group["params"]]
    if parameters and not any(map(is_plain, parameters)):  # of a generator that has some
        return "nothing is of single precision, or bfloat16, on a CPU or a GPU"
    there = any(each.kernels for each in chosen)
    return None if there else ", ".join(each.words for each in chosen)


def _can_be_noted(parameter: nn.Parameter) -> bool:
    """True for numbers whose gradient nobody else asks for."""
    return (
        type(parameter) is nn.Parameter
        and parameter.requires_grad
        and not parameter._backward_hooks
        and not getattr(parameter, "_post_accumulate_grad_hooks", None)
    )


def _can_be_moved(parameter: nn.Parameter, gradient: Tensor) -> bool:
    """True for those of rows that are short enough to be held."""
    rows = parameter.shape[0] if parameter.dim() > 1 else 1
    simple = gradient.layout == torch.strided and is_plain(gradient) and gradient.is_contiguous()
    return simple and 0 < parameter.numel() <= rows * _LONGEST


def _is_simple(parameter: nn.Parameter, state: State) -> bool:
    """True if a parameter and its moments are plain, and side by side."""
    if not (is_plain(parameter) and parameter.is_contiguous()):
        return False
    moments = [value for value in state.values() if isinstance(value, Tensor) and value.dim()]
    return all(is_plain(value) and value.is_contiguous() for value in moments)
