"""The device to compute on."""

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
