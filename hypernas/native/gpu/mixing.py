"""Weights mixed of banks."""

import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]

from hypernas.native.gpu import table as t


@triton.jit
def mix(table, JOBS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Write a tile of a weight."""
    job, tile = t.job_of(table, JOBS, t.PART)
    num_rows, num_columns = tl.load(job + t.NUM_ROWS), tl.load(job + t.NUM_COLUMNS)
    _down, _across, r, j = t.tile_of(tile, num_columns, ROWS, COLUMNS)
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
    bank, gates = tl.load(job + t.BANK), tl.load(job + t.GATES)
    first_gate = row * entries * tl.load(job + t.OWN_GATES)
    half = tl.load(job + t.HALF)
    weight = tl.zeros((ROWS, COLUMNS), tl.float32)
    for k in range(0, entries):
        gate = t.numbers(gates, first_gate + k, in_rows, 1.0)
        at = (k * height + row)[:, None] * width + column[None, :]
        weight += gate[:, None] * t.stored(bank, at, here, 0.0, half)
    out = t.numbers(tl.load(job + t.GAIN_OUT), row, in_rows, 1.0)
    into = t.numbers(tl.load(job + t.GAIN_IN), column // tl.load(job + t.REST), in_columns, 1.0)
    offset = t.numbers(tl.load(job + t.OFFSET), column, in_columns, 0.0)
    weight = weight * (out[:, None] * into[None, :]) + offset[None, :]
    at = r[:, None] * num_columns + j[None, :]
    t.store(tl.load(job + t.WEIGHT), at, weight, here, half)
