"""History of a search: every evaluation, in a file that outlives the process."""

import csv
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from hypernas.search.evaluated import Evaluated
from hypernas.space import Architecture, SearchSpace


class History:
    """Evaluations in the order they were made, each once, kept in a CSV file as they come.

    A row is the architecture as JSON, then the value of each measure, digits enough to be the same
    number when read. A killed process leaves whole rows and at most part of one, which is dropped when
    the file is opened again. One process writes.

    Args:
        space: of the architectures.
        names: of the measures, in the order of the columns.
        path: of the file, which is read if it is there; None keeps nothing.

    Raises:
        ValueError: if the file has other columns, or rows that do not fit the space, all named.
    """

    def __init__(
        self, space: SearchSpace, names: Sequence[str], path: str | os.PathLike[str] | None = None
    ) -> None:
        self._space = space
        self.names = list(names)
        self._path = None if path is None else Path(path)
        self._found: dict[Architecture, Evaluated] = {}
        if self._path is None:
            return
        if self._path.is_file() and self._path.stat().st_size:
            self._read(self._path)
        if not self._found:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_bytes(b"")
            self._write(self._line(["architecture", *self.names]))

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
            if one.architecture in self._found or set(one.values) != set(self.names):
                raise ValueError(
                    f"expected the values of {self.names} for an architecture that is not recorded, "
                    f"got {dict(one.values)} for {one.architecture}."
                )
            self._found[one.architecture] = one
        rows = [
            [one.architecture.to_json(), *(repr(float(one.values[name])) for name in self.names)]
            for one in evaluated
        ]
        self._write("".join(self._line(row) for row in rows))

    @staticmethod
    def _line(cells: Sequence[str]) -> str:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerow(cells)
        return text.getvalue()

    def _write(self, text: str) -> None:
        if self._path is None:
            return
        with self._path.open("ab") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())

    def _read(self, path: Path) -> None:
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if whole != data:  # the writer was killed within a row
            with path.open("rb+") as file:
                file.truncate(len(whole))
        rows = list(csv.reader(io.StringIO(whole.decode(), newline="")))
        expected = ["architecture", *self.names]
        if rows and rows[0] != expected:
            raise ValueError(
                f"{path} was written by another search: expected the columns {expected}, got "
                f"{rows[0]}. Give another file, or the same objectives and constraints."
            )
        misfits = []
        for number, row in enumerate(rows[1:], start=2):
            try:
                one = self._parsed(row)
                self._found[one.architecture] = one
            except ValueError as error:
                misfits.append(f"line {number}: {error}")
        if misfits:
            raise ValueError(f"{path} does not fit this search:\n  " + "\n  ".join(misfits))

    def _parsed(self, row: Sequence[str]) -> Evaluated:
        if len(row) != len(self.names) + 1:
            raise ValueError(f"expected {len(self.names) + 1} cells, got {len(row)}")
        architecture = self._space.architecture(Architecture.from_json(row[0]))
        values = dict(zip(self.names, map(float, row[1:]), strict=True))
        return Evaluated(architecture, values)
