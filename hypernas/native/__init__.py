"""The part in C++: compiled at first use, and left out where that is not possible."""

from hypernas.native.library import Native, native

__all__ = ["Native", "native"]
