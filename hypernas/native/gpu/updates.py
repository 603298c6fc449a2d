"""Updates of banks by terms of their gradients, which are never written, and sums of their squares."""

import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]

from hypernas.native.gpu import table as t

# Numbers of a bank, in the order of `Bank` in step.cpp; from SCALE on they are doubles.
VALUES = tl.constexpr(0)
FIRST = tl.constexpr(1)
SECOND = tl.constexpr(2)
TERMS = tl.constexpr(3)  # their place in the table
NUM_TERMS = tl.constexpr(4)
ENTRIES = tl.constexpr(5)
HEIGHT = tl.constexpr(6)
WIDTH = tl.constexpr(7)
FRESH = tl.constexpr(9)
NESTEROV = tl.constexpr(10)
HALF = tl.constexpr(11)  # 1 where values are half numbers; moments never are
RATE = tl.constexpr(13)
DECAY = tl.constexpr(14)
BETA1 = tl.constexpr(15)
BETA2 = tl.constexpr(16)
EPSILON = tl.constexpr(17)
ROOT = tl.constexpr(18)
COUNT = tl.constexpr(
    19
)  # address of the number of steps, where rate and root are not corrected for it
BANK = tl.constexpr(20)  # how many there are


@triton.jit
def update(
    table, scale, JOBS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr, RULE: tl.constexpr
):
    """Move a tile of each entry of a bank, by gradients times a scale of shape ()."""
    job, tile = t.job_of(table, JOBS, BANK)
    height, width = tl.load(job + HEIGHT), tl.load(job + WIDTH)
    _down, _across, row, column = t.tile_of(tile, width, ROWS, COLUMNS)
    here = (row < height)[:, None] & (column < width)[None, :]
    times = tl.load(scale)
    for k in range(0, tl.load(job + ENTRIES)):
        at = (k * height + row)[:, None] * width + column[None, :]
        gradient = times * _gradient(table, job, k, row, column, ROWS, COLUMNS)
        if RULE == 0:
            _adamw(job, at, here, gradient)
        else:
            _sgd(job, at, here, gradient)


@triton.jit
def squares(table, sums, JOBS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Write the sum of the squares of a tile of a bank's gradient, for all entries."""
    job, tile = t.job_of(table, JOBS, BANK)
    _down, _across, row, column = t.tile_of(tile, tl.load(job + WIDTH), ROWS, COLUMNS)
    total = tl.zeros((ROWS, COLUMNS), tl.float32)
    for k in range(0, tl.load(job + ENTRIES)):
        gradient = _gradient(table, job, k, row, column, ROWS, COLUMNS)
        total += gradient * gradient
    tl.store(sums + tl.program_id(0), tl.sum(tl.sum(total, 1), 0))


@triton.jit
def _gradient(table, job, k, row, column, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """A tile of the gradient of an entry, made of its terms."""
    in_bank = row < tl.load(job + HEIGHT), column < tl.load(job + WIDTH)
    total = tl.zeros((ROWS, COLUMNS), tl.float32)
    term = table + tl.load(job + TERMS)
    for _t in range(0, tl.load(job + NUM_TERMS)):
        num_columns = tl.load(term + t.NUM_COLUMNS)
        r = t.indices(
            table, tl.load(term + t.ROW_PLACES), tl.load(term + t.FIRST_ROW), row, in_bank[0]
        )
        j = t.indices(
            table,
            tl.load(term + t.COLUMN_PLACES),
            tl.load(term + t.FIRST_COLUMN),
            column,
            in_bank[1],
        )
        in_rows = in_bank[0] & (r >= 0) & (r < tl.load(term + t.NUM_ROWS))
        in_columns = in_bank[1] & (j >= 0) & (j < num_columns)
        first_gate = row * tl.load(term + t.ENTRIES) * tl.load(term + t.OWN_GATES)
        gate = t.numbers(tl.load(term + t.GATES), first_gate + k, in_rows, 1.0)
        out = t.numbers(tl.load(term + t.GAIN_OUT), row, in_rows, 1.0)
        channel = column // tl.load(term + t.REST)
        into = t.numbers(tl.load(term + t.GAIN_IN), channel, in_columns, 1.0)
        at = r[:, None] * num_columns + j[None, :]
        here = in_rows[:, None] & in_columns[None, :]
        weight = t.stored(tl.load(term + t.WEIGHT), at, here, 0.0, tl.load(term + t.HALF))
        total += weight * ((gate * out)[:, None] * into[None, :])
        term += t.PART
    return total


@triton.jit
def _adamw(job, at, here, gradient):
    rate, root = _double(job, RATE), _double(job, ROOT)
    beta1, beta2 = _double(job, BETA1), _double(job, BETA2)
    count = tl.load(job + COUNT)
    if count != 0:  # as AdamWRule corrects them where the number of steps is not on a GPU
        steps = tl.load(count.to(tl.pointer_type(tl.float32))).to(tl.float64)
        rate = rate / (1 - tl.exp(steps * tl.log(beta1)))
        root = root / tl.sqrt(1 - tl.exp(steps * tl.log(beta2)))
    values, first, second = (
        tl.load(job + VALUES),
        tl.load(job + FIRST),
        tl.load(job + SECOND),
    )
    half = tl.load(job + HALF)
    value = t.stored(values, at, here, 0.0, half)
    mean = t.numbers(first, at, here, 0.0)
    square = t.numbers(second, at, here, 0.0)
    mean += (1 - beta1).to(tl.float32) * (gradient - mean)
    square = square * beta2.to(tl.float32) + (1 - beta2).to(tl.float32) * gradient * gradient
    slope = tl.sqrt_rn(square) * root.to(tl.float32) + _double(job, EPSILON).to(tl.float32)
    kept = value * _double(job, DECAY).to(tl.float32)
    t.write(first, at, mean, here)
    t.write(second, at, square, here)
    value = kept - tl.div_rn(rate.to(tl.float32) * mean, slope)
    t.store(values, at, value, here, half)


@triton.jit
def _sgd(job, at, here, gradient):
    """Without a momentum's tensor every step is as the first of one."""
    rate, decay = _double(job, RATE).to(tl.float32), _double(job, DECAY).to(tl.float32)
    momentum, taken = _double(job, BETA1).to(tl.float32), _double(job, BETA2).to(tl.float32)
    fresh, nesterov = tl.load(job + FRESH) != 0, tl.load(job + NESTEROV) != 0
    values, first = tl.load(job + VALUES), tl.load(job + FIRST)
    half = tl.load(job + HALF)
    value = t.stored(values, at, here, 0.0, half)
    before = t.numbers(first, at, tl.where(fresh, False, here), 0.0)  # nothing yet, if it is fresh
    slope = gradient + decay * value
    moved = momentum * before + tl.where(fresh, 1.0, taken) * slope
    t.write(first, at, moved, here)
    step = tl.where(nesterov, slope + momentum * moved, moved)
    t.store(values, at, value - rate * step, here, half)


@triton.jit
def _double(job, FIELD: tl.constexpr):
    return tl.load(job + FIELD).to(tl.float64, bitcast=True)
