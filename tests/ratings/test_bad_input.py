"""Every mistake in a file is named with its line, and all of them in one message."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from fedmf.errors import DataError
from fedmf.ratings import load_ratings
from tests.ratings.small_files import write_file

HEADER = b"user,item,rating,timestamp\n"


def message(folder: Path, data: bytes, scale: tuple[float, float] | None = None) -> str:
    """Return what is said about a CSV file, without the folder."""
    path = write_file(folder, data)
    with pytest.raises(DataError) as caught:
        load_ratings(path, scale=scale)
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf\n"])
def test_an_empty_file_is_said_to_be_empty(data: bytes, tmp_path: Path) -> None:
    assert message(tmp_path, data) == "books.csv: the file is empty; get or write it again"


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        pytest.param(HEADER, ["not a single rating"], id="a header and nothing else"),
        pytest.param(
            b"1,10,3.5,2,7\n1,11,4,2,9\n",
            [
                "no column for the rating (columns found: 5 without names)",
                "--rating-column, by name or by position from 1",
                "the first row is 1, 10, 3.5, 2, 7",
            ],
            id="no header, and too many columns",
        ),
        pytest.param(
            b"1 10 12 15 16\n2 10 12 13 17\n",
            ["--layout lists where it is a user and all items that it met"],
            id="lists that are all of one length",
        ),
        pytest.param(
            b"user,item,liked\n1,a,true\n1,b,false\n",
            ["no column for the rating", "--rating-column none where a row only says who met"],
            id="yes or no in place of a rating",
        ),
        pytest.param(
            b"\x89PNG\r\n\x1a\n\0\0\0\r" + bytes(range(256)),
            ["books.csv is not text, JSON, Parquet or Arrow"],
            id="an image",
        ),
        pytest.param(
            HEADER + b"1,a,3,12/25/2015\n1,b,3,25/12/2015\n",
            ["line 2, column 'timestamp': '12/25/2015' is neither"],
            id="the day first, and then the month",
        ),
        pytest.param(
            b"user^item^rating\na^b^c\n",
            ["nobody can tell what separates columns ('user^item^rating' is the first line)"],
            id="a separator of no other's",
        ),
        pytest.param(b"ratings\n3\n", ["(columns found: 'ratings')"], id="a single column"),
        pytest.param(
            b"userId,user_id,item,rating\n1,1,a,3\n",
            [
                "the columns 'userId' and 'user_id' could each be the user",
                "(columns found: 'userId', 'user_id', 'item' and 'rating')",
            ],
            id="ambiguous columns",
        ),
        pytest.param(
            b",".join(b"c%d" % k for k in range(100)) + b"\n",
            ["'c11' and 88 more"],
            id="so many columns that their list is cut short",
        ),
        pytest.param(
            HEADER + b"1,a,3,5\n1,b,3\n\n1,c,3,5,6\n",
            [
                "line 3: 3 fields instead of 4; correct the line",
                "line 5: 5 fields instead of 4; correct the line",
            ],
            id="too few and too many fields",
        ),
        pytest.param(
            HEADER + b'1,"b,3,5\n' + b"2,c,4,6\n" * 20_000 + b'2,d"\n3,e,x,8\n',
            [
                "line 2: 2 fields instead of 4; close the quote opened there",
                "line 20004, column 'rating': 'x'",
            ],
            id="lines are counted on after a long quote",
        ),
        pytest.param(
            HEADER + "1,a,3,5\n2,café,4,6\nJosé,b,x,7\n".encode("latin-1"),
            ["line 4, column 'rating': 'x' is not a finite number"],
            id="bytes that are not UTF-8",
        ),
        pytest.param(
            b"\nuser,item,rating,review\n"
            b'\n1,a,3,"two\nlines"\n\n2,b,x,"three\r\nmore\nlines"\n3,c,y,-\n',
            ["line 7, column 'rating': 'x'", "line 10, column 'rating': 'y'"],
            id="lines are real lines after line breaks in quotes and blank lines",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    data: bytes, parts: list[str], tmp_path: Path
) -> None:
    said = message(tmp_path, data)
    assert [part for part in parts if part not in said] == []


@pytest.mark.parametrize("layout", ["wide", "lists"])
def test_objects_have_no_other_layout(layout: str, tmp_path: Path) -> None:
    path = write_file(
        tmp_path, b'{"reviewer": "a", "asin": "b", "overall": 3, "helpful": [0, 1]}\n'
    )
    with pytest.raises(DataError, match=f"layout {layout}"):
        load_ratings(path, layout=layout, item_column="asin")


def test_missing_columns_are_named_beside_those_found(tmp_path: Path) -> None:
    assert message(tmp_path, b"someone,item,liking\n1,a,3\n") == (
        "books.csv: no column for the user and rating (columns found: 'someone', 'item' and "
        "'liking'); say which with --user-column and --rating-column, by name or by position "
        "from 1"
    )


def test_a_named_column_that_is_missing_is_named(tmp_path: Path) -> None:
    path = write_file(tmp_path, HEADER + b"1,a,3,5\n")
    with pytest.raises(DataError) as caught:
        load_ratings(path, user_column="who", time_column=9)
    assert "there is no column 'who' for --user-column" in str(caught.value)
    assert "there is no column '9' for --time-column" in str(caught.value)


def test_one_column_cannot_be_two_things(tmp_path: Path) -> None:
    path = write_file(tmp_path, HEADER + b"1,a,3,5\n")
    with pytest.raises(DataError, match="the column 'item' is taken for the user and the item"):
        load_ratings(path, user_column="item", item_column=2)


@pytest.mark.parametrize(
    "value", ["abc", "NaN", "inf", "-Infinity", "3,5,", "1e999", "0x10", "1_0", "1e", "٣"]
)
def test_a_rating_that_is_no_finite_number_is_named(value: str, tmp_path: Path) -> None:
    data = HEADER + f'1,a,3,5\n1,b,"{value}",5\n'.encode()
    assert message(tmp_path, data) == (
        f"books.csv: line 3, column 'rating': {value!r} is not a finite number; "
        "correct it or remove the row, or say --not-rated if it means no rating"
    )


@pytest.mark.parametrize(
    ("row", "column"),
    [("1,b,,5", "rating"), ("1, ,3,5", "item"), (",b,3,5", "user"), ("1,b,3,", "timestamp")],
)
def test_a_cell_without_a_value_is_named(row: str, column: str, tmp_path: Path) -> None:
    said = message(tmp_path, HEADER + f"1,a,3,5\n{row}\n".encode())
    place = f"books.csv: line 3, column {column!r}"
    assert said.startswith(f"{place}: there is no value; fill it in or remove the row")


@pytest.mark.parametrize("value", ["yesterday", "1970-13-01", "nan", "1e30"])
def test_a_timestamp_that_is_none_is_named(value: str, tmp_path: Path) -> None:
    said = message(tmp_path, HEADER + f"1,a,3,5\n1,b,3,{value}\n".encode())
    assert f"line 3, column 'timestamp': {value!r} is neither seconds" in said
    assert "or say --time-column none" in said


def test_ratings_outside_the_scale_are_named(tmp_path: Path) -> None:
    said = message(tmp_path, HEADER + b"1,a,0.5,5\n1,b,5,5\n1,c,5.5,5\n", scale=(1, 5))
    remedy = "correct it or remove the row, or say --not-rated if it means no rating"
    assert said.splitlines() == [
        "books.csv has 2 problems:",
        f"  - line 2, column 'rating': '0.5' is outside the scale 1 to 5; {remedy}, or say another "
        "--scale when training",
        f"  - line 4, column 'rating': '5.5' is outside the scale 1 to 5; {remedy}, or say another "
        "--scale when training",
    ]


@pytest.mark.parametrize("rows_after", [1, 200_000])
def test_a_quote_that_is_never_closed_is_found_where_it_opens(
    rows_after: int, tmp_path: Path
) -> None:
    said = message(tmp_path, HEADER + b'1,a,3,5\n1,"b,3,5\n' + b"2,c,4,6\n" * rows_after)
    assert said == "books.csv: line 3: 2 fields instead of 4; close the quote opened there"


def test_bytes_in_a_column_nobody_needs_do_not_matter(tmp_path: Path) -> None:
    path = write_file(tmp_path, b"user,item,rating,review\n1,a,3,d\xe9j\xe0 vu\n")
    assert len(load_ratings(path)) == 1


def test_all_kinds_of_problems_are_in_one_message(tmp_path: Path) -> None:
    said = message(
        tmp_path,
        HEADER + b",a,3,5\n1,,3,5\n1,b,abc,5\n1,c,9,5\n1,d,3,then\n1,e\n1,f,3,5\n",
        scale=(1, 5),
    )
    assert said.startswith("books.csv has 6 problems:\n")
    for where in (
        "line 2, column 'user'",
        "line 3, column 'item'",
        "line 4, column 'rating': 'abc'",
        "line 5, column 'rating': '9' is outside",
        "line 6, column 'timestamp': 'then'",
        "line 7: 2 fields",
    ):
        assert where in said


def test_three_problems_of_every_kind_are_shown_and_the_others_counted(
    tmp_path: Path,
) -> None:
    said = message(tmp_path, HEADER + b"1,a,x,5\n" * 2_000 + b",b,3,5\n" * 300)
    lines = said.splitlines()
    assert lines[0] == "books.csv has 2,300 problems:"
    assert len(lines) == 9
    assert sum("line" in line and "no value" in line for line in lines) == 3
    assert sum("'x' is not a finite number" in line for line in lines) == 3
    assert "  - and 1,997 more like this" in lines
    assert "  - and 297 more like this" in lines


def test_a_message_stays_readable_whatever_a_cell_holds(tmp_path: Path) -> None:
    said = message(tmp_path, HEADER + b"1,a," + b"9" * 500 + b"x,5\n")
    assert len(said) < 200


def test_problems_of_a_parquet_file_are_named_by_row(tmp_path: Path) -> None:
    path = tmp_path / "books.parquet"
    table = pa.table({"user": [1, None, 3], "item": ["a", "b", ""], "rating": [1.0, 2.0, None]})
    pyarrow.parquet.write_table(table, path)
    with pytest.raises(DataError) as caught:
        load_ratings(path)
    assert "row 1 (the first is 0), column 'user': there is no value" in str(caught.value)
    assert "row 2 (the first is 0), column 'item': there is no value" in str(caught.value)
    assert "row 2 (the first is 0), column 'rating': there is no value" in str(caught.value)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted by Linux")
def test_nothing_of_a_broken_file_is_left_to_threads(tmp_path: Path) -> None:
    # Threads of Arrow's that hold bytes of Python's abort the program if it ends just then.
    path = write_file(tmp_path, HEADER + b"1,a,3,5\n" * 200_000 + b"1,a\n" * 3_000)
    program = (
        "import os, sys\n"
        "import pyarrow.csv, pyarrow.parquet\n"
        "from fedmf.ratings import load_ratings\n"
        "before = set(os.listdir('/proc/self/task'))\n"
        "try:\n"
        "    load_ratings(sys.argv[1])\n"
        "except Exception:\n"
        "    sys.exit(len(set(os.listdir('/proc/self/task')) - before))\n"
    )
    ran = subprocess.run([sys.executable, "-c", program, str(path)], check=False)  # noqa: S603
    assert ran.returncode == 0
