"""How long tests wait for other processes: so long that only one which hangs is given up."""

import time
from collections.abc import Callable

SECONDS = 600


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition, which is asked again and again.

    Raises:
        TimeoutError: if it does not come.
    """
    end = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {SECONDS} seconds for what did not come.")
        time.sleep(0.05)
