"""Parts for processors: in C++, compiled at first use and left out where that is not possible; in Triton, `gpu`."""

from hypernas.native.library import SWITCH, Native, native

__all__ = ["SWITCH", "Native", "native"]
