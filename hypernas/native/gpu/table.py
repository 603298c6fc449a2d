"""The table of a launch, as its programs read it.

It holds the first tile of each job, in ascending order (as many as a power of two, filled up with tiles that
there are not), then the numbers of each job, then positions and terms, which jobs tell the place of by its
distance from the beginning. Arrays of single numbers, or half ones, are addresses; what is absent is 0.
"""

import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]

# Numbers of a weight, or of a term, in the order of `Part` in step.cpp.
BANK = tl.constexpr(0)
WEIGHT = tl.constexpr(1)
GATES = tl.constexpr(2)
GAIN_OUT = tl.constexpr(3)
GAIN_IN = tl.constexpr(4)
OFFSET = tl.constexpr(5)
TO_GATES = tl.constexpr(6)
TO_GAIN_OUT = tl.constexpr(7)
TO_GAIN_IN = tl.constexpr(8)
TO_OFFSET = tl.constexpr(9)
ROW_PLACES = tl.constexpr(10)
COLUMN_PLACES = tl.constexpr(11)
ENTRIES = tl.constexpr(12)
HEIGHT = tl.constexpr(13)
WIDTH = tl.constexpr(14)
REST = tl.constexpr(15)
NUM_ROWS = tl.constexpr(16)
NUM_COLUMNS = tl.constexpr(17)
FIRST_ROW = tl.constexpr(18)
FIRST_COLUMN = tl.constexpr(19)
OWN_GATES = tl.constexpr(20)
HALF = tl.constexpr(21)  # 1 where bank and weight are half numbers (bfloat16)
PART = tl.constexpr(22)  # how many there are


@triton.jit
def job_of(table, JOBS: tl.constexpr, NUMBERS: tl.constexpr):
    """The numbers of the job of this program, and which of its tiles is meant."""
    program = tl.program_id(0).to(tl.int64)
    firsts = tl.load(table + tl.arange(0, JOBS))
    job = tl.sum((firsts <= program).to(tl.int32), 0) - 1
    return table + JOBS + job * NUMBERS, program - tl.load(table + job)


@triton.jit
def tile_of(tile, num_columns, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Blocks of rows and columns of a tile, and the rows and columns."""
    blocks = tl.cdiv(num_columns, COLUMNS)
    down, across = tile // blocks, tile % blocks
    return (
        down,
        across,
        down * ROWS + tl.arange(0, ROWS),
        across * COLUMNS + tl.arange(0, COLUMNS),
    )


@triton.jit
def _there(here, array):
    """Nowhere, if an array is absent. (Triton 3.9 interprets `here & (array != 0)` as whole numbers.)"""
    return tl.where(array != 0, here, False)


@triton.jit
def numbers(address, at, here, absent):
    """Single numbers of an array; `absent` where there is none, or not `here`."""
    array = address.to(tl.pointer_type(tl.float32))
    return tl.load(array + at, mask=_there(here, address), other=absent)


@triton.jit
def stored(address, at, here, absent, half):
    """Numbers of an array of single or half numbers, as single ones."""
    short = address.to(tl.pointer_type(tl.bfloat16))
    in_halves = tl.where(half != 0, _there(here, address), False)
    wide = tl.load(short + at, mask=in_halves, other=0.0).to(tl.float32)
    in_singles = tl.where(half == 0, here, False)
    return tl.where(in_halves, wide, numbers(address, at, in_singles, absent))


@triton.jit
def store(address, at, values, here, half):
    """Write numbers to an array of single or half ones, if there is one."""
    short = address.to(tl.pointer_type(tl.bfloat16))
    in_halves = tl.where(half != 0, _there(here, address), False)
    tl.store(short + at, values.to(tl.bfloat16), mask=in_halves)
    write(address, at, values, tl.where(half == 0, here, False))


@triton.jit
def write(address, at, values, here):
    """Write single numbers to an array, if there is one."""
    array = address.to(tl.pointer_type(tl.float32))
    tl.store(array + at, values, mask=_there(here, address))


@triton.jit
def positions(table, places, first, index, here):
    """Positions in a bank of rows or columns of a weight."""
    listed = tl.load(table + places + index, mask=_there(here, places), other=0)
    return tl.where(places != 0, listed, first + index)


@triton.jit
def indices(table, places, first, position, here):
    """Rows or columns of a weight that stand at positions in a bank: outside of 0 to their number if none does."""
    listed = tl.load(table + places + position, mask=_there(here, places), other=-1)
    return tl.where(places != 0, listed, position - first)
