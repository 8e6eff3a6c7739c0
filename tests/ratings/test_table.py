import copy
import pickle
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from fedmf.errors import DataError, SettingsError, UnknownNameError
from fedmf.ratings import Id, Ratings, RatingScale
from tests.ratings.small_tables import rows_of, table

FILMS = table(
    [(7, 20, 4.0), (7, 10, 2.5), (3, 20, 5.0)],
    titles={20: "Jumanji (1995)"},
)


def of_columns(
    users: Sequence[int],
    items: Sequence[int],
    values: npt.ArrayLike,
    item_ids: tuple[Id, ...] = ("x",),
) -> Ratings:
    codes = (np.array(users, dtype=np.int32), np.array(items, dtype=np.int32))
    numbers = np.asarray(values, dtype=np.float64)
    return Ratings("odd", ("a", "b"), item_ids, *codes, numbers, None, {}, RatingScale(1, 5))


def test_sizes_and_density_count_users_items_and_pairs() -> None:
    assert (len(FILMS), FILMS.n_users, FILMS.n_items) == (3, 2, 2)
    assert FILMS.density == 3 / 4


def test_representation_shows_sizes_and_no_rating() -> None:
    assert repr(FILMS) == "Ratings('small': 3 ratings, 2 users, 2 items)"


def test_arrays_are_read_only() -> None:
    timed = table([(1, 1, 3.0, 100)])
    assert timed.timestamps is not None
    for array in (timed.users, timed.items, timed.values, timed.timestamps):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_the_callers_array_stays_writeable_and_apart() -> None:
    values = np.array([3.0])
    one = of_columns([0], [0], values)
    values[0] = 5.0
    assert one.values[0] == 3.0


def test_codes_are_found_by_identifier() -> None:
    assert [FILMS.user_code(7), FILMS.user_code(3)] == [0, 1]
    assert [FILMS.item_code(20), FILMS.item_code(10)] == [0, 1]


def test_text_finds_a_whole_number_and_the_other_way_round() -> None:
    assert FILMS.user_code("3") == 1
    assert FILMS.item_code(" 10") == 1
    assert table([("3", "x", 1.0)]).user_code(3) == 0
    assert FILMS.user_code(np.int64(3)) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("unknown", ["", "x", "-", "9" * 5000, "٣", "3.0", 4])
def test_an_unknown_user_is_said_to_be_unknown(unknown: str | int) -> None:
    with pytest.raises(UnknownNameError, match="unknown user"):
        FILMS.user_code(unknown)


def test_an_unknown_item_is_answered_with_the_nearest() -> None:
    books = table([(1, "dune", 5.0), (1, "emma", 3.0)])
    with pytest.raises(UnknownNameError, match="unknown item 'dunes'; did you mean 'dune'"):
        books.item_code("dunes")


def test_a_title_falls_back_to_the_identifier() -> None:
    assert FILMS.title(20) == FILMS.title("20") == "Jumanji (1995)"
    assert FILMS.title(10) == "10"
    assert FILMS.title(99) == "99"


@pytest.mark.parametrize(
    ("users", "items", "values", "message"),
    [
        ([0, 1], [0], [1.0, 2.0], "differ in length"),
        ([0], [0], [1.0, 2.0], "differ in length"),
        ([0], [1], [1.0], "item code has no identifier"),
        ([-1], [0], [1.0], "user code has no identifier"),
    ],
)
def test_columns_that_do_not_fit_are_refused(
    users: list[int], items: list[int], values: list[float], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        of_columns(users, items, values)


def test_an_identifier_that_occurs_twice_is_refused() -> None:
    with pytest.raises(DataError, match="item identifier occurs twice"):
        of_columns([], [], [], item_ids=(5, 5))


@pytest.mark.parametrize("limits", [(5, 1), (float("nan"), 5), (0, float("inf"))])
def test_a_scale_that_is_none_is_refused(limits: tuple[float, float]) -> None:
    with pytest.raises(SettingsError, match="rating scale"):
        RatingScale(*limits)


def test_a_table_survives_pickling_and_copying() -> None:
    FILMS.user_code(7)
    for other in (pickle.loads(pickle.dumps(FILMS)), copy.deepcopy(FILMS)):  # noqa: S301
        assert rows_of(other) == rows_of(FILMS)
        assert other.sha256() == FILMS.sha256()


def test_importing_the_package_does_not_import_pyarrow() -> None:
    program = "import sys, fedmf.ratings; sys.exit('pyarrow' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], check=False)  # noqa: S603
    assert run.returncode == 0
