import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fedmf.errors import DataError, UnknownNameError
from fedmf.ratings import BUNDLED_NAMES, Ratings, RatingScale, bundled, load_ratings


@pytest.fixture(scope="module")
def bundled_ratings() -> Ratings:
    return load_ratings("movielens-small")


def test_bundled_ratings_are_the_small_set_of_2016(bundled_ratings: Ratings) -> None:
    assert repr(bundled_ratings) == (
        "Ratings('movielens-small': 100,004 ratings, 671 users, 9,066 items)"
    )
    assert bundled_ratings.scale == RatingScale(0.5, 5)
    assert set(bundled_ratings.values) == set(np.arange(1, 11) / 2)
    assert bundled_ratings.notes == ()


def test_bundled_ratings_are_sorted_by_user_time_and_movie(bundled_ratings: Ratings) -> None:
    assert bundled_ratings.timestamps is not None
    users = np.array(bundled_ratings.user_ids)[bundled_ratings.users]
    items = np.array(bundled_ratings.item_ids)[bundled_ratings.items]
    order = np.lexsort((items, bundled_ratings.timestamps, users))
    assert (order == np.arange(len(bundled_ratings))).all()


def test_bundled_titles_carry_the_year(bundled_ratings: Ratings) -> None:
    assert bundled_ratings.title(1) == "Toy Story (1995)"
    assert bundled_ratings.title(73) == "Misérables, Les (1995)"
    assert len(bundled_ratings.titles) == 9061
    assert all(title[-1] == ")" and "(" in title for title in bundled_ratings.titles.values())


def test_bundled_titles_agree_with_the_real_set_of_2018(
    bundled_ratings: Ratings, latest_small: Ratings
) -> None:
    shared = bundled_ratings.titles.keys() & latest_small.titles.keys()
    differing = [one for one in shared if bundled_ratings.title(one) != latest_small.title(one)]
    assert len(shared) > 6000
    # Two titles had a stray space, and Star Trek Beyond was still called Star Trek 3 in 2016.
    assert sorted(differing) == [72641, 100306, 135569]


@pytest.mark.parametrize("name", BUNDLED_NAMES)
def test_bundled_archives_are_the_ones_whose_digest_is_known(name: str) -> None:
    with zipfile.ZipFile(bundled.bundled_archive(name)) as archive:
        assert sorted(archive.namelist()) == ["movies.csv", "ratings.csv"]


def test_loading_does_not_import_pandas_even_where_it_is_installed() -> None:
    program = (
        "import sys\n"
        "from fedmf.ratings import load_ratings\n"
        "load_ratings('movielens-small')\n"
        "sys.exit('pandas' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], check=False)  # noqa: S603
    assert run.returncode == 0


def test_a_damaged_archive_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bundled.BUNDLED_SHA256, "movielens-small", "0" * 64)
    with pytest.raises(DataError, match="missing or damaged; install fedmf again"):
        load_ratings("movielens-small")


def test_the_licence_stands_beside_the_data() -> None:
    licence = Path(bundled.__file__).with_name("LICENSE-MovieLens.txt").read_text("utf-8")
    assert "may redistribute the data set, including transformations" in " ".join(licence.split())
    assert "F. Maxwell Harper and Joseph A. Konstan" in licence


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'movielens-small'"):
        load_ratings("movielens_smal")
