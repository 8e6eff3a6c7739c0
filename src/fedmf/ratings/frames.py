"""Frames, matrices and arrays in memory, and files of columns, through Arrow."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

from fedmf.errors import DataError
from fedmf.ratings.blocks import Block
from fedmf.ratings.cells import plain_array
from fedmf.ratings.problems import Problems
from fedmf.ratings.sample import Sample
from fedmf.ratings.sources import Source

SAMPLE_ROWS = 200
BATCH_ROWS = 1 << 20
NO_CELLS = pa.chunked_array([pa.nulls(0, pa.int64())])
"""In place of a column that cannot be converted."""


@dataclass(frozen=True, eq=False, slots=True)
class ParquetFile:
    """A Parquet or an Arrow file (Feather), to be read batch by batch."""

    source: Source
    sample: Sample

    @classmethod
    def of(cls, source: Source) -> ParquetFile:
        """Look at the names of its columns and its first rows.

        Raises
        ------
        DataError
            If it cannot be read.
        """
        for schema, batches in _opened(source, None):
            first = next(batches, None)
            rows = [] if first is None else first.slice(0, SAMPLE_ROWS).to_pylist()
            names = tuple(schema.names)
            texts = [tuple(_as_text(row[name]) for name in names) for row in rows]
            return cls(source, Sample(names, header=True, rows=texts))
        raise AssertionError

    def blocks(self, places: Mapping[str, int], problems: Problems) -> Iterator[Block]:
        """Yield the columns at `places`."""
        del problems
        wanted = {role: self.sample.names[place] for role, place in places.items()}
        first = 0
        for _, batches in _opened(self.source, sorted(set(wanted.values()))):
            for batch in batches:
                rows = np.arange(first, first + len(batch))
                yield Block(
                    {role: plain_array(batch.column(name)) for role, name in wanted.items()}, rows
                )
                first += len(batch)


def is_table_file(beginning: bytes) -> bool:
    """Whether the first bytes are those of a Parquet or an Arrow file."""
    return beginning.startswith((b"PAR1", b"ARROW1", b"FEA1"))


def _opened(source: Source, columns: list[str] | None) -> Iterator[tuple[pa.Schema, Any]]:
    with source.opened() as stream:
        data = stream if stream.seekable() else pa.BufferReader(stream.read())
        try:
            # Without threads of Arrow's that would hold the stream, which is Python's.
            if source.beginning(6).startswith(b"ARROW1"):
                reader = pyarrow.ipc.open_file(data)
                numbers = range(reader.num_record_batches)
                yield reader.schema, (reader.get_batch(number) for number in numbers)
            else:
                parquet = pyarrow.parquet.ParquetFile(data)
                yield (
                    parquet.schema_arrow,
                    parquet.iter_batches(BATCH_ROWS, columns=columns, use_threads=False),
                )
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"{source.label} is not a readable Parquet or Arrow file ({error}); write it again"
            ) from None


@dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """A table in memory."""

    columns: Sequence[Any]
    """Arrow columns, or columns of pandas, which are converted only if they are wanted."""
    sample: Sample

    @classmethod
    def of(cls, frame: Any) -> Frame:
        """Take a frame of pandas, polars or Arrow, a matrix of scipy, or an array of numpy.

        Raises
        ------
        DataError
            If it is none of them.
        """
        # They exist only where somebody has imported their library.
        pandas = sys.modules.get("pandas")
        if pandas is not None and isinstance(frame, pandas.DataFrame):
            return _from_pandas(frame)
        if isinstance(frame, np.ndarray):
            return _from_array(frame)
        if hasattr(frame, "tocoo") and hasattr(frame, "nnz"):
            return _from_matrix(frame)
        if not (hasattr(frame, "__arrow_c_stream__") or hasattr(frame, "__arrow_c_array__")):
            lazy = "; collect it first" if hasattr(frame, "collect") else ""
            raise DataError(
                f"ratings cannot be read from a {type(frame).__name__}{lazy}; give a path, the "
                "name of a bundled data set, a frame of pandas, polars or Arrow, a sparse matrix "
                "of scipy, or an array of numpy"
            )
        try:
            return _from_table(pa.table(frame))
        except (pa.ArrowException, TypeError, ValueError) as error:
            # polars has types that Arrow lacks; perhaps nobody wants these columns.
            if hasattr(frame, "select") and hasattr(frame, "schema"):
                return _from_polars(frame)
            raise DataError(f"the frame cannot be read through Arrow: {error}") from None

    def blocks(self, places: Mapping[str, int], problems: Problems) -> Iterator[Block]:
        """Yield the columns at `places`, in one block for each chunk that Arrow has."""
        names = self.sample.names
        chunked = {
            role: _column(names[place], self.columns[place], problems)
            for role, place in places.items()
        }
        problems.raise_if_any()
        first, count = 0, len(next(iter(chunked.values())))
        while first < count:
            size = min(BATCH_ROWS, count - first)
            cells = {role: one.slice(first, size).combine_chunks() for role, one in chunked.items()}
            yield Block(
                {role: _one(cell) for role, cell in cells.items()}, np.arange(first, first + size)
            )
            first += size


def _one(cells: Any) -> pa.Array:
    """Return one array; a chunked array of dictionaries stays chunked if they differ."""
    if isinstance(cells, pa.ChunkedArray):
        return cells.chunk(0) if cells.num_chunks else pa.array([], cells.type)
    return cells


def _from_pandas(frame: Any) -> Frame:
    named = [name for name in frame.index.names if name is not None and name not in frame.columns]
    if named:
        frame = frame.reset_index(named)
    names = tuple(str(name) for name in frame.columns)
    columns = [frame.iloc[:, [place]] for place in range(len(names))]
    head = [[_as_text(one) for one in column.iloc[:SAMPLE_ROWS, 0]] for column in columns]
    return Frame(columns, Sample(names, header=True, rows=list(zip(*head, strict=True))))


def _from_polars(frame: Any) -> Frame:
    """Convert columns one by one; in place of one that cannot be converted stands the error."""
    columns: list[Any] = []
    for name, kind in frame.schema.items():
        try:
            columns.append(pa.table(frame.select(name)).column(0))
        except (pa.ArrowException, TypeError, ValueError):
            columns.append(_unusable(name, str(kind), ()))
    rows = [tuple(map(_as_text, row)) for row in frame.head(SAMPLE_ROWS).rows()]
    return Frame(columns, Sample(tuple(frame.columns), header=True, rows=rows))


def _from_table(table: pa.Table) -> Frame:
    names = tuple(table.column_names)
    head = [
        [_as_text(one) for one in column.slice(0, SAMPLE_ROWS).to_pylist()]
        for column in table.columns
    ]
    return Frame(table.columns, Sample(names, header=True, rows=list(zip(*head, strict=True))))


def _from_array(array: np.ndarray[Any, Any]) -> Frame:
    if array.dtype.names:
        return _from_table(
            pa.table({name: _array(name, array[name]) for name in array.dtype.names})
        )
    if array.ndim != 2:
        raise DataError(
            f"ratings cannot be read from an array of {array.ndim} dimensions; give two, with a "
            "row for each rating (user, item, rating, perhaps time)"
        )
    names = tuple(f"column {place + 1}" for place in range(array.shape[1]))
    columns = [_array(name, array[:, k]) for k, name in enumerate(names)]
    head = [[_as_text(one) for one in array[:SAMPLE_ROWS, k].tolist()] for k in range(len(names))]
    return Frame(columns, Sample(names, header=False, rows=list(zip(*head, strict=True))))


def _from_matrix(matrix: Any) -> Frame:
    entries = matrix.tocoo()
    columns = {"user": entries.row, "item": entries.col, "rating": entries.data}
    table = pa.table({name: _array(name, cells) for name, cells in columns.items()})
    return _from_table(table)


def _array(name: str, cells: np.ndarray[Any, Any]) -> pa.Array:
    try:
        return pa.array(np.ascontiguousarray(cells))
    except (pa.ArrowException, TypeError, ValueError):
        raise _unusable(name, str(cells.dtype), cells) from None


def _column(name: str, column: Any, problems: Problems) -> pa.ChunkedArray:
    if isinstance(column, pa.ChunkedArray):
        kind = column.type
        if pa.types.is_dictionary(kind):
            return pa.chunked_array([plain_array(chunk) for chunk in column.chunks])
        return column
    if isinstance(column, pa.Array):
        return pa.chunked_array([column])
    if isinstance(column, DataError):
        problems.add(str(column))
        return NO_CELLS
    series = column.iloc[:, 0]
    if hasattr(series, "sparse"):
        column = series.sparse.to_dense().to_frame()
    try:
        return _column(name, pa.Table.from_pandas(column, preserve_index=False).column(0), problems)
    except (pa.ArrowException, TypeError, ValueError, OverflowError, NotImplementedError):
        problems.add(str(_unusable(name, str(series.dtype), series)))
        return NO_CELLS


def _unusable(name: str, kind: str, cells: Any) -> DataError:
    kinds = sorted({type(value).__name__ for value in cells})
    if len(kinds) > 1:
        return DataError(
            f"column {name!r} mixes values of different types ({', '.join(kinds)}); convert it "
            f"to one, for instance with frame[{name!r}].astype(str)"
        )
    return DataError(
        f"column {name!r} holds {kind} values, which cannot be used; convert it to whole numbers "
        "of 64 bits, floats or text"
    )


def _as_text(value: Any) -> str:
    # pandas has values of its own for what is missing.
    missing = value is None or type(value).__name__ in ("NAType", "NaTType")
    return "" if missing or (isinstance(value, float) and value != value) else str(value)
