"""Changes: functions that make another space of one."""

from hypernas.spaces.changes.bins import equal_bins
from hypernas.spaces.changes.coupling import coupled
from hypernas.spaces.changes.identity import identity_start
from hypernas.spaces.changes.regularization import regularized_largest
from hypernas.spaces.changes.resolution import elastic_resolution

__all__ = ["coupled", "elastic_resolution", "equal_bins", "identity_start", "regularized_largest"]
