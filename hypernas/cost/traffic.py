"""What training on several ranks sends and stores."""

_FLOAT32 = 4  # bytes


def all_reduce_seconds(
    num_parameters: int,
    *,
    num_ranks: int,
    bytes_per_second: float,  # of each rank's link, one way
) -> float:
    """The time in which ranks add up their gradients, if links are all that counts.

    2 (N - 1) / N bytes for each byte of gradient cross each link, in a ring as in any other
    way that is best for the bandwidth (Patarasuk and Yuan, 2009, J. Parallel Distrib. Comput. 69).
    """
    sent = 2 * (num_ranks - 1) / num_ranks * num_parameters * _FLOAT32
    return sent / bytes_per_second


def training_bytes(num_parameters: int, *, num_shards: int = 1) -> int:
    """Bytes a rank stores for parameters, gradients, and AdamW's two moments in float32.

    Args:
        num_shards: ranks that divide the moments among them.
    """
    return num_parameters * _FLOAT32 * 2 + -(-num_parameters * _FLOAT32 * 2 // num_shards)
