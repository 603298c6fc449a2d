"""Places of small weights inside large ones."""

from hypernas.slicing.layout import PREFIX, Layout, layout_of
from hypernas.slicing.slice import Axis, Slice, centre, prefix, slice_of, spatial_axes

__all__ = [
    "PREFIX",
    "Axis",
    "Layout",
    "Slice",
    "centre",
    "layout_of",
    "prefix",
    "slice_of",
    "spatial_axes",
]
