"""Cells of Arrow columns become numpy arrays, block after block; what cannot is a problem."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fedmf.ratings.identifiers import Id, ids_from_texts
from fedmf.ratings.problems import Problems, shortened

# Above this, neighbouring whole numbers share one float64.
LARGEST_EXACT_FLOAT = 2**53
REMEDY = "correct it or remove the row, or say --not-rated if it means no rating"
NO_VALUE = "there is no value; fill it in or remove the row"

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]


class IdCells:
    """Gathers the identifiers of users or of items.

    They are numbers if all of them are, as `ids_from_texts` says; else text.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._index: dict[Id, int] = {}
        self._text = False
        self._codes = Grown(np.int32)

    def add(self, cells: pa.Array, rows: Rows, problems: Problems) -> None:
        """Take the cells of the next rows; a dictionary array is in order of first appearance."""
        encoded = cells if is_encoded(cells) else _encoded(self._name, cells, problems)
        codes = codes_of(encoded)
        values = plain_array(encoded.dictionary)
        # What is wrong with a value is wrong in each of its rows; the last is for null.
        missing = np.append(is_empty(values), True)
        if missing[:-1].any() or encoded.indices.null_count:
            problems.add_rows(
                (self._name, NO_VALUE),
                rows[missing[codes]],
                lambda _: at_column(self._name, NO_VALUE),
            )
        if pa.types.is_floating(values.type):
            values = self._from_floats(values, missing, codes, rows, problems)
        elif pa.types.is_large_string(values.type):
            values = _as_numbers(values)
            self._to_text(numbers=pa.types.is_integer(values.type))
        distinct = values.to_pylist()
        if self._text and pa.types.is_integer(values.type):
            distinct = [str(one) for one in distinct]
        index = self._index
        found = list(map(index.get, distinct))
        for place in [place for place, code in enumerate(found) if code is None]:
            found[place] = index.setdefault(distinct[place], len(index))
        self._codes.add(np.array([*found, 0], dtype=np.int32)[codes])

    def _to_text(self, *, numbers: bool) -> None:
        if numbers or self._text:
            return
        self._text = True
        self._index = {str(one): code for one, code in self._index.items()}

    def _from_floats(
        self,
        values: pa.Array,
        missing: Bools,
        codes: npt.NDArray[np.int32],
        rows: Rows,
        problems: Problems,
    ) -> pa.Array:
        numbers = to_floats(values)
        bad = ~missing[:-1] & ~is_whole(numbers)
        if bad.any():
            sentence = "is no identifier; use whole numbers or text"
            wrong = np.append(bad, False)[codes]
            report_cells(self._name, np.append(numbers, 0)[codes], wrong, rows, sentence, problems)
        return from_numpy(np.where(missing[:-1] | bad, 0, numbers).astype(np.int64))

    def finished(self, notes: list[str]) -> tuple[npt.NDArray[np.int32], tuple[Id, ...]]:
        """Return codes in order of first appearance, int32 (n,), and the identifier of each."""
        codes = self._codes.finished()
        if not self._text:
            return codes, tuple(self._index)
        texts = [str(one) for one in self._index]
        ids = ids_from_texts(texts)
        if ids and isinstance(ids[0], int):
            # 7 and 7.0 are one now.
            index = {one: code for code, one in enumerate(dict.fromkeys(ids))}
            return np.array([index[one] for one in ids], dtype=np.int32)[codes], tuple(index)
        others = [one for one in texts if ids_from_texts([one]) == (one,)]
        if 0 < len(others) < len(texts):
            notes.append(
                f"column {self._name!r} mixes whole numbers ({len(texts) - len(others):,}) with "
                f"other identifiers ({len(others):,}, such as {shortened(others[0])!r}): all are "
                "treated as text"
            )
        return codes, ids


def _encoded(name: str, cells: pa.Array, problems: Problems) -> pa.DictionaryArray:
    """Return codes of identifiers; of what can be none, codes of nothing."""
    cells = plain_array(cells)
    if pa.types.is_decimal(cells.type) and cells.type.scale <= 0:
        cells = cells.cast(pa.int64(), safe=False)
    kind, types = cells.type, pa.types
    if not (
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_large_string(kind)
        or types.is_null(kind)
    ):
        report_type(name, kind, "identifiers", "whole numbers or text", problems)
        cells = from_numpy(np.zeros(len(cells), dtype=np.int64))
    return cells.dictionary_encode()


def report_cells(
    name: str,
    cells: pa.Array | Floats,
    bad: Bools,
    rows: Rows,
    sentence: str,
    problems: Problems,
) -> None:
    """Report the bad cells of a column: each is shown before the sentence."""
    places = np.flatnonzero(bad)

    def said(k: int) -> str:
        value = cells[int(places[k])]
        return at_column(
            name, f"{_shown(value.as_py() if isinstance(value, pa.Scalar) else value)} {sentence}"
        )

    problems.add_rows((name, sentence), rows[places], said)


def report_type(
    name: str, kind: pa.DataType, needed: str, instead: str, problems: Problems
) -> None:
    """Report a column whose type cannot be used at all, once."""
    problems.add(
        f"column {name!r} holds {kind} values, which cannot be {needed}; convert it to {instead}"
    )


def at_column(name: str, sentence: str) -> str:
    """Write a sentence on a cell of a column."""
    return f"column {name!r}: {sentence}"


def _shown(value: Any) -> str:
    return repr(shortened(value)) if isinstance(value, str) else shortened(str(value))


def _as_numbers(cells: pa.Array) -> pa.Array:
    """Return whole numbers, or the texts as they were if one would not read the same again."""
    try:
        numbers = cells.cast(pa.int64())
    except pa.ArrowInvalid:
        return cells
    padded = pc.match_substring_regex(cells, "^(-0|0.)")
    return cells if pc.any(padded).as_py() else numbers


def codes_of(encoded: pa.DictionaryArray) -> npt.NDArray[np.int32]:
    """Return the codes of a dictionary array, -1 for null."""
    indices = encoded.indices
    codes = to_numpy(indices.fill_null(-1) if indices.null_count else indices)
    return codes.astype(np.int32, copy=False)


def is_encoded(cells: pa.Array) -> bool:
    """Return whether cells are codes of distinct values."""
    return bool(pa.types.is_dictionary(cells.type))


def plain_array(cells: pa.Array) -> pa.Array:
    """Return an array without dictionaries, runs and views; text is always large_string."""
    kind = cells.type
    if pa.types.is_dictionary(kind):
        return plain_array(cells.dictionary).take(cells.indices.cast(pa.int64()))
    if pa.types.is_run_end_encoded(kind):
        return plain_array(pc.run_end_decode(cells))
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        return cells.cast(pa.large_string())
    return cells.cast(pa.float32()) if pa.types.is_float16(kind) else cells


def from_numpy(values: npt.NDArray[Any]) -> pa.Array:
    """Return numbers or truth values as an Arrow array, without a copy."""
    # pa.array would import pandas, as `to_numpy` says.
    if values.dtype == np.bool_:
        return from_numpy(values.view(np.uint8)).cast(pa.bool_())
    kind, values = pa.from_numpy_dtype(values.dtype), np.ascontiguousarray(values)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def to_numpy(cells: pa.Array) -> npt.NDArray[Any]:
    """Return numbers as numpy array; a null makes the others float64 and is NaN."""
    # to_numpy imports pandas wherever that is installed, which takes longer than loading the
    # bundled ratings. Only columns without nulls can go another way; those with nulls are errors.
    return cells.to_numpy(zero_copy_only=False) if cells.null_count else np.from_dlpack(cells)


def is_number_type(kind: pa.DataType) -> bool:
    """Return whether cells of this type are numbers; truth values are not."""
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def to_floats(cells: pa.Array) -> Floats:
    """Return numbers as float64; a null becomes NaN."""
    return to_numpy(cells.cast(pa.float64(), safe=False))


def is_whole(numbers: Floats) -> Bools:
    """Return which numbers are whole, and small enough to be exact."""
    small = np.abs(numbers) <= LARGEST_EXACT_FLOAT
    whole: Bools = small & (np.floor(numbers) == numbers)
    return whole


def is_empty(cells: pa.Array) -> Bools:
    """Return which cells are null, NaN, or text without a character."""
    if is_encoded(cells):
        return np.append(is_empty(cells.dictionary), True)[codes_of(cells)]
    if cells.null_count or pa.types.is_floating(cells.type):
        null = cells.is_null(nan_is_null=True).cast(pa.uint8())
        empty = to_numpy(null).astype(np.bool_)
    else:
        empty = np.zeros(len(cells), dtype=np.bool_)
    if pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type):
        empty |= to_numpy(pc.binary_length(cells)) == 0
    return empty


def each_text(cells: pa.Array, parse: Callable[[str], float]) -> Floats:
    """Parse each different text once; NaN stands for null and for what `parse` refuses."""
    encoded = cells.dictionary_encode()
    distinct = [parse(text) for text in encoded.dictionary.to_pylist()]
    return np.array([*distinct, math.nan])[codes_of(encoded)]


class Grown:
    """An array to which more and more is added, with no more memory than it needs in the end."""

    def __init__(self, dtype: type[np.generic]) -> None:
        self._array: npt.NDArray[Any] = np.empty(0, dtype=dtype)
        self._length = 0

    def add(self, part: npt.NDArray[Any]) -> None:
        """Add the next values."""
        end = self._length + len(part)
        if end > len(self._array):
            # The system moves large arrays without a copy.
            self._array.resize(end + end // 8, refcheck=False)
        self._array[self._length : end] = part
        self._length = end

    def finished(self) -> npt.NDArray[Any]:
        """Return all values; nothing can be added any more."""
        array = self._array
        array.resize(self._length, refcheck=False)
        del self._array
        return array
