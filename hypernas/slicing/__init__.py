"""Places of small weights inside large ones."""

from hypernas.slicing.layout import Layout, layout_of
from hypernas.slicing.slice import Axis, Slice, centre, prefix, slice_of, spatial_axes

__all__ = ["Axis", "Layout", "Slice", "centre", "layout_of", "prefix", "slice_of", "spatial_axes"]
