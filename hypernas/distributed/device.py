"""The device and the threads to compute on."""

import torch


def pick_device(device: str | torch.device) -> torch.device:
    """ "auto" is the GPU if there is one, else the CPU.

    Raises:
        ValueError: if the device is unknown or not there.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        picked = torch.device(device)
        torch.empty(0, device=picked)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device {device!r} cannot be used: {error}") from None
    return picked


def use_threads(threads: int | None) -> None:
    """Let torch compute on so many threads of the CPU; None leaves its own choice.

    Raises:
        ValueError: if it is no whole number of 1 or more.
    """
    if threads is None:
        return
    if not isinstance(threads, int) or isinstance(threads, bool) or threads < 1:
        raise ValueError(f"threads: expected a whole number, 1 or more, or null, got {threads!r}.")
    torch.set_num_threads(threads)
