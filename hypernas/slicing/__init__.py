"""Where a small weight sits in a large one."""

from hypernas.slicing.layout import Layout, layout_of
from hypernas.slicing.slice import Axis, Slice, prefix, slice_of, spatial_axes

__all__ = ["Axis", "Layout", "Slice", "layout_of", "prefix", "slice_of", "spatial_axes"]
