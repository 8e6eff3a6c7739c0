import gzip
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from fedmf.errors import DataError, SettingsError, UnknownNameError
from fedmf.ratings import Id, RatingScale, load_ratings
from tests.ratings.small_files import write_file, write_zip
from tests.ratings.small_tables import rows_of

TEXT = "user,item,rating,timestamp\nann,dune,4.5,20\nbob,emma,3,10\n"
ROWS: list[tuple[Id, Id, float]] = [("ann", "dune", 4.5), ("bob", "emma", 3.0)]


def test_a_csv_file_is_read(tmp_path: Path) -> None:
    ratings = load_ratings(str(write_file(tmp_path, TEXT)))
    assert rows_of(ratings) == ROWS
    assert ratings.timestamps is not None
    assert ratings.timestamps.tolist() == [20, 10]
    assert (ratings.name, ratings.scale) == ("books", RatingScale(3, 4.5))
    assert ratings.titles == {}


def test_compressed_files_are_read(tmp_path: Path) -> None:
    packed = write_file(tmp_path, gzip.compress(TEXT.encode()), "books.csv.gz")
    zipped = write_zip(tmp_path / "books.csv.zip", {"in/any folder.csv": TEXT.encode()})
    tabbed = write_file(tmp_path, TEXT.replace(",", "\t"), "books.tsv")
    for path in (packed, zipped, tabbed):
        ratings = load_ratings(path)
        assert (ratings.name, rows_of(ratings)) == ("books", ROWS)


def test_parquet_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "books.parquet"
    columns = {"user": ["ann", "bob"], "other": [1, 2], "item": ["dune", "emma"]}
    pyarrow.parquet.write_table(pa.table({**columns, "stars": [4.5, 3.0]}), path)
    ratings = load_ratings(path)
    assert (ratings.name, rows_of(ratings), ratings.timestamps) == ("books", ROWS, None)


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_delimiter_is_found_from_the_header(delimiter: str, tmp_path: Path) -> None:
    ratings = load_ratings(write_file(tmp_path, TEXT.replace(",", delimiter)))
    assert rows_of(ratings) == ROWS


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + TEXT,
        TEXT.replace("\n", "\r\n"),
        "\n\n" + TEXT.replace("\n", "\n\n"),
        TEXT.replace(",", " , "),
        TEXT.removesuffix("\n"),
        TEXT.replace("dune", '"dune"').replace("user", '"user"'),
    ],
    ids=["BOM", "CRLF", "blank lines", "spaces", "no last line end", "quotes"],
)
def test_common_ways_to_write_csv_make_no_difference(text: str, tmp_path: Path) -> None:
    assert rows_of(load_ratings(write_file(tmp_path, text))) == ROWS


def test_quoted_fields_may_hold_delimiters_quotes_and_line_breaks(tmp_path: Path) -> None:
    text = 'user,item,rating,review\nann,"a ""b"", c",1,"two\nlines"\n'
    assert rows_of(load_ratings(write_file(tmp_path, text))) == [("ann", 'a "b", c', 1.0)]


def test_whole_numbers_become_int_and_everything_else_stays_text(tmp_path: Path) -> None:
    text = "user,item,rating\n-3,007,1\n0,7,2\n12,8,3\n"
    ratings = load_ratings(write_file(tmp_path, text))
    assert ratings.user_ids == (-3, 0, 12)
    assert ratings.item_ids == ("007", "7", "8")


def test_identifiers_of_mixed_types_become_text_with_a_note(tmp_path: Path) -> None:
    text = "user,item,rating\n1,dune,1\n2,17,2\n3,18,3\n"
    ratings = load_ratings(write_file(tmp_path, text))
    assert ratings.item_ids == ("dune", "17", "18")
    assert ratings.item_code(17) == 1
    assert ratings.notes == (
        "column 'item' mixes whole numbers (2) with other identifiers (1, such as 'dune'): "
        "all are treated as text",
    )


def test_codes_follow_first_appearance_in_the_file(tmp_path: Path) -> None:
    text = "user,item,rating\n9,z,1\n2,a,2\n9,a,3\n5,m,4\n"
    ratings = load_ratings(write_file(tmp_path, text))
    assert (ratings.user_ids, ratings.item_ids) == ((9, 2, 5), ("z", "a", "m"))
    assert ratings.users.tolist() == [0, 1, 0, 2]
    assert ratings.items.tolist() == [0, 1, 1, 2]


def test_the_last_duplicate_in_the_file_wins_without_timestamps(tmp_path: Path) -> None:
    text = "user,item,rating\n1,a,1\n1,b,2\n1,a,3\n2,a,4\n1,a,5\n"
    ratings = load_ratings(write_file(tmp_path, text))
    assert rows_of(ratings) == [(1, "b", 2.0), (2, "a", 4.0), (1, "a", 5.0)]
    assert ratings.item_ids == ("a", "b")
    assert ratings.notes == ("2 duplicate ratings: the last one of each user and item was kept",)


def test_the_last_duplicate_in_time_wins_with_timestamps(tmp_path: Path) -> None:
    text = "user,item,rating,timestamp\n1,a,1,9\n1,b,2,5\n1,a,3,8\n2,b,1,4\n2,b,2,4\n"
    ratings = load_ratings(write_file(tmp_path, text))
    assert rows_of(ratings) == [(1, "a", 1.0), (1, "b", 2.0), (2, "b", 2.0)]
    assert ratings.timestamps is not None
    assert ratings.timestamps.tolist() == [9, 5, 4]


@pytest.mark.parametrize(
    ("other", "time", "notes"),
    [
        ("25/12/2015", "2015-02-03", 0),
        ("12/25/2015 10:20", "2015-03-02", 0),
        ("04/05/2015", "2015-03-02", 1),
    ],
)
def test_one_order_of_day_and_month_holds_for_all_dates(
    other: str, time: str, notes: int, tmp_path: Path
) -> None:
    text = f"user,item,rating,date\n1,a,1,03/02/2015\n1,b,2,{other}\n"
    ratings = load_ratings(write_file(tmp_path, text))
    assert ratings.timestamps is not None
    assert str(np.datetime64(int(ratings.timestamps[0]), "s"))[:10] == time
    said = "dates such as 03/02 were read as month/day, and no cell says otherwise"
    assert [said in one for one in ratings.notes] == [True] * notes


def test_dates_may_be_written_as_digits(tmp_path: Path) -> None:
    text = "user,item,rating,date\n1,a,1,20240229\n1,b,2,19991231\n"
    ratings = load_ratings(write_file(tmp_path, text))
    assert ratings.timestamps is not None
    days = ratings.timestamps.astype("datetime64[s]").astype("datetime64[D]")
    assert days.astype(str).tolist() == ["2024-02-29", "1999-12-31"]


def test_dates_and_times_become_seconds(tmp_path: Path) -> None:
    text = (
        "user,item,rating,timestamp\n"
        "1,a,1,1970-01-02\n"
        "1,b,1,1970-01-01 00:01:00\n"
        "1,c,1,1970-01-01T00:00:05.9Z\n"
        "1,d,1,1970-01-01T02:00:00+02:00\n"
        "1,e,1,1969-12-31 23:59:59.5\n"
        "1,f,1,77\n"
    )
    ratings = load_ratings(write_file(tmp_path, text))
    assert ratings.timestamps is not None
    assert ratings.timestamps.tolist() == [86400, 60, 5, 0, -1, 77]


def test_equal_ratings_say_only_who_met_what(tmp_path: Path) -> None:
    ratings = load_ratings(write_file(tmp_path, "user,item,rating\n1,a,3\n2,a,3\n"))
    assert ratings.scale == RatingScale(3, 3)
    assert ratings.interactions


@pytest.mark.parametrize(
    "header",
    [
        "userId,movieId,rating,timestamp",
        "user_id,item_id,score,time",
        "User-ID,ISBN,Book-Rating,date",
        "reviewerID,asin,stars,unix_time",
    ],
)
def test_common_column_names_are_recognised(header: str, tmp_path: Path) -> None:
    ratings = load_ratings(write_file(tmp_path, header + "\nann,dune,4.5,20\nbob,emma,3,10\n"))
    assert rows_of(ratings) == ROWS
    assert ratings.timestamps is not None


def test_the_default_name_wins_over_common_ones(tmp_path: Path) -> None:
    text = "user_id,user,item,movie,rating\nx,ann,dune,y,4.5\nx,bob,emma,y,3\n"
    assert rows_of(load_ratings(write_file(tmp_path, text))) == ROWS


def test_columns_can_be_named(tmp_path: Path) -> None:
    text = "who,what,how much,when,date\nann,dune,4.5,20,-\nbob,emma,3,10,-\n"
    path = write_file(tmp_path, text)
    named = partial(load_ratings, path, user_column="who", item_column=2, rating_column="how much")
    ratings = named(time_column="when")
    assert rows_of(ratings) == ROWS
    assert ratings.timestamps is not None
    assert named(time_column="none").timestamps is None


def test_a_scale_is_taken_over(tmp_path: Path) -> None:
    path = write_file(tmp_path, TEXT)
    for scale in ((1, 5), RatingScale(1, 5)):
        assert load_ratings(path, scale=scale).scale == RatingScale(1, 5)
    with pytest.raises(SettingsError, match="upside down"):
        load_ratings(path, scale=(5, 1))


@pytest.mark.parametrize("source", ["nowhere/books.csv", "books.csv", Path("books")])
def test_a_missing_file_is_said_to_be_missing(source: str | Path) -> None:
    with pytest.raises(DataError, match=f"file not found: {source}"):
        load_ratings(source)


def test_a_word_that_is_no_file_is_an_unknown_data_set() -> None:
    with pytest.raises(UnknownNameError, match="data set 'netflix'; known: movielens-small"):
        load_ratings("netflix")


def test_an_unknown_kind_of_file_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    spreadsheet = write_zip(tmp_path / "books.xlsx", {"xl/workbook.xml": b"", "a.xml": b""})
    with pytest.raises(DataError, match=r"holds no file that may be ratings"):
        load_ratings(spreadsheet)


@pytest.mark.parametrize("name", ["books.csv.gz", "books.txt", "books", "books.parquet"])
def test_what_a_file_holds_counts_and_not_its_name(name: str, tmp_path: Path) -> None:
    assert rows_of(load_ratings(write_file(tmp_path, TEXT, name))) == ROWS


@pytest.mark.parametrize("name", ["books.csv.zip", "books.zip"])
def test_a_file_that_is_not_what_its_name_says_is_refused(name: str, tmp_path: Path) -> None:
    path = write_file(tmp_path, TEXT, name)
    with pytest.raises(DataError, match=rf"{name} is damaged"):
        load_ratings(path)


def test_a_gzip_that_ends_early_is_refused(tmp_path: Path) -> None:
    path = write_file(tmp_path, gzip.compress(TEXT.encode())[:-9], "books.csv.gz")
    with pytest.raises(DataError, match="is damaged"):
        load_ratings(path)


def test_a_zip_that_needs_a_password_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "books.csv.zip", {"books.csv": TEXT.encode()})
    data = bytearray(path.read_bytes())
    # The lowest bit of the flags says that a member is encrypted, here and in the directory.
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"books\.csv cannot be unpacked .*unpack it by hand first"):
        load_ratings(path)


def test_a_file_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    path = write_file(tmp_path, TEXT)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"books\.csv cannot be read: Permission denied"):
        load_ratings(path)


def test_a_zip_with_several_tables_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "two.csv.zip", {"a.csv": b"", "b.csv": b""})
    with pytest.raises(DataError, match=r"more than one set of ratings: 'a\.csv' and 'b\.csv'"):
        load_ratings(path)


def test_loading_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bad: Any = write_file(tmp_path, "user,item,rating\n1,a,x\n")
    with warnings.catch_warnings(record=True) as caught:
        load_ratings("movielens-small")
        with pytest.raises(DataError):
            load_ratings(bad)
    assert caught == []
    assert capfd.readouterr() == ("", "")
