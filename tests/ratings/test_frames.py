from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.sparse import csr_array

from fedmf.errors import DataError
from fedmf.ratings import load_ratings
from tests.ratings.small_tables import rows_of

COLUMNS: dict[str, list[Any]] = {
    "userId": ["ann", "bob", "ann"],
    "movieId": [10, 20, 20],
    "rating": [4.5, 3.0, 1.0],
    "timestamp": [30, 20, 10],
    "comment": ["-", "-", "-"],
}
ROWS = [("ann", 10, 4.5), ("bob", 20, 3.0), ("ann", 20, 1.0)]


class OnlyAnArrowStream:
    """A frame of some library nobody here knows."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


FRAMES = {
    "pandas": pd.DataFrame,
    "pandas with an index": lambda columns: pd.DataFrame(columns, index=[7, 7, 9]),
    "pandas with categories": lambda columns: pd.DataFrame(columns).astype("category"),
    "pandas on Arrow": lambda columns: pd.DataFrame(columns).convert_dtypes(
        dtype_backend="pyarrow"
    ),
    "polars": pl.DataFrame,
    "polars with categories": lambda columns: pl.DataFrame(columns).with_columns(
        pl.col("userId").cast(pl.Categorical)
    ),
    "Arrow table": pa.table,
    "Arrow record batch": lambda columns: pa.table(columns).to_batches()[0],
    "Arrow stream": lambda columns: OnlyAnArrowStream(pa.table(columns)),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_every_kind_of_frame_is_read(kind: str) -> None:
    ratings = load_ratings(FRAMES[kind](COLUMNS))
    assert rows_of(ratings) == ROWS
    assert ratings.timestamps is not None
    assert ratings.timestamps.tolist() == [30, 20, 10]
    assert ratings.name == "frame"


@pytest.mark.parametrize("kind", FRAMES)
def test_every_kind_of_frame_can_lack_timestamps(kind: str) -> None:
    columns = {name: cells for name, cells in COLUMNS.items() if name != "timestamp"}
    assert load_ratings(FRAMES[kind](columns)).timestamps is None


def frame(**columns: Any) -> pa.Table:
    """Return an Arrow table with some columns of the usual ones replaced."""
    usual = {"user": [1, 2], "item": [1, 2], "rating": [1.0, 2.0], "timestamp": [1, 2]}
    return pa.table(usual | columns)


def test_a_chunked_frame_with_different_categories_per_chunk_is_read() -> None:
    chunks = [pa.array(["b", "a"]).dictionary_encode(), pa.array(["c", "a"]).dictionary_encode()]
    four = frame(
        user=[1, 2, 3, 4],
        item=pa.chunked_array(chunks),
        rating=[1.0, 2.0, 3.0, 4.0],
        timestamp=[1, 2, 3, 4],
    )
    ratings = load_ratings(four)
    assert ratings.item_ids == ("b", "a", "c")
    assert ratings.items.tolist() == [0, 1, 2, 1]


@pytest.mark.parametrize(
    "user",
    [
        pa.array([5, 3], pa.uint8()),
        pa.array([5.0, 3.0]),
        pa.array(["5", "3"]),
        pa.array(["5", "3"], pa.string_view()),
    ],
)
def test_whole_numbers_of_any_type_become_int(user: pa.Array) -> None:
    ids = load_ratings(frame(user=user)).user_ids
    assert ids == (5, 3)
    assert all(type(one) is int for one in ids)


def test_large_identifiers_keep_every_digit() -> None:
    large = [2**63 - 1, 2**63 - 2]
    assert load_ratings(frame(user=large)).user_ids == tuple(large)


@pytest.mark.parametrize(
    "rating",
    [[1, 2], ["1", "2.0"], [Decimal("1.0"), Decimal("2.0")], np.array([1, 2], dtype=np.float32)],
)
def test_ratings_of_any_numeric_type_become_floats(rating: Any) -> None:
    assert load_ratings(frame(rating=rating)).values.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("timestamp", "seconds"),
    [
        ([datetime(1970, 1, 1, 0, 1), datetime(1969, 12, 31, 23, 59, 59, 500_000)], [60, -1]),  # noqa: DTZ001
        (
            [datetime(1970, 1, 1, 0, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC)],
            [60, 946684800],
        ),
        ([date(1970, 1, 2), date(1970, 1, 1)], [86400, 0]),
        (pa.array([1500, 2500], pa.timestamp("ms", "Europe/Berlin")), [1, 2]),
        ([7.0, 8.9], [7, 8]),
        (["7", "1970-01-01 00:00:08"], [7, 8]),
    ],
)
def test_times_of_any_type_become_seconds(timestamp: Any, seconds: list[int]) -> None:
    found = load_ratings(frame(timestamp=timestamp)).timestamps
    assert found is not None
    assert found.tolist() == seconds


def test_datetimes_of_pandas_and_polars_become_seconds() -> None:
    times = [datetime(1970, 1, 1, 0, 1), datetime(1970, 1, 1, 0, 2)]  # noqa: DTZ001
    columns = {"user": [1, 2], "item": [1, 2], "rating": [1.0, 2.0], "timestamp": times}
    for one in (pd.DataFrame(columns), pl.DataFrame(columns)):
        found = load_ratings(one).timestamps
        assert found is not None
        assert found.tolist() == [60, 120]


def test_a_column_that_mixes_python_types_is_refused() -> None:
    mixed = pd.DataFrame({"user": [1, 2, 3], "item": [1, "a", 2], "rating": [1.0, 2.0, "x"]})
    with pytest.raises(DataError) as caught:
        load_ratings(mixed)
    assert "column 'item' mixes values of different types (int, str)" in str(caught.value)
    assert "column 'rating' mixes values of different types (float, str)" in str(caught.value)


def test_other_columns_of_a_pandas_frame_may_mix_types() -> None:
    other = pd.DataFrame({"user": [1], "item": [1], "rating": [1.0], "extra": [object()]})
    assert len(load_ratings(other)) == 1


def test_missing_values_are_named_by_row() -> None:
    gaps = pd.DataFrame(
        {
            "user": [1, None, 3],
            "item": ["a", "b", None],
            "rating": [np.nan, 2.0, np.inf],
            "timestamp": pd.to_datetime(["2020-01-01", None, "2020-01-02"]),
        }
    )
    with pytest.raises(DataError) as caught:
        load_ratings(gaps)
    said = str(caught.value)
    assert said.startswith("the frame has 5 problems:")
    for where in (
        "row 1 (the first is 0), column 'user': there is no value",
        "row 2 (the first is 0), column 'item': there is no value",
        "row 0 (the first is 0), column 'rating': there is no value",
        "row 2 (the first is 0), column 'rating': inf is not a finite number",
        "row 1 (the first is 0), column 'timestamp': there is no value",
    ):
        assert where in said


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"user": [1.5, 2.0]}, "row 0 .*column 'user': 1.5 is no identifier"),
        ({"user": [1e300, 2.0]}, "row 0 .*column 'user': 1e[+]300 is no identifier"),
        ({"user": [True, False]}, "column 'user' holds bool values, which cannot be identifiers"),
        ({"item": [[1], [2]]}, "column 'item' holds list<.*> values, which cannot be identifiers"),
        ({"rating": [True, False]}, "column 'rating' holds bool values, which cannot be ratings"),
        ({"timestamp": [True, False]}, "column 'timestamp' holds bool values"),
        ({"timestamp": [1e300, 2.0]}, "row 0 .*column 'timestamp': 1e.300 is neither seconds"),
        ({"rating": pa.nulls(2)}, "has 2 problems:\n.*row 0 .*column 'rating': there is no value"),
        ({"user": pa.nulls(2)}, "has 2 problems:\n.*row 0 .*column 'user': there is no value"),
    ],
)
def test_columns_of_unusable_types_are_named(columns: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_ratings(frame(**columns))


def test_an_empty_frame_is_said_to_hold_no_rating() -> None:
    for empty in (pd.DataFrame(COLUMNS).iloc[:0], pl.DataFrame(COLUMNS).clear()):
        with pytest.raises(DataError, match="the frame: there is not a single rating in it"):
            load_ratings(empty)


def test_two_columns_of_the_same_name_are_ambiguous() -> None:
    double = pd.DataFrame([[1, 1, 1, 3.0]], columns=["user", "user", "item", "rating"])
    with pytest.raises(DataError, match="'user' and 'user' could each be the user"):
        load_ratings(double)


@pytest.mark.parametrize("source", [None, 42, [(1, 2, 3.0)], {"user": [1]}, pl.LazyFrame()])
def test_what_is_no_frame_is_refused(source: object) -> None:
    with pytest.raises(DataError, match=f"cannot be read from a {type(source).__name__}"):
        load_ratings(source)


def of_type(kind: str, column: str) -> pd.DataFrame:
    """Return a frame of pandas with a column of another type."""
    usual = pd.DataFrame({"user": [1, 2, 2], "item": [5, 6, 7], "rating": [1, 2, 4]})
    return usual.assign(**{column: usual[column].astype(kind)})


@pytest.mark.parametrize("column", ["user", "rating"])
@pytest.mark.parametrize(
    "kind",
    [
        *("Int8", "Int64", "UInt64", "Float32", "float16", "string", "category", "Sparse[int]"),
        *("object", "int64[pyarrow]", "double[pyarrow]", "large_string[pyarrow]"),
    ],
)
def test_every_type_of_pandas_is_read(kind: str, column: str) -> None:
    ratings = load_ratings(of_type(kind, column))
    assert rows_of(ratings) == [(1, 5, 1.0), (2, 6, 2.0), (2, 7, 4.0)]
    assert all(type(one) is int for one in ratings.user_ids)


@pytest.mark.parametrize("column", ["user", "rating"])
@pytest.mark.parametrize(
    ("kind", "called"),
    [
        ("complex128", "complex128"),
        ("longdouble", "float128"),
        ("bool", "bool"),
        ("bool[pyarrow]", "bool"),
        ("datetime64[s]", "timestamp"),
    ],
)
def test_types_that_mean_nothing_are_one_error(kind: str, called: str, column: str) -> None:
    with pytest.raises(DataError, match=rf"^the frame: column '{column}' holds {called}\S* values"):
        load_ratings(of_type(kind, column))


@pytest.mark.parametrize(
    "kind",
    [pl.Int128, pl.List(pl.Int64), pl.Struct({"a": pl.Int64}), pl.Binary, pl.Boolean, pl.Duration],
)
def test_types_of_polars_that_mean_nothing_are_one_error(kind: Any) -> None:
    usual = pl.DataFrame({"user": [1, 2], "item": [5, 6], "rating": [1.0, 2.0]})
    cells: dict[Any, list[Any]] = {
        pl.List(pl.Int64): [[1], [2]],
        pl.Struct({"a": pl.Int64}): [{"a": 1}] * 2,
    }
    cells |= {pl.Binary: [b"1", b"2"]}
    other = pl.Series("item", cells.get(kind, [1, 2])).cast(kind)
    with pytest.raises(DataError, match=r"^the frame: column 'item' holds \S+.* values"):
        load_ratings(usual.with_columns(other))
    # A column that nobody wants may hold anything.
    assert len(load_ratings(usual.with_columns(other.alias("other")))) == 2


@pytest.mark.parametrize(
    "user",
    [
        pd.array([1, None], dtype="Int64"),
        [1, "a"],
        [1, True],
        [2**64, 1],
        pd.period_range("2020", periods=2),
    ],
)
def test_what_no_column_of_ids_can_be_is_one_error(user: Any) -> None:
    other = pd.DataFrame({"user": user, "item": [1, 2], "rating": [1.0, 2.0]})
    with pytest.raises(DataError, match=r"^the frame: .*column 'user'"):
        load_ratings(other)


def test_users_may_be_the_index_of_a_frame() -> None:
    frame = pd.DataFrame(COLUMNS).set_index(["userId", "movieId"])
    assert rows_of(load_ratings(frame)) == ROWS


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1, 5, 3.0], [2, 6, 4.5]]),
        np.array([["1", "5", "3.0"], ["2", "6", "4.5"]]),
        np.array([[1, 5, 3.0], [2, 6, 4.5]], dtype=object),
        np.array(
            [(1, 5, 3.0), (2, 6, 4.5)], dtype=[("user", "i8"), ("item", "i4"), ("rating", "f4")]
        ),
    ],
)
def test_arrays_of_numpy_are_read(array: Any) -> None:
    assert rows_of(load_ratings(array)) == [(1, 5, 3.0), (2, 6, 4.5)]


def test_sparse_matrices_are_read() -> None:
    matrix = csr_array(([1.0, 5.0], ([0, 3], [2, 0])), shape=(4, 3))
    assert rows_of(load_ratings(matrix)) == [(0, 2, 1.0), (3, 0, 5.0)]
