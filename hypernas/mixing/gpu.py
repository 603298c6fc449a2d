"""Kernels on a GPU, which Triton compiles at their first launch; reading this file imports Triton."""

import contextlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hypernas.mixing.kernels import Gradient, Kernels, grouped
from hypernas.mixing.part import Part, Run
from hypernas.mixing.turn import Turn
from hypernas.native.gpu import gradients, mixing, updates
from hypernas.native.gpu.table import COLUMN_PLACES, PART, ROW_PLACES

_TILE = (4, 256)  # rows and columns
_NARROW = (64, 16)  # of what has few columns, such as depthwise kernels
_SUMS = (64, 16)  # rows of a matrix that are added up at once, and numbers that one program makes
_PLACES = (ROW_PLACES.value, COLUMN_PLACES.value)
_NEVER = 2**62  # the first tile of jobs that there are not

Tile = tuple[int, int]


class TritonKernels(Kernels):
    """Programs of `hypernas.native.gpu`, one launch for all weights or banks that have tiles of one shape.

    Nothing here waits for the device, and results are the same every time.
    """

    def mix(self, parts: Sequence[Part]) -> None:
        for tile, own in grouped(parts, _tile_of):
            table = _Table(len(own), PART.value)
            for part in own:
                table.add(table.pack(part), _tiles(part, tile))
            table.launch(mixing.mix, own[0].bank.device, tile)

    def pull_back(self, given: Sequence[Gradient]) -> list[float | None]:
        tiles = [_tile_of(part) for part, _ in given]
        matrices = _matrices(given, tiles)
        for tile, own in grouped(range(len(given)), tiles.__getitem__):
            table = _Table(len(own), PART.value)
            for i in own:
                part = given[i][0]
                table.add(table.pack(part, matrices[i]), _tiles(part, tile))
            table.launch(gradients.pull_back, given[own[0]][0].bank.device, tile)
        sums: dict[int, tuple[Run, list[Tensor]]] = {}
        for (_, wanted), made in zip(given, matrices, strict=True):
            for to, matrix in zip(wanted, made, strict=True):
                if to is not None and matrix is not None:
                    sums.setdefault(to.address, (to, []))[1].append(matrix)
        _add_up(list(sums.values()))
        return [None] * len(given)

    def squares(self, turns: Sequence[Turn]) -> Tensor:
        found = []
        for tile, own in grouped(turns, _tile_of):
            table, device = _table_of(own, tile), own[0].bank.device
            sums = torch.empty(table.tiles, device=device)
            table.launch(updates.squares, device, tile, sums)
            found.append(sums.sum(dtype=torch.float64))
        return torch.stack(found).sum()

    def update(self, turns: Sequence[Turn], scale: Tensor) -> None:
        for (tile, rule), own in grouped(turns, lambda t: (_tile_of(t), t.constants.rule)):
            times = scale.to(own[0].bank.device, torch.float32)
            _table_of(own, tile).launch(updates.update, times.device, tile, times, RULE=rule)


class _Table:
    """The table of a launch, which travels to the device as one tensor; see `hypernas.native.gpu.table`.

    Args:
        num: of jobs.
        numbers: of each.
    """

    def __init__(self, num: int, numbers: int) -> None:
        self.jobs = max(16, 2 ** (num - 1).bit_length())  # kernels are compiled for each number
        self.tiles = 0
        self._firsts: list[int] = []
        self._packed: list[bytes] = []
        self._last: list[np.ndarray] = []
        self._end = self.jobs + num * numbers

    def add(self, packed: bytes, tiles: int) -> None:
        """A job, and how many tiles it is cut into."""
        self._firsts.append(self.tiles)
        self._packed.append(packed)
        self.tiles += tiles

    def place(self, numbers: np.ndarray) -> int:
        """The place of numbers, which are put at the end."""
        place = self._end
        self._last.append(numbers)
        self._end += len(numbers)
        return place

    def pack(self, part: Part, sums: Sequence[Tensor | None] = (None,) * 4) -> bytes:
        """The numbers of a part, with places of its positions for their addresses on the CPU."""
        packed = np.frombuffer(part.pack(list(map(_address, sums))), dtype=np.int64).copy()
        for field, positions in zip(_PLACES, part.positions, strict=True):
            packed[field] = 0 if positions is None else self.place(positions.numpy())
        return packed.tobytes()

    def place_terms(self, turn: Turn) -> int:
        """The place of its terms, with places of the indices in weights of what stands in the bank; -1 for none."""
        terms = np.frombuffer(turn.terms, dtype=np.int64).copy().reshape(-1, PART.value)
        for term, part in zip(terms, turn.parts, strict=False):  # a written gradient has no part
            for field, positions, size in zip(_PLACES, part.positions, turn.extent, strict=True):
                if positions is not None:
                    found = np.full(size, -1)
                    found[positions.numpy()] = np.arange(len(positions))
                    term[field] = self.place(found)
        return self.place(terms.ravel())

    def launch(
        self, kernel: Any, device: torch.device, tile: Tile, *tensors: Tensor, **constants: int
    ) -> None:
        """Run a kernel's programs, one for each tile."""
        if not self.tiles:
            return
        firsts = self._firsts + [_NEVER] * (self.jobs - len(self._firsts))
        packed = np.frombuffer(b"".join(self._packed), dtype=np.int64)
        table = torch.from_numpy(np.concatenate([np.array(firsts), packed, *self._last]))
        on = contextlib.nullcontext()
        if device.type == "cuda":  # memory that is not pinned would be waited for
            table = table.pin_memory().to(device, non_blocking=True)
            on = torch.cuda.device(device)
        with on:
            kernel[(self.tiles,)](
                table, *tensors, JOBS=self.jobs, ROWS=tile[0], COLUMNS=tile[1], **constants
            )


def _tile_of(job: Part | Turn) -> Tile:
    return _NARROW if job.extent[1] <= _NARROW[1] else _TILE


def _blocks(job: Part | Turn, tile: Tile) -> tuple[int, int]:
    """Tiles that a weight or a bank is cut into, down and across."""
    (rows, columns), (height, width) = job.extent, tile
    return math.ceil(rows / height), math.ceil(columns / width)


def _tiles(job: Part | Turn, tile: Tile) -> int:
    return math.prod(_blocks(job, tile))


def _matrices(given: Sequence[Gradient], tiles: Sequence[Tile]) -> list[list[Tensor | None]]:
    """Places for the sums of tiles, in the order of the fields of `Coefficients`: parts of one tensor."""
    shapes = []
    for (part, wanted), tile in zip(given, tiles, strict=True):
        (down, across), bank, gates = _blocks(part, tile), part.bank, part.coefficients.experts
        own = gates is not None and gates.dim() > 1
        each = (
            (across, bank.shape[1] * len(bank)) if own else (down * across, len(bank)),
            (1 if bank.dim() == 2 else across, bank.shape[1]),  # a vector's gains are of columns
            (down, bank[0, 0].numel()),
            (1, bank.shape[1]),
        )
        shapes.append([None if to is None else s for to, s in zip(wanted, each, strict=True)])
    sizes = [math.prod(shape) for own in shapes for shape in own if shape is not None]
    parts = iter(torch.zeros(sum(sizes), device=given[0][0].bank.device).split(sizes))
    return [[None if shape is None else next(parts).view(shape) for shape in own] for own in shapes]


def _add_up(sums: Sequence[tuple[Run, Sequence[Tensor]]]) -> None:
    """Add to each run the rows of its matrices, which have one or more numbers beside each other for its own."""
    table = _Table(len(sums), gradients.SUM.value)
    for to, matrices in sums:
        each = [[_address(m), len(m), m.shape[1] // to.num] for m in matrices]
        place = table.place(np.array(each).ravel())
        packed = np.array([to.address, to.num, place, len(matrices)])
        table.add(packed.tobytes(), math.ceil(to.num / _SUMS[1]))
    if sums:
        table.launch(gradients.add_up, sums[0][0].whole.device, _SUMS)


def _table_of(turns: Sequence[Turn], tile: Tile) -> _Table:
    table = _Table(len(turns), updates.BANK.value)
    for turn in turns:
        packed = np.frombuffer(turn.pack(), dtype=np.int64).copy()
        packed[updates.TERMS.value] = table.place_terms(turn)
        count = np.array([_address(turn.constants.count)])
        table.add(packed.tobytes() + count.tobytes(), _tiles(turn, tile))
    return table


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()
