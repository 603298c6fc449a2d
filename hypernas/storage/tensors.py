"""Tensors as a safetensors file, written one after the other.

The file is 8 bytes with the length of a header, the header as JSON (name -> dtype, shape and place), and
the numbers (https://huggingface.co/docs/safetensors, section Format). Written here, as the library's own
writer wants a copy of everything in memory at once, and tells no checksum.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from hypernas.storage.seal import Altered

_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.complex64: "C64",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint64: "U64",
    torch.uint32: "U32",
    torch.uint16: "U16",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


Write = Callable[[memoryview | bytes], object]  # appends bytes to a file


def write_tensors(write: Write, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors of any device, of which one at a time is copied to the CPU if it is elsewhere.

    Raises:
        ValueError: if the format has no name for a dtype.
    """
    if strange := {n: t.dtype for n, t in tensors.items() if t.dtype not in _NAMES}:
        raise ValueError(f"safetensors cannot hold {strange}: expected one of {list(_NAMES)}.")
    # The widest numbers first, so that each tensor begins at a multiple of its numbers' size.
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    header: dict[str, dict[str, object]] = {}
    end = 0
    for name in order:
        tensor = tensors[name]
        begin, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    write(len(text).to_bytes(8, "little") + text)
    for name in order:
        if tensors[name].numel():
            plain = tensors[name].detach().cpu().contiguous().reshape(-1)
            write(plain.view(torch.uint8).numpy().data)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, on the CPU; nothing is allocated that the file does not hold.

    Raises:
        FileNotFoundError: if there is no such file.
        Altered: if it is no whole safetensors file.
    """
    try:
        return load_file(path)
    except (SafetensorError, ValueError) as error:
        raise Altered(f"{path} cannot be read as safetensors: {error}.") from None
