"""Hidden layers of the networks that write weights."""

from collections.abc import Sequence


def hidden_units(widths: Sequence[int]) -> tuple[int, ...]:
    """The units of each hidden layer.

    Raises:
        ValueError: if one has none, as everything behind it would be constant.
    """
    found = tuple(map(int, widths))
    if any(width < 1 for width in found):
        raise ValueError(f"hidden_dims must be 1 or more each, or [] for no layer, got {[*found]}.")
    return found
