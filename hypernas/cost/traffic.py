"""Bytes that training on several ranks sends and stores."""

_FLOAT32 = 4  # bytes


def all_reduce_bytes(num_parameters: int, *, num_ranks: int) -> float:
    """Bytes that each rank sends so that all have the sum of their gradients.

    2 (N - 1) / N bytes for each byte of gradient cross each link, in a ring as in any other
    way that is best for the bandwidth (Patarasuk and Yuan, 2009, J. Parallel Distrib. Comput. 69).
    """
    return 2 * (num_ranks - 1) / num_ranks * num_parameters * _FLOAT32


def all_reduce_seconds(
    num_parameters: int,
    *,
    num_ranks: int,
    bytes_per_second: float,  # of each rank's link, one way
) -> float:
    """The time in which ranks add up their gradients, if links are all that counts."""
    return all_reduce_bytes(num_parameters, num_ranks=num_ranks) / bytes_per_second


def delivery_bytes(num_weights: int, *, num_ranks: int, num_subnets: int = 1) -> float:
    """Bytes that each rank sends, on average, where banks are divided.

    Of the weights of its subnets (N - 1) / N are mixed on other ranks, and as many gradients go back.
    What is copied, such as a hypernetwork of coefficients, comes on top (`all_reduce_bytes`), and
    with in-place distillation the largest subnet's weights once more, to ranks that train others.

    Args:
        num_weights: of a subnet.
        num_subnets: that each rank trains in a step.
    """
    return 2 * (num_ranks - 1) / num_ranks * num_subnets * num_weights * _FLOAT32


def training_bytes(num_parameters: int, *, num_shards: int = 1) -> int:
    """Bytes a rank stores for parameters, gradients, and AdamW's two moments in float32.

    Where banks are divided, its `num_parameters` are its part.

    Args:
        num_shards: ranks that divide the moments among them.
    """
    return num_parameters * _FLOAT32 * 2 + -(-num_parameters * _FLOAT32 * 2 // num_shards)
