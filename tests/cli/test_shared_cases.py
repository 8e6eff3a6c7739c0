"""Small inputs that once went wrong, each with the right answer; they lie beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedmf.errors import DataError
from fedmf.federation.silos import Federation
from fedmf.ratings import load_ratings
from tests.cli.command import Ran, run

CASES = Path(__file__).parents[2] / ".." / "shared" / "cases"
PLAIN = ["--protection", "none", "--factors", "4", "--workers", "1"]


@pytest.fixture(autouse=True)
def _cases() -> None:
    if not CASES.is_dir():
        pytest.skip("the cases are not in the shared folder beside the checkout")


def train(case: str, *options: str, out: str = "run") -> Ran:
    return run("train", str(CASES / case), *PLAIN, *options, "--out", out)


def test_01_the_named_file_is_the_one_that_is_read() -> None:
    ran = train("01_two_layouts/ratings.dat")
    assert "5 users, 4 items, 20 ratings" in ran.text
    ratings = load_ratings(CASES / "01_two_layouts" / "ratings.dat")
    assert (ratings.user_ids, ratings.item_ids) == ((11, 12, 13, 14, 15), (7, 8, 9, 10))
    both = run("data", str(CASES / "01_two_layouts"))
    assert both.status == 10
    assert "'ratings.csv' and 'ratings.dat'" in both.error


def test_02_nothing_that_was_rated_is_recommended() -> None:
    train("02_heldout_recommended.csv", "--rounds", "3")
    offered = {
        one["item"] for one in run("recommend", "run", "--user", "u1", "--json").json["items"]
    }
    assert not offered & {"i0", "i1", "i2", "i6", "i7", "i8", "i9"}
    assert offered


def test_03_ratings_that_are_all_zero() -> None:
    assert train("03_sgd_zeros.csv", "--method", "sgd").status in (0, 10, 12)
    assert train("03_sgd_zeros.csv", out="other").status == 0


def test_05_a_scale_of_its_own_under_the_names_of_movielens() -> None:
    assert "on a scale from 1 to 10" in train("05_movielens_names_own_scale").text


def test_08_one_outlier_is_noted() -> None:
    assert "500" in train("08_one_outlier.csv", "--rounds", "3").text


@pytest.mark.parametrize(
    ("catalogue", "items"),
    [
        ("10_catalogue_padded.txt", ("0120735", "0111161", "1375666")),
        ("10_catalogue_007_and_7.txt", ("007", "7", "8")),
    ],
)
def test_10_ids_of_a_catalogue_stay_as_they_are(catalogue: str, items: tuple[str, ...]) -> None:
    new = ["federation", "new", "server", "--catalogue", str(CASES / catalogue)]
    new += ["--users", "3", "--users", "3", "--users", "3", "--protection", "none"]
    assert run(*new, "--rounds", "1").status == 12
    made = run(*new, "--rounds", "1", "--scale", "1:5")
    assert made.status == 0, made.error
    assert Federation.read(Path("server")).item_ids == items


def test_11_interactions_without_ratings() -> None:
    case = "11_implicit_no_rating.csv"
    assert train(case, "--method", "implicit").status == 0
    found = train(case, out="other")
    assert found.status == 0
    assert "implicit" in found.text


def test_13_a_new_user_may_use_all_of_the_scale() -> None:
    train("13_scale_2_to_5.csv", "--holdout", "0", "--scale", "1:5")
    new = str(CASES / "13_new_user.csv")
    assert run("recommend", "run", "--ratings", new).status == 0
    train("13_scale_2_to_5.csv", "--holdout", "0", out="found")
    ran = run("recommend", "found", "--ratings", new)
    assert ran.status == 10
    assert "--scale" in ran.error


def test_14_ratings_to_measure_with_lie_on_the_models_scale() -> None:
    train("02_heldout_recommended.csv", "--rounds", "3")
    ran = run("evaluate", "run", "--ratings", str(CASES / "14_eval_other_scale.csv"))
    assert ran.status == 10
    assert "'400' is outside the scale 1 to 5" in ran.error


def test_15_words_in_a_column_of_times() -> None:
    ran = train("15_time_text.csv")
    assert ran.status == 0
    assert "--time-column" in ran.text
    assert train("15_time_text.csv", "--time-column", "none", out="other").status == 0


def test_17_numbers_with_underscores() -> None:
    with pytest.raises(DataError, match="'1_0' is not a finite number"):
        load_ratings(CASES / "17_float_syntax.csv")


def test_19_titles_are_found_whatever_ids_stand_beside_them() -> None:
    titles = load_ratings(CASES / "19_titles_lost").titles
    assert titles == {1375666: "Inception", 1375667: "Other"}
