"""Arrow columns as plain Arrow arrays, and those as numpy arrays."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


def plain_array(cells: pa.ChunkedArray) -> pa.Array:
    """Return one array without dictionaries and views, so that text is always large_string."""
    if not pa.types.is_dictionary(cells.type):
        return cells.cast(_plain_type(cells.type)).combine_chunks()
    values = [plain_array(pa.chunked_array([chunk.dictionary])) for chunk in cells.chunks]
    taken = [
        value.take(chunk.indices.cast(pa.int64()))
        for value, chunk in zip(values, cells.chunks, strict=True)
    ]
    return pa.chunked_array(taken, _plain_type(cells.type.value_type)).combine_chunks()


def _plain_type(kind: pa.DataType) -> pa.DataType:
    is_text = pa.types.is_string(kind) or pa.types.is_string_view(kind)
    return pa.large_string() if is_text else kind


def to_numpy(cells: pa.Array) -> npt.NDArray[Any]:
    """Return numbers as numpy array; a null makes the others float64 and is NaN."""
    # to_numpy imports pandas wherever that is installed, which takes longer than loading the
    # bundled ratings. Only columns without nulls can go another way; those with nulls are errors.
    return cells.to_numpy(zero_copy_only=False) if cells.null_count else np.from_dlpack(cells)


def is_number_type(kind: pa.DataType) -> bool:
    """Return whether cells of this type are numbers; truth values are not."""
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def to_floats(cells: pa.Array) -> npt.NDArray[np.float64]:
    """Return numbers as float64; a null becomes NaN."""
    return to_numpy(cells.cast(pa.float64(), safe=False))


def is_null(cells: pa.Array) -> npt.NDArray[np.bool_]:
    """Return which cells are null or NaN."""
    return to_numpy(cells.is_null(nan_is_null=True).cast(pa.uint8())).astype(np.bool_)


def is_empty(cells: pa.Array) -> npt.NDArray[np.bool_]:
    """Return which cells are null, or text without a character."""
    empty = is_null(cells)
    if pa.types.is_large_string(cells.type):
        empty |= to_numpy(pc.binary_length(cells)) == 0
    return empty
