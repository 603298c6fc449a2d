"""Greedy decoding of a number of symbols, of tensors as of arrays."""

from typing import Any

from hypernas.decoding.translation import stepper_of


def write(translator: Any, source: Any, num: int) -> Any:
    """The last of `num` likeliest symbols, one after the other, whatever they are.

    Args:
        translator: with the methods of `hypernas.decoding.Translator`, of tensors or of arrays.
        source: shape (N, S), of which the first symbols begin the targets.
    """
    state, symbols, advance = translator.start(source), source[:, 0], stepper_of(translator)
    for _ in range(num):
        logits, *state = advance(symbols, *state)
        symbols = logits.argmax(-1)
    return symbols
