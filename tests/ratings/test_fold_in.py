from pathlib import Path

import pandas as pd
import pytest

from fedmf.errors import DataError, UnknownNameError
from fedmf.ratings import load_fold_in_ratings
from tests.ratings.small_files import write_file, write_zip


def test_a_user_column_is_not_needed(tmp_path: Path) -> None:
    path = write_file(tmp_path, "item,rating\n260,5\n1,3.5\n")
    assert load_fold_in_ratings(str(path)) == [(260, 5.0), (1, 3.5)]


def test_one_user_may_be_named(tmp_path: Path) -> None:
    path = write_file(tmp_path, "userId,movieId,stars\nme,dune,5\nme,emma,3.5\n")
    assert load_fold_in_ratings(path) == [("dune", 5.0), ("emma", 3.5)]


def test_several_users_are_refused(tmp_path: Path) -> None:
    path = write_file(tmp_path, "user,item,rating\n1,a,5\n2,a,3.5\n")
    with pytest.raises(DataError, match="holds ratings of 2 users"):
        load_fold_in_ratings(path)


def test_frames_and_named_columns_are_welcome() -> None:
    mine = pd.DataFrame({"film": ["dune"], "liked": [4]})
    assert load_fold_in_ratings(mine, rating_column="liked") == [("dune", 4.0)]


def test_the_last_rating_of_an_item_wins(tmp_path: Path) -> None:
    path = write_file(tmp_path, "item,rating\n1,1\n2,2\n1,3\n")
    assert load_fold_in_ratings(path) == [(2, 2.0), (1, 3.0)]
    path = write_file(tmp_path, "item,rating,timestamp\n1,1,9\n2,2,5\n1,3,8\n")
    assert load_fold_in_ratings(path) == [(1, 1.0), (2, 2.0)]


def test_problems_are_named_with_their_line(tmp_path: Path) -> None:
    path = write_file(tmp_path, "item,rating\n1,7\n,2\n3,x\n")
    with pytest.raises(DataError) as caught:
        load_fold_in_ratings(path, scale=(1, 5))
    for where in ("line 2, column 'rating': '7' is outside", "line 3, column 'item'", "line 4"):
        assert where in str(caught.value)


def test_missing_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column for the item and rating"):
        load_fold_in_ratings(write_file(tmp_path, "a,b\n1,2\n"))


def test_a_zip_needs_exactly_one_table(tmp_path: Path) -> None:
    one = write_zip(tmp_path / "one.zip", {"me.csv": b"item,rating\n1,2\n", "about.txt": b""})
    assert load_fold_in_ratings(one) == [(1, 2.0)]
    two = write_zip(tmp_path / "two.zip", {"a.csv": b"", "b.csv": b""})
    with pytest.raises(DataError, match=r"more than one set of ratings: 'a\.csv' and 'b\.csv'"):
        load_fold_in_ratings(two)


def test_a_missing_file_is_said_to_be_missing() -> None:
    with pytest.raises(DataError, match=r"file not found: me\.csv"):
        load_fold_in_ratings("me.csv")
    with pytest.raises(UnknownNameError):
        load_fold_in_ratings("movielens_small")
