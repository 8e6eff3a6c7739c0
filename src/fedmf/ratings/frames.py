"""Frames in memory and Parquet files, through Arrow."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from fedmf.errors import DataError
from fedmf.ratings.column_names import Wanted, find_columns
from fedmf.ratings.unchecked import Problems, UncheckedColumn, UncheckedTable


def _row_name(row: int) -> str:
    return f"row {row} (the first is 0)"


def read_parquet(path: Path, wanted: Mapping[str, Wanted]) -> UncheckedTable:
    """Read the wanted columns of a Parquet file.

    Raises
    ------
    DataError
        If this is not a Parquet file.
    """
    problems = Problems(str(path), _row_name)
    try:
        names = pyarrow.parquet.read_schema(path).names
        places = find_columns(names, wanted, problems)
        table = pyarrow.parquet.read_table(
            path, columns=sorted({names[one] for one in places.values()})
        )
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path} is not a readable Parquet file ({error}); write it again"
        ) from None
    columns = {
        role: UncheckedColumn(names[place], table.column(names[place]))
        for role, place in places.items()
    }
    return UncheckedTable(columns, problems)


def read_frame(frame: Any, wanted: Mapping[str, Wanted]) -> UncheckedTable:
    """Take the wanted columns of a frame (pandas, polars, Arrow, or any with an Arrow stream).

    A column that mixes Python types, such as 1 and ``"one"``, is an error: a frame says what its
    columns hold, and guessing could merge two users into one.

    Raises
    ------
    DataError
        If this is not a frame.
    """
    problems = Problems("the frame", _row_name)
    # A frame of pandas exists only where somebody has imported pandas.
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(frame, pandas.DataFrame):
        return UncheckedTable(_pandas_columns(frame, wanted, problems), problems)
    if not (hasattr(frame, "__arrow_c_stream__") or hasattr(frame, "__arrow_c_array__")):
        raise DataError(
            f"ratings cannot be read from a {type(frame).__name__}; give a path, the name of a "
            "bundled data set, or a frame of pandas, polars or Arrow"
        )
    table = pa.table(frame)
    names = table.column_names
    columns = {
        role: UncheckedColumn(names[place], table.column(place))
        for role, place in find_columns(names, wanted, problems).items()
    }
    return UncheckedTable(columns, problems)


def _pandas_columns(
    frame: Any, wanted: Mapping[str, Wanted], problems: Problems
) -> dict[str, UncheckedColumn]:
    """Convert the wanted columns only, one by one: any other may hold what Arrow cannot."""
    names = [str(name) for name in frame.columns]
    columns = {}
    for role, place in find_columns(names, wanted, problems).items():
        name = names[place]
        try:
            table = pa.Table.from_pandas(frame.iloc[:, [place]], preserve_index=False)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            kinds = sorted({type(value).__name__ for value in frame.iloc[:, place]})
            problems.add(
                f"column {name!r} mixes values of different types ({', '.join(kinds)}); convert it "
                f"to one, for instance with frame[{name!r}].astype(str)"
            )
        else:
            columns[role] = UncheckedColumn(name, table.column(0))
    return columns
