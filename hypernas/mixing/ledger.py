"""Ledger: terms of the gradients of banks, which need not be written."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

from hypernas.mixing.part import Part

_AT_ONCE = (
    16  # gradients that the terms of one pass may be as large as; more have not been measured
)
_opened: ContextVar["Ledger | None"] = ContextVar("ledger", default=None)


class Ledger:
    """Terms of the gradients of banks: gates ⊗ place(G ⊙ gains), G the gradient of a weight.

    The terms of one backward pass are there at once, so they are kept: those of many weights that are mixed of
    few entries (templates that layers share, several subnets) too, which adds up faster than what it would
    be written to. Those of several passes (batches that are accumulated) are kept as long as they are together no
    larger than the gradient, which has K numbers an entry; then they are written to it.
    """

    def __init__(self) -> None:
        self._parameters: dict[int, nn.Parameter] = {}
        self._terms: dict[int, list[Part]] = {}
        self._squares: dict[int, float] = {}
        self._written: set[int] = set()
        self._earlier: set[int] = set()
        self.blocks = 0  # of `noting` that it is open in

    def take(self, banks: Iterable[nn.Parameter]) -> None:
        """Note terms of these from now on; they are contiguous single numbers, where there are kernels."""
        self._parameters.update((id(bank), bank) for bank in banks)

    def takes(self, bank: Tensor) -> bool:
        """True for a bank whose gradient is not to be written."""
        return id(bank) in self._parameters and id(bank) not in self._written

    def begin(self) -> None:
        """Begin with another backward pass."""
        self._earlier = {key for key, terms in self._terms.items() if terms}

    def note(self, term: Part) -> bool:
        """Keep a term; False, and all of them are written and this is to be, if it makes them too large."""
        key = id(term.bank)
        terms = self._terms.setdefault(key, [])
        most = term.bank.numel() * (1 if key in self._earlier else _AT_ONCE)
        if sum([part.weight.numel() for part in terms], term.weight.numel()) > most:
            self._write(key)
            return False
        terms.append(term)
        return True

    def measure(self, term: Part, squares: float | None) -> None:
        """Know the sum of the squares of what a term, which is kept, adds to its bank's gradient."""
        if squares is not None:
            self._squares[id(term.bank)] = squares

    def squares(self, terms: Sequence[Part]) -> float | None:
        """The sum of the squares of the gradient that terms add up to, where there is one whose sum is known."""
        return self._squares.get(id(terms[0].bank)) if len(terms) == 1 else None

    def terms(self) -> list[tuple[nn.Parameter, list[Part]]]:
        """The banks that have terms and nothing else; where they have both, they are written."""
        for key in list(self._terms):
            if self._parameters[key].grad is not None:
                self._write(key)
        return [(self._parameters[key], terms) for key, terms in self._terms.items() if terms]

    def clear(self) -> None:
        """Begin with another step, and no banks."""
        self._parameters.clear()
        self._terms.clear()
        self._squares.clear()
        self._written.clear()
        self._earlier.clear()

    @torch.no_grad()
    def _write(self, key: int) -> None:
        self._written.add(key)
        bank, terms = self._parameters[key], self._terms.pop(key)
        if bank.grad is None and terms:
            bank.grad = torch.zeros_like(bank)
        for term in terms:
            if bank.grad is not None:
                term.add_to(bank.grad)


@contextmanager
def noting(ledger: Ledger) -> Iterator[None]:
    """Within, backward passes of `mix_all` note in this ledger what they would write of banks' gradients."""
    before = _opened.set(ledger)
    ledger.blocks += 1
    try:
        yield
    finally:
        ledger.blocks -= 1
        _opened.reset(before)


def opened() -> Ledger | None:
    """The ledger of the present block, if there is one."""
    return _opened.get()


def still_open(ledger: Ledger | None) -> Ledger | None:
    """The ledger of the present block, or that of a forward pass whose block has not ended.

    Backward passes on a GPU run in a thread of autograd's, which the present block is unknown to.
    """
    now = opened()
    return ledger if now is None and ledger is not None and ledger.blocks else now
