"""Decoding of translations: greedily, or by beam search."""

from collections.abc import Callable
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from hypernas.border import checked

State = tuple[Tensor, ...]  # what is kept of source and earlier symbols, each of shape (N, ...)

# Legend: N sources, K hypotheses of each, V symbols.


class Translator(Protocol):
    """An encoder-decoder that reads a target symbol by symbol."""

    def start(self, source: Tensor) -> State:
        """The state before the first symbol of the targets of sources, of shape (N, S)."""
        ...

    def advance(self, symbols: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """The logits (N, V) of what follows one more symbol of each target (N,), and the state after it."""
        ...


class Stepping(Protocol):
    """A translator that has a quicker way to read many symbols with the same weights."""

    def stepper(self) -> Callable[..., tuple[Tensor, ...]]:
        """A function that does what `Translator.advance` does, with the weights that there are now."""
        ...


def stepper_of(model: Any) -> Callable[..., Any]:
    """`advance` of a translator, or what stands for it in one that is `Stepping`."""
    if hasattr(model, "stepper"):
        return cast(Stepping, model).stepper()
    return cast(Translator, model).advance


@checked
@torch.no_grad()
def translate(
    model: Translator,
    source: Tensor,  # shape: (N, S), of symbols
    *,
    start: int,
    end: int,
    longest: int,
    beam: int = 1,
    length_penalty: float = 1.0,
) -> list[list[int]]:
    """The likeliest target of each source, without start and end.

    With a beam of one each symbol is the likeliest after those before it. A wider beam keeps as many hypotheses of a source,
    those whose probability is highest; one that has ended stays among them as it is. In the end the best is that of the highest
    log-probability / symbols^length_penalty, an end among the symbols. Symbols are never read again (see `Translator`).

    Args:
        model: in evaluation mode.
        start, end: the symbols that begin and end a target.
        longest: symbols of a target at most, its end among them.
        beam: hypotheses that are kept of a source.
        length_penalty: 0 compares probabilities, which prefers short targets.

    Raises:
        ValueError: if there is no room for a symbol, or for a hypothesis.
    """
    if beam < 1 or longest < 1:
        raise ValueError(f"beam and longest must be 1 or more, got {beam} and {longest}.")
    if not len(source):
        return []
    rows = torch.arange(len(source), device=source.device)
    state, advance = model.start(source), stepper_of(model)
    symbols = torch.full_like(rows, start)
    written = symbols[:, None][:, :0]
    scores = torch.zeros(len(source), 1, device=source.device)  # one hypothesis at first
    lengths = torch.zeros_like(scores)
    ended = torch.zeros_like(scores, dtype=torch.bool)
    for _ in range(longest):
        logits, *state = advance(symbols, *state)
        steps = logits.float().log_softmax(-1).view(*scores.shape, -1)  # shape: (N, K, V)
        num = steps.shape[-1]
        steps = steps.masked_fill(ended[..., None], -torch.inf)
        steps[..., end] = steps[..., end].where(~ended, 0)
        total = (scores[..., None] + steps).flatten(1)
        scores, best = total.topk(min(beam, total.shape[1]))
        parents, symbols = best // num, (best % num).flatten()
        rows = (
            parents + torch.arange(len(best), device=best.device)[:, None] * ended.shape[1]
        ).flatten()
        lengths = (lengths + ~ended).gather(1, parents)
        ended = ended.gather(1, parents) | (symbols.view_as(parents) == end)
        written = torch.cat([written[rows], symbols[:, None]], dim=1)
        state = state if beam == 1 else [tensor[rows] for tensor in state]
        if ended.all():
            break
    first = (scores / lengths**length_penalty).argmax(1, keepdim=True)
    chosen = written.view(*scores.shape, -1)[torch.arange(len(scores)), first[:, 0].cpu()]
    return [row[: row.index(end)] if end in row else row for row in chosen.tolist()]
