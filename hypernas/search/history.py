"""History of a search: every evaluation, in a file that outlives the process."""

import csv
import io
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from hypernas.search.evaluated import Evaluated
from hypernas.space import Architecture, SearchSpace
from hypernas.storage.files import read_bounded
from hypernas.storage.seal import digest

_CHECK = "sha256"  # the column of the checksums
_EXAMPLES = "examples"  # that of the examples read, where some were left out


class History:
    """Evaluations in the order they were made, each once, kept in a CSV file as they come.

    A row is the value of each measure, digits enough to be the same number when read, the ends of some
    of their intervals, a checksum of the rest of the row, and the architecture as JSON. That comes last as
    half of it is no JSON: of a row without its line end one can tell whether it is whole. A killed process
    leaves whole rows and at most part of one, which is dropped when the file is opened again. One process
    writes. A file of an earlier version has no checksums, and is gone on with without them.

    Args:
        space: of the architectures.
        names: of the measures, in the order of the columns.
        path: of the file, which is read if it is there; None keeps nothing.
        intervals: names of measures whose intervals are kept.
        halving: keep how many examples were read of what was judged in part.

    Raises:
        ValueError: if the file has other columns, or rows that do not fit the space or their checksums, all
            named; it is left as it was.
    """

    def __init__(
        self,
        space: SearchSpace,
        names: Sequence[str],
        path: str | os.PathLike[str] | None = None,
        *,
        intervals: Sequence[str] = (),
        halving: bool = False,
    ) -> None:
        self._space, self._halving = space, halving
        self.names, self.intervals = list(names), list(intervals)
        self._path = None if path is None else Path(path)
        self._checked = True  # whether rows have checksums
        self._found: dict[Architecture, Evaluated] = {}
        if self._path is not None:
            self._open(self._path)

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Evaluated]:
        return iter(self._found.values())

    def get(self, architecture: Architecture) -> Evaluated | None:
        """The evaluation of an architecture, if there is one."""
        return self._found.get(architecture)

    def add(self, evaluated: Sequence[Evaluated]) -> None:
        """Record evaluations; on return they are on the disk.

        Raises:
            ValueError: if an architecture is recorded already, or its values are of other measures.
        """
        for one in evaluated:
            if (
                one.architecture in self._found
                or set(one.values) != set(self.names)
                or not set(self.intervals) <= set(one.intervals)
            ):
                raise ValueError(
                    f"expected the values of {self.names} and intervals of {self.intervals} for an "
                    f"architecture that is not recorded, got {dict(one.values)} and "
                    f"{dict(one.intervals)} for {one.architecture}."
                )
            self._found[one.architecture] = one
        self._write("".join(_line(self._cells(one)) for one in evaluated))

    @property
    def _columns(self) -> list[str]:
        ends = [f"{name}_{end}" for name in self.intervals for end in ("low", "high")]
        extra = [*([_EXAMPLES] if self._halving else []), *([_CHECK] if self._checked else [])]
        return [*self.names, *ends, *extra, "architecture"]

    def _cells(self, one: Evaluated) -> list[str]:
        ends = [end for name in self.intervals for end in one.intervals[name]]
        numbers = [*(one.values[name] for name in self.names), *ends]
        read = ["" if one.examples is None else str(one.examples)] if self._halving else []
        cells = [*(repr(float(number)) for number in numbers), *read, one.architecture.to_json()]
        return [*cells[:-1], *([_check(cells)] if self._checked else []), cells[-1]]

    def _write(self, text: str) -> None:
        if self._path is None:
            return
        with self._path.open("ab") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())

    def _open(self, path: Path) -> None:
        """Read the file, and give it an end to write on from."""
        data = read_bounded(path) if path.is_file() else b""
        try:
            lines, rest = whole_lines(data)
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} was altered since it was written: {error}.") from None
        if lines:
            self._read(path, list(csv.reader(io.StringIO("".join(lines), newline=""))))
        elif rest and not _line(self._columns).encode().startswith(rest):
            raise ValueError(f"{path} was not written by a search. Give another file.")
        whole = "".join(lines).encode()
        path.parent.mkdir(parents=True, exist_ok=True)
        if not lines:
            path.write_bytes(b"")
            self._write(_line(self._columns))
        elif rest:  # the writer was killed within a row
            os.truncate(path, len(whole))
        elif not whole.endswith(b"\n"):
            self._write("\n")

    def _read(self, path: Path, rows: Sequence[Sequence[str]]) -> None:
        self._checked = _CHECK in rows[0]
        if list(rows[0]) != self._columns:
            raise ValueError(
                f"{path} was written by another search: expected the columns {self._columns}, got "
                f"{list(rows[0])}. Give another file, or the same objectives and constraints."
            )
        misfits = []
        for number, row in enumerate(rows[1:], start=2):
            try:
                one = self._parsed(row)
            except ValueError as error:
                misfits.append(f"line {number}: {error}")
                continue
            if one.architecture in self._found:
                misfits.append(f"line {number}: {one.architecture} is there before")
            self._found[one.architecture] = one
        if misfits:
            raise ValueError(f"{path} does not fit this search:\n  " + "\n  ".join(misfits))

    def _parsed(self, row: Sequence[str]) -> Evaluated:
        if len(row) != len(self._columns):
            raise ValueError(f"expected {len(self._columns)} cells, got {len(row)}")
        if self._checked and row[-2] != _check([*row[:-2], row[-1]]):
            raise ValueError(
                f"it was altered since it was written, as its checksum is not {row[-2]}: take the line "
                f"out, and the architecture is evaluated again"
            )
        row = [*row[:-2], row[-1]] if self._checked else row
        architecture = self._space.architecture(Architecture.from_json(row[-1]))
        cells = row[: -2 if self._halving else -1]
        read = int(row[-2]) if self._halving and row[-2] else None
        numbers = [float(cell) for cell in cells]
        values = dict(zip(self.names, numbers, strict=False))
        if infinite := [name for name, value in values.items() if not math.isfinite(value)]:
            raise ValueError(f"expected finite numbers, got others for {infinite}")
        ends = numbers[len(self.names) :]
        pairs = zip(ends[::2], ends[1::2], strict=True)
        intervals = dict(zip(self.intervals, pairs, strict=True))
        return Evaluated(architecture, values, intervals, read)


def _check(cells: Sequence[str]) -> str:
    """The checksum of a row: half of a SHA-256."""
    return digest(list(cells))[:32]


def rows_of(data: bytes) -> list[dict[str, str]]:
    """The rows of a history's file, by the names of its columns.

    Raises:
        ValueError: naming the lines that were altered.
    """
    rows = list(csv.DictReader(whole_lines(data)[0]))
    altered = [
        number
        for number, row in enumerate(rows, start=2)
        if _CHECK in row and row[_CHECK] != _check([row[name] for name in row if name != _CHECK])
    ]
    if altered:
        raise ValueError(f"lines {altered} of its evaluations were altered since they were written")
    return rows


def whole_lines(data: bytes) -> tuple[list[str], bytes]:
    """The lines of a history's file, and the rest that its writer did not finish.

    A last line without its end is whole if an architecture ends it.
    """
    end = data.rfind(b"\n") + 1
    rest = data[end:]
    lines = [f"{line}\n" for line in data[:end].decode().split("\n")[:-1]]
    try:
        Architecture.from_json(next(csv.reader([rest.decode()], strict=True))[-1])
    except (ValueError, csv.Error, StopIteration, IndexError):
        return lines, rest
    return [*lines, rest.decode()], b""


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
