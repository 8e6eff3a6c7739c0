from pathlib import Path

import pytest

from fedmf.errors import DataError
from fedmf.ratings import Ratings, RatingScale, load_ratings
from tests.ratings.small_files import (
    LAYOUTS,
    RATINGS,
    TITLES,
    csv_layout,
    dat_layout,
    layout_1m,
    layout_100k,
    write_folder,
    write_zip,
)
from tests.ratings.small_tables import rows_of


def assert_is_the_tiny_set(ratings: Ratings, layout: str) -> None:
    shift = 0.5 if layout == "25m" else 0.0
    assert rows_of(ratings) == [(user, item, value - shift) for user, item, value, _ in RATINGS]
    assert ratings.timestamps is not None
    assert ratings.timestamps.tolist() == [time for *_, time in RATINGS]
    assert ratings.titles == {50: TITLES[50], 661: TITLES[661]}
    whole_stars = layout in ("1m", "100k")
    assert ratings.scale == (RatingScale(1, 5) if whole_stars else RatingScale(0.5, 5))
    assert ratings.notes == ()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_read_from_its_folder(layout: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "ml", LAYOUTS[layout]())
    ratings = load_ratings(str(folder))
    assert ratings.name == "ml"
    assert_is_the_tiny_set(ratings, layout)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("prefix", ["", "ml-x/"])
def test_every_layout_is_read_from_its_zip(layout: str, prefix: str, tmp_path: Path) -> None:
    files = {prefix + name: data for name, data in LAYOUTS[layout]().items()}
    shadows = {f"__MACOSX/{name}": b"\0" for name in files}
    ratings = load_ratings(write_zip(tmp_path / "ml-x.zip", shadows | files))
    assert ratings.name == "ml-x"
    assert_is_the_tiny_set(ratings, layout)


@pytest.mark.parametrize(("layout", "file"), [("1m", "ratings.dat"), ("100k", "u.data")])
def test_the_path_of_the_ratings_stands_for_the_folder(
    layout: str, file: str, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "ml", LAYOUTS[layout]())
    assert_is_the_tiny_set(load_ratings(folder / file), layout)


def test_a_scale_of_ones_own_replaces_the_known_one(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "ml", csv_layout())
    assert load_ratings(folder, scale=(0, 10)).scale == RatingScale(0, 10)


def test_ratings_outside_the_known_scale_make_another_one(tmp_path: Path) -> None:
    files = dict(layout_100k())
    files["u.data"] += b"3\t50\t7\t978299001\n"
    folder = write_folder(tmp_path / "ml", files)
    assert load_ratings(folder).scale == RatingScale(3, 7)
    with pytest.raises(
        DataError, match=r"u\.data: line 4, column 'rating': '7' is outside .*1 to 5"
    ):
        load_ratings(folder, scale="1:5")


def test_lines_are_counted_in_files_with_double_colons(tmp_path: Path) -> None:
    files = dict(layout_1m())
    files["ratings.dat"] += b"2::661::x::978299000\n2::999::4\n"
    with pytest.raises(DataError) as caught:
        load_ratings(write_folder(tmp_path / "ml", files))
    assert "line 4, column 'rating': 'x' is not a finite number" in str(caught.value)
    assert "line 5: 3 fields instead of 4" in str(caught.value)


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "ml", {**layout_100k(), "u.data": b"\n"})
    with pytest.raises(DataError, match=r"u\.data: the file is empty"):
        load_ratings(folder)


@pytest.mark.parametrize(
    ("broken", "said"), [(b"\n", "the file is empty"), (b"movieId,title\n50,Les,Mis\n", "line 2")]
)
def test_titles_that_cannot_be_read_are_noted(broken: bytes, said: str, tmp_path: Path) -> None:
    ratings = load_ratings(write_folder(tmp_path / "ml", {**csv_layout(), "movies.csv": broken}))
    assert ratings.titles == {}
    assert any("titles were not read" in note and said in note for note in ratings.notes)


def test_items_without_a_title_fall_back_to_their_identifier(tmp_path: Path) -> None:
    files = {**csv_layout(), "movies.csv": b"movieId,title\n50,\n"}
    ratings = load_ratings(write_folder(tmp_path / "ml", files))
    assert ratings.titles == {}
    assert ratings.title(50) == "50"


def test_a_folder_without_titles_is_read(tmp_path: Path) -> None:
    files = dict(csv_layout())
    del files["movies.csv"]
    ratings = load_ratings(write_folder(tmp_path / "ml", files))
    assert (len(ratings), ratings.titles) == (3, {})


def test_a_folder_with_two_sets_names_both(tmp_path: Path) -> None:
    files = {**csv_layout(), **dat_layout("utf-8")}
    folder = write_folder(tmp_path / "ml", files)
    archive = write_zip(tmp_path / "ml.zip", files)
    for source in (folder, archive):
        with pytest.raises(DataError, match=r"'ratings\.csv' and 'ratings\.dat'; give the path"):
            load_ratings(source)
        one = load_ratings(source / "ratings.dat")
        assert rows_of(one) == [(user, item, float(value)) for user, item, value, _ in RATINGS]


def test_the_real_latest_small_is_read_whole(latest_small: Ratings) -> None:
    assert repr(latest_small) == (
        "Ratings('ml-latest-small': 100,836 ratings, 610 users, 9,724 items)"
    )
    assert latest_small.title(1) == "Toy Story (1995)"
    assert len(latest_small.titles) == 9724
    assert latest_small.scale == RatingScale(0.5, 5)
    assert latest_small.notes == ()
    assert rows_of(latest_small)[:2] == [(1, 1, 4.0), (1, 3, 4.0)]
