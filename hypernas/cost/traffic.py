"""Bytes that training on several ranks sends and stores."""

from hypernas.border import checked

_FLOAT32 = 4  # bytes


@checked
def all_reduce_bytes(num_parameters: int, *, num_ranks: int) -> float:
    """Bytes that each rank sends so that all have the sum of their gradients.

    2 (N - 1) / N bytes for each byte of gradient cross each link, in a ring as in any other
    way that is best for the bandwidth (Patarasuk and Yuan, 2009, J. Parallel Distrib. Comput. 69).
    """
    return _sent(num_ranks) * num_parameters * _FLOAT32


@checked
def all_reduce_seconds(
    num_parameters: int,
    *,
    num_ranks: int,
    bytes_per_second: float,  # of each rank's link, one way
) -> float:
    """The time in which ranks add up their gradients, if links are all that counts."""
    _check(bytes_per_second=bytes_per_second)
    return all_reduce_bytes(num_parameters, num_ranks=num_ranks) / bytes_per_second


@checked
def delivery_bytes(num_weights: int, *, num_ranks: int, num_subnets: int = 1) -> float:
    """Bytes that each rank sends, on average, where banks are divided.

    Of the weights of its subnets (N - 1) / N are mixed on other ranks, and as many gradients go back.
    What is copied, such as a hypernetwork of coefficients, comes on top (`all_reduce_bytes`), and
    with in-place distillation the largest subnet's weights once more, to ranks that train others.

    Args:
        num_weights: of a subnet.
        num_subnets: that each rank trains in a step.
    """
    return _sent(num_ranks) * num_subnets * num_weights * _FLOAT32


@checked
def training_bytes(num_parameters: int, *, num_shards: int = 1) -> int:
    """Bytes a rank stores for parameters, gradients, and AdamW's two moments in float32.

    Where banks are divided, its `num_parameters` are its part.

    Args:
        num_shards: ranks that divide the moments among them.
    """
    _check(num_shards=num_shards)
    return num_parameters * _FLOAT32 * 2 + -(-num_parameters * _FLOAT32 * 2 // num_shards)


def _sent(num_ranks: int) -> float:
    """Bytes that a rank sends for each byte that all are to have, and to have summed."""
    _check(num_ranks=num_ranks)
    return 2 * (num_ranks - 1) / num_ranks


def _check(**positive: float) -> None:
    if wrong := [
        f"{name} must be positive, got {value}" for name, value in positive.items() if value <= 0
    ]:
        raise ValueError("; ".join(wrong) + ".")
