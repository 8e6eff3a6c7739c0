"""Cells of Arrow columns become numpy arrays; those that cannot are named one by one."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fedmf.ratings.identifiers import Id
from fedmf.ratings.unchecked import Problems, UncheckedColumn, shortened

# Above this, neighbouring whole numbers share one float64.
LARGEST_EXACT_FLOAT = 2**53

NO_VALUE = "there is no value; fill it in or remove the row"


def checked_ids(
    column: UncheckedColumn, problems: Problems, notes: list[str]
) -> tuple[npt.NDArray[np.int32], tuple[Id, ...]]:
    """Return codes in order of first appearance, int32 (n,), and the identifier of each code.

    Identifiers are whole numbers if all of them are (as numbers, or as text such as ``42`` that
    reads the same when it is written again), otherwise text. So text like ``007`` stays
    text, and a column of both kinds becomes text, which a note says.
    """
    cells = _plain_array(column.cells)
    if pa.types.is_floating(cells.type):
        numbers = _to_floats(cells)
        _report(column, problems, _is_null(cells), NO_VALUE)
        bad = ~_is_null(cells) & ~_is_whole(numbers)
        _report(column, problems, bad, "{} is no identifier; use whole numbers or text")
        cells = pa.array(np.where(_is_whole(numbers), numbers, 0).astype(np.int64))
    elif pa.types.is_large_string(cells.type) or pa.types.is_null(cells.type):
        _report(column, problems, _is_empty(cells), NO_VALUE)
    elif pa.types.is_integer(cells.type):
        _report(column, problems, _is_null(cells), NO_VALUE)
    else:
        problems.add(_unusable(column, "identifiers", "whole numbers or text"))
        return np.full(len(cells), -1, dtype=np.int32), ()
    encoded = cells.dictionary_encode()
    return _codes(encoded), _identifiers(column, encoded.dictionary, notes)


def _codes(encoded: pa.DictionaryArray) -> npt.NDArray[np.int32]:
    """Return the codes of a dictionary array, -1 for null."""
    codes: npt.NDArray[np.int32] = np.nan_to_num(_to_numpy(encoded.indices), nan=-1).astype(
        np.int32
    )
    return codes


def _identifiers(column: UncheckedColumn, distinct: pa.Array, notes: list[str]) -> tuple[Id, ...]:
    if not pa.types.is_large_string(distinct.type):
        return tuple(distinct.to_pylist())
    # At most 18 digits, so that every such number fits in an int64.
    is_whole = pc.match_substring_regex(distinct, r"^(0|-?[1-9][0-9]{0,17})$")
    n_texts = is_whole.false_count
    if n_texts == 0:
        return tuple(distinct.cast(pa.int64()).to_pylist())
    if n_texts < len(distinct):
        example = distinct.filter(pc.invert(is_whole))[0].as_py()
        notes.append(
            f"column {column.name!r} mixes whole numbers ({len(distinct) - n_texts:,}) with other "
            f"identifiers ({n_texts:,}, such as {shortened(example)!r}): all are treated as text"
        )
    return tuple(distinct.to_pylist())


def checked_values(column: UncheckedColumn, problems: Problems) -> npt.NDArray[np.float64]:
    """Return ratings as finite float64, shape (n,)."""
    cells = _plain_array(column.cells)
    empty = _is_empty(cells)
    _report(column, problems, empty, NO_VALUE)
    if pa.types.is_large_string(cells.type):
        values = _each_text(cells, float)
    elif _is_number_type(cells.type):
        values = _to_floats(cells)
    else:
        if not pa.types.is_null(cells.type):
            problems.add(_unusable(column, "ratings", "numbers"))
        return np.zeros(len(cells))
    bad = ~empty & ~np.isfinite(values)
    _report(column, problems, bad, "{} is not a finite number; correct it or remove the row")
    return values


def checked_timestamps(column: UncheckedColumn, problems: Problems) -> npt.NDArray[np.int64]:
    """Return seconds since 1970 (UTC) as int64, shape (n,).

    Whole numbers are seconds already. Dates and times are taken as UTC unless they name another
    time zone, and lose their fraction of a second.
    """
    cells = _plain_array(column.cells)
    empty = _is_empty(cells)
    _report(column, problems, empty, NO_VALUE)
    kind = cells.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        unit = kind.unit if pa.types.is_timestamp(kind) else "s"
        moments = cells if pa.types.is_timestamp(kind) else cells.cast(pa.timestamp("s"))
        ticks = _to_numpy(moments.cast(pa.int64()).fill_null(0))
        ticks_per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
        floored: npt.NDArray[np.int64] = np.floor_divide(ticks, ticks_per_second)
        return floored
    if pa.types.is_large_string(kind):
        seconds = _each_text(cells, _seconds)
    elif _is_number_type(kind):
        seconds = _to_floats(cells)
    else:
        if not pa.types.is_null(kind):
            problems.add(_unusable(column, "timestamps", "whole seconds or dates with times"))
        return np.zeros(len(cells), dtype=np.int64)
    whole = _is_whole(seconds)
    remedy = "is neither whole seconds since 1970 nor a date and time such as 2024-05-17 20:15:00"
    _report(column, problems, ~empty & ~whole, "{} " + remedy)
    return np.where(whole, seconds, 0).astype(np.int64)


def report_outside(
    column: UncheckedColumn, outside: npt.NDArray[np.bool_], scale: str, problems: Problems
) -> None:
    """Report the ratings that lie outside a scale."""
    remedy = "correct it, or say what the scale is with scale=(lowest, highest)"
    _report(column, problems, outside, f"{{}} is outside the scale {scale}; {remedy}")


def _is_whole(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    small = np.abs(numbers) <= LARGEST_EXACT_FLOAT
    whole: npt.NDArray[np.bool_] = small & (np.floor(numbers) == numbers)
    return whole


def _each_text(cells: pa.Array, parse: Callable[[str], float]) -> npt.NDArray[np.float64]:
    """Parse text into numbers; NaN stands for null and for what `parse` refuses."""
    try:
        return _to_floats(cells)
    except pa.ArrowInvalid:
        pass

    def parsed(text: str) -> float:
        try:
            return parse(text)
        except ValueError:
            return math.nan

    # Ratings and dates take few different values: the slow work is done once for each of them.
    encoded = cells.dictionary_encode()
    distinct = [parsed(text) for text in encoded.dictionary.to_pylist()]
    # The last entry is for null cells, whose code is -1.
    values: npt.NDArray[np.float64] = np.array([*distinct, math.nan])[_codes(encoded)]
    return values


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return math.floor(moment.timestamp())


def _report(
    column: UncheckedColumn, problems: Problems, bad: npt.NDArray[np.bool_], sentence: str
) -> None:
    """Report the bad cells of a column; ``{}`` in the sentence stands for the cell."""
    problems.add_cells(
        column.name,
        np.flatnonzero(bad),
        lambda row: sentence.format(_shown(column.cells[row].as_py())),
    )


def _shown(value: Any) -> str:
    return repr(shortened(value)) if isinstance(value, str) else shortened(str(value))


def _unusable(column: UncheckedColumn, needed: str, instead: str) -> str:
    return (
        f"column {column.name!r} holds {column.cells.type} values, which cannot be {needed}; "
        f"convert it to {instead}"
    )


def _plain_array(cells: pa.ChunkedArray) -> pa.Array:
    """Return one array without dictionaries and views, so that text is always large_string."""
    if not pa.types.is_dictionary(cells.type):
        return cells.cast(_plain_type(cells.type)).combine_chunks()
    values = [_plain_array(pa.chunked_array([chunk.dictionary])) for chunk in cells.chunks]
    taken = [
        value.take(chunk.indices.cast(pa.int64()))
        for value, chunk in zip(values, cells.chunks, strict=True)
    ]
    return pa.chunked_array(taken, _plain_type(cells.type.value_type)).combine_chunks()


def _plain_type(kind: pa.DataType) -> pa.DataType:
    is_text = pa.types.is_string(kind) or pa.types.is_string_view(kind)
    return pa.large_string() if is_text else kind


def _to_numpy(cells: pa.Array) -> npt.NDArray[Any]:
    """Return numbers as numpy array; a null makes the others float64 and is NaN."""
    # to_numpy imports pandas wherever that is installed, which takes longer than loading the
    # bundled ratings. Only columns without nulls can go another way; those with nulls are errors.
    return cells.to_numpy(zero_copy_only=False) if cells.null_count else np.from_dlpack(cells)


def _is_number_type(kind: pa.DataType) -> bool:
    """Return whether cells of this type are numbers; truth values are not."""
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _to_floats(cells: pa.Array) -> npt.NDArray[np.float64]:
    """Return numbers as float64; a null becomes NaN."""
    return _to_numpy(cells.cast(pa.float64(), safe=False))


def _is_null(cells: pa.Array) -> npt.NDArray[np.bool_]:
    """Return which cells are null or NaN."""
    return _to_numpy(cells.is_null(nan_is_null=True).cast(pa.uint8())).astype(np.bool_)


def _is_empty(cells: pa.Array) -> npt.NDArray[np.bool_]:
    """Return which cells are null, or text without a character."""
    empty = _is_null(cells)
    if pa.types.is_large_string(cells.type):
        empty |= _to_numpy(pc.binary_length(cells)) == 0
    return empty
