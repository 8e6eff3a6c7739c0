"""What is written down is what is read, and what is wrong is found where it is."""

import csv
import io
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmf.errors import DataError
from fedmf.ratings import load_ratings
from tests.ratings.small_tables import rows_of

# Any text an owner may use as identifier, with a letter so that it is never a number.
names = st.text(
    st.one_of(
        st.sampled_from(',;"\n\t| é'), st.characters(codec="utf-8", exclude_characters="\0\r")
    ),
    max_size=6,
).map(lambda text: f"x{text}x")
stars = st.floats(-1e6, 1e6).map(lambda value: value + 0.0)
tables = st.lists(
    st.tuples(names, names, stars, st.integers(-(2**40), 2**40)), min_size=1, max_size=20
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("round trips")


def expected(rows: list[tuple[str, str, float, int]]) -> list[tuple[Any, ...]]:
    """Return the rows that must be left: of each user and item the last in time."""
    last: dict[tuple[str, str], tuple[int, int]] = {}
    for place, (user, item, _, time) in enumerate(rows):
        last[user, item] = max(last.get((user, item), (time, place)), (time, place))
    kept = sorted(place for _, place in last.values())
    return [rows[place][:3] for place in kept]


@given(tables, st.sampled_from(["\n", "\r\n"]))
def test_csv_parquet_and_frames_give_the_rows_that_were_written(
    folder: Path, rows: list[tuple[str, str, float, int]], line_end: str
) -> None:
    header = ["user", "item", "rating", "timestamp"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=line_end)
    writer.writerow(header)
    writer.writerows(rows)
    path = folder / "rows.csv"
    path.write_bytes(text.getvalue().encode())
    table = pa.table(dict(zip(header, map(list, zip(*rows, strict=True)), strict=True)))
    pyarrow.parquet.write_table(table, folder / "rows.parquet")

    # A scale that is given leaves no outliers out.
    from_csv = load_ratings(path, scale=(-1e6, 1e6))
    assert rows_of(from_csv) == expected(rows)
    for other in (folder / "rows.parquet", table, pl.DataFrame(table)):
        assert load_ratings(other, scale=(-1e6, 1e6)).sha256() == from_csv.sha256()


@given(
    st.lists(st.sampled_from(["1,a,3,-", '1,a,3,"x\ny"', "", '1,"a",3,"\r\n"']), max_size=12),
    st.lists(st.sampled_from(["1,a,3,-", "", '"1\n2",b,3,-']), max_size=4),
)
def test_the_line_of_a_bad_rating_is_its_line_in_an_editor(
    folder: Path, before: list[str], after: list[str]
) -> None:
    path = folder / "bad.csv"
    lines = ["user,item,rating,review", *before, "1,b,bad,-", *after]
    path.write_bytes("\n".join(lines).encode())
    line = 1 + "\n".join(lines[: 1 + len(before)]).count("\n") + 1
    with pytest.raises(DataError, match=f"line {line}, column 'rating': 'bad'"):
        load_ratings(path)
