import hashlib

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from fedmf.errors import MessageError, SettingsError
from fedmf.protocol import GroupShape, RowChange, Session, TableShape
from fedmf.protocol.slices import Schedule, SliceTerms
from tests.protocol.sessions import no_change, small_session

SHAPE = TableShape(
    (
        GroupShape("items", 50, 2, 20),
        GroupShape("sums", 1, 3, 40),
        GroupShape("raters", 50, 1, 11),
    )
)
TERMS = SliceTerms(8, 3, ("items", "raters"), setup_rounds=1, whole_at_setup=("raters",))


def rows(schedule: Schedule, counted_round: int) -> list[list[int]]:
    return [listed.tolist() for listed in schedule.load(counted_round).part.rows_by_group()]


def a_session(terms: SliceTerms | None = TERMS) -> Session:
    return small_session(
        "full" if terms is None else "slices", "none", SHAPE, rounds=20, slices=terms
    )


def test_eight_rounds_carry_every_row_once_and_the_shared_rows_each_time() -> None:
    schedule = Schedule.of(SHAPE, TERMS)
    for place in (0, 2):
        turns = [rows(schedule, number)[place] for number in range(2, 10)]
        assert sorted(np.concatenate(turns)) == list(range(50))
        assert {len(turn) for turn in turns} == {6, 7}
    assert all(rows(schedule, number)[1] == [0] for number in range(1, 10))
    assert rows(schedule, 3)[0] == rows(schedule, 3)[2] == rows(schedule, 11)[0]


def test_the_setup_carries_what_is_whole_then_and_no_other_cut_group() -> None:
    assert rows(Schedule.of(SHAPE, TERMS), 1) == [[], [0], list(range(50))]


def test_parts_hold_every_row_of_the_table_once() -> None:
    schedule = Schedule.of(SHAPE, TERMS)
    held = [part.rows_by_group() for part in schedule.parts]
    for place, group in enumerate(SHAPE.groups):
        assert sorted(np.concatenate([part[place] for part in held])) == list(range(group.rows))


def test_slices_depend_on_the_seed_and_the_number_of_rows_alone() -> None:
    other = SliceTerms(8, 4, ("items",))
    assert TERMS.slice_of(50).tolist() == SliceTerms(8, 3, ("items",)).slice_of(50).tolist()
    assert TERMS.slice_of(50).tolist() != other.slice_of(50).tolist()


def test_rows_are_dealt_out_in_the_order_of_what_a_keystream_draws_for_them() -> None:
    # Written out once more: participants with other software have to cut alike.
    parts = [b"slices", (3).to_bytes(8, "little")]
    framed = b"".join(len(part).to_bytes(8, "little") + part for part in parts)
    key = hashlib.sha256(b"fedmf 1" + framed).digest()
    stream = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor().update(bytes(8 * 50))
    drawn = [int.from_bytes(stream[8 * row : 8 * row + 8], "little") for row in range(50)]
    expected = [0] * 50
    for place, row in enumerate(sorted(range(50), key=drawn.__getitem__)):
        expected[row] = place % 8
    assert TERMS.slice_of(50).tolist() == expected


def test_without_slices_all_rows_travel_in_every_round() -> None:
    schedule = Schedule.of(SHAPE, None)
    for number in (1, 2, 9):
        assert schedule.load(number).part.is_whole
    assert [part.is_whole for part in schedule.parts] == [True]


def test_values_come_back_from_a_part_where_they_were_taken() -> None:
    rng = np.random.default_rng(1)
    table = [rng.integers(-9, 9, (group.rows, group.columns)) for group in SHAPE.groups]
    rebuilt = SHAPE.zeros()
    for part in Schedule.of(SHAPE, TERMS).parts:
        part.put(rebuilt, part.take(table))
    for found, wanted in zip(rebuilt, table, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_an_updated_change_is_new_where_it_travels_and_old_elsewhere() -> None:
    part = Schedule.of(SHAPE, TERMS).load(2).part
    travelling = part.rows_by_group()[0]
    everything = np.arange(50)
    old, new = (
        [
            RowChange(everything, np.full((50, 2), value)),
            RowChange(np.array([0]), np.full((1, 3), value)),
            RowChange(everything[:0], np.zeros((0, 1), np.int64)),
        ]
        for value in (1, 2)
    )
    items, sums, raters = part.updated(old, new)
    assert items.rows.tolist() == everything.tolist()
    assert np.flatnonzero(items.values[:, 0] == 2).tolist() == travelling.tolist()
    assert sums.values.tolist() == [[2, 2, 2]]
    assert len(raters.rows) == 0
    assert part.updated(None, new)[0].rows.tolist() == travelling.tolist()


def test_a_change_of_a_part_counts_its_rows_from_zero() -> None:
    part = Schedule.of(SHAPE, TERMS).load(2).part
    travelling = part.rows_by_group()[0]
    nothing = no_change(SHAPE)
    nothing[0] = RowChange(travelling[2:3], np.array([[5, 6]]))
    taken = part.take_change(nothing)
    assert taken[0].rows.tolist() == [2]
    nothing[0] = RowChange(np.setdiff1d(np.arange(50), travelling)[:1], np.array([[5, 6]]))
    with pytest.raises(SettingsError, match="do not travel"):
        part.take_change(nothing)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        (lambda: SliceTerms(1, 0, ("items",)), "2 to 256 slices"),
        (lambda: SliceTerms(8, -1, ("items",)), "not negative"),
        (lambda: SliceTerms(8, 0, ()), "one group or more"),
        (lambda: SliceTerms(8, 0, ("items",), 1, ("sums",)), "one group or more"),
        (lambda: a_session(SliceTerms(8, 0, ("films",))), "groups of the table"),
        (lambda: a_session(SliceTerms(8, 0, ("items", "sums"))), "equally many rows"),
        (lambda: a_session(SliceTerms(51, 0, ("items",))), "51 at least"),
    ],
)
def test_terms_that_cannot_be_are_refused(terms: object, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        terms()  # type: ignore[operator]


def test_a_session_with_slices_comes_back_from_its_canonical_bytes() -> None:
    session = a_session()
    assert Session.from_bytes(session.to_bytes()) == session
    assert session.digest != a_session(None).digest
    with pytest.raises(MessageError):
        Session.from_bytes(session.to_bytes().replace(b'"count":8', b'"count":"8"'))


def test_terms_of_slices_belong_to_upload_slices_alone() -> None:
    with pytest.raises(SettingsError, match="upload slices, and no other"):
        small_session("full", "none", SHAPE, slices=TERMS)
    with pytest.raises(SettingsError, match="upload slices, and no other"):
        small_session("slices", "none", SHAPE)
