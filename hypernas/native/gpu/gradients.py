"""Gradients of weights, pulled back to coefficients: sums of tiles, and their sums."""

import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]

from hypernas.native.gpu import table as t

# Numbers of a sum: address and length of what it is added to; place and number of the matrices that are added up.
SUM = tl.constexpr(4)
MATRIX = tl.constexpr(
    3
)  # of a matrix: its address, its rows, and numbers to add up beside each other


@triton.jit
def pull_back(table, JOBS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Write the sums of a tile, for gates (tiles, K), or (blocks of columns, O, K), and gains.

    Those of rows are (blocks of columns, O), those of columns (blocks of rows, L); WEIGHT is the gradient.
    """
    job, tile = t.job_of(table, JOBS, t.PART)
    num_rows, num_columns = tl.load(job + t.NUM_ROWS), tl.load(job + t.NUM_COLUMNS)
    down, across, r, j = t.tile_of(tile, num_columns, ROWS, COLUMNS)
    in_rows, in_columns = r < num_rows, j < num_columns
    here = in_rows[:, None] & in_columns[None, :]
    row = t.positions(table, tl.load(job + t.ROW_PLACES), tl.load(job + t.FIRST_ROW), r, in_rows)
    column = t.positions(
        table, tl.load(job + t.COLUMN_PLACES), tl.load(job + t.FIRST_COLUMN), j, in_columns
    )
    entries, height, width = (
        tl.load(job + t.ENTRIES),
        tl.load(job + t.HEIGHT),
        tl.load(job + t.WIDTH),
    )
    bank, gates, to_gates = (
        tl.load(job + t.BANK),
        tl.load(job + t.GATES),
        tl.load(job + t.TO_GATES),
    )
    own_gates = tl.load(job + t.OWN_GATES)
    out = t.numbers(tl.load(job + t.GAIN_OUT), row, in_rows, 1.0)
    into = t.numbers(tl.load(job + t.GAIN_IN), column // tl.load(job + t.REST), in_columns, 1.0)
    at = r[:, None] * num_columns + j[None, :]
    half = tl.load(job + t.HALF)
    gradient = t.stored(tl.load(job + t.WEIGHT), at, here, 0.0, half)
    scaled = gradient * (out[:, None] * into[None, :])
    combined = tl.zeros((ROWS, COLUMNS), tl.float32)
    for k in range(0, entries):
        gate = t.numbers(gates, row * entries * own_gates + k, in_rows, 1.0)
        at = (k * height + row)[:, None] * width + column[None, :]
        entry = t.stored(bank, at, here, 0.0, half)
        combined += gate[:, None] * entry
        along = tl.sum(scaled * entry, 1)
        if own_gates != 0:
            t.write(to_gates, (across * height + row) * entries + k, along, in_rows)
        elif to_gates != 0:
            sums = to_gates.to(tl.pointer_type(tl.float32))
            tl.store(sums + tile * entries + k, tl.sum(along, 0))
    combined *= gradient
    to_out, to_into = tl.load(job + t.TO_GAIN_OUT), tl.load(job + t.TO_GAIN_IN)
    t.write(to_out, across * height + row, tl.sum(combined * into[None, :], 1), in_rows)
    t.write(to_into, down * width + column, tl.sum(combined * out[:, None], 0), in_columns)
    t.write(tl.load(job + t.TO_OFFSET), column, tl.sum(gradient, 0), in_columns)  # one row


@triton.jit
def add_up(table, JOBS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Add the columns of matrices to an array, in the order of jobs and tiles."""
    job, tile = t.job_of(table, JOBS, SUM)
    num = tl.load(job + 1)
    e = tile * COLUMNS + tl.arange(0, COLUMNS)
    inside = e < num
    total = tl.zeros((COLUMNS,), tl.float64)
    matrix = table + tl.load(job + 2)
    for _m in range(0, tl.load(job + 3)):
        address, height, beside = tl.load(matrix), tl.load(matrix + 1), tl.load(matrix + 2)
        for first in range(0, height, ROWS):
            r = first + tl.arange(0, ROWS)
            here = (r < height)[:, None] & inside[None, :]
            for i in range(0, beside):
                at = (r[:, None] * num + e[None, :]) * beside + i
                total += tl.sum(t.numbers(address, at, here, 0.0).to(tl.float64), 0)
        matrix += MATRIX
    to = tl.load(job)
    t.write(to, e, t.numbers(to, e, inside, 0.0) + total.to(tl.float32), inside)
