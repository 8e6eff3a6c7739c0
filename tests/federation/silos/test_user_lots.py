"""What partners read from a silo's change is of many of its users, or does not travel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from fedmf.federation.silos.silo_ratings import SiloRatings
from fedmf.federation.silos.user_lots import UserLots
from fedmf.protocol import Int64Array
from fedmf.ratings import OwnedRatings

USERS, ITEMS = 12, 30
LOTS = UserLots(b"federation", users=8, raters=3)


def owned(rows: Iterable[Iterable[tuple[int, float]]]) -> OwnedRatings:
    cells = [list(row) for row in rows]
    starts = np.cumsum([0, *map(len, cells)])
    flat = [cell for row in cells for cell in row]
    return OwnedRatings(
        np.arange(len(cells), dtype=np.int32),
        starts,
        np.array([item for item, _ in flat], np.int32),
        np.array([value for _, value in flat]),
    )


BEFORE = [[((user + k) % ITEMS, 3.0) for k in range(6)] for user in range(USERS)]


def counts(ratings: OwnedRatings) -> Int64Array:
    return np.bincount(ratings.items, minlength=ITEMS)


def with_new_item(users: Iterable[int], item: int) -> OwnedRatings:
    changing = set(users)
    return owned([*row, *([(item, 5.0)] if u in changing else [])] for u, row in enumerate(BEFORE))


def test_the_change_of_one_user_is_its_list_unless_it_waits() -> None:
    before, now = owned(BEFORE), with_new_item([4], 29)
    for lots, shown in ((UserLots(b"federation", 1, 1), [29]), (LOTS, [])):
        change = counts(lots.let_through(before, now)) - counts(before)
        assert np.flatnonzero(change).tolist() == shown


def test_enough_users_travel_together_and_rare_items_wait() -> None:
    """Eight have a new item in common; one of them has another one, too, and has lost one."""
    before = owned(BEFORE)
    rows = [[*row, *([(29, 5.0)] if user < 8 else [])] for user, row in enumerate(BEFORE)]
    rows[2] = [cell for cell in rows[2] if cell[0] != 2] + [(28, 1.0)]
    now = LOTS.let_through(before, owned(rows))
    change = counts(now) - counts(before)
    assert np.flatnonzero(change).tolist() == [29]
    assert change[29] == 8
    # What waited travels once others share it.
    rows = [[*row, (28, 1.0)] if user != 2 and user < 8 else row for user, row in enumerate(rows)]
    later = LOTS.let_through(now, owned(rows))
    assert (counts(later) - counts(now)).tolist() == [*[0] * 28, 8, 0]


def test_seven_wait_for_an_eighth() -> None:
    before = owned(BEFORE)
    assert LOTS.let_through(before, with_new_item(range(7), 29)) is before
    assert len(LOTS.let_through(before, with_new_item(range(8), 29))) == len(before) + 8


def test_a_restart_finds_the_ratings_that_travel(tmp_path: Path) -> None:
    nothing = owned([[] for _ in range(USERS)])

    def travelling(training: OwnedRatings, heldout: OwnedRatings = nothing) -> SiloRatings:
        return LOTS.travelling(tmp_path, SiloRatings((), {}, training, heldout))

    first = travelling(owned(BEFORE))
    assert travelling(with_new_item([1], 29)).training.digest == first.training.digest
    # What is held out now and still learned from is not measured with.
    heldout = owned([BEFORE[user][0], (27, 2.0)] for user in range(USERS))
    changed = travelling(with_new_item(range(8), 29), heldout)
    assert len(changed.training) == len(first.training) + 8
    assert set(changed.heldout.items) == {27}
    assert travelling(with_new_item([1], 29)).training.digest == changed.training.digest
    assert (tmp_path / "travelling.npz").stat().st_mode & 0o777 == 0o600


def test_what_was_kept_under_another_federation_file_does_not_travel(tmp_path: Path) -> None:
    before, now = (SiloRatings((), {}, one, one) for one in (owned(BEFORE), with_new_item([1], 29)))
    replace(LOTS, federation=b"another").travelling(tmp_path, before)
    assert LOTS.travelling(tmp_path, now).training.digest == now.training.digest
