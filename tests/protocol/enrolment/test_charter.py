"""Charters and terms that would protect nobody are refused, with all that is wrong at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fedmf.crypto.envelopes import EnvelopeKey
from fedmf.errors import KeyMaterialError, MessageError, SettingsError
from fedmf.protocol import GroupShape, Session, TableShape
from fedmf.protocol.enrolment.charter import Charter, Roster
from fedmf.protocol.session import CommitteeTerms
from tests.protocol.committee.world import World, changes_of, make_session


@pytest.fixture(scope="module")
def world() -> World:
    return World(5)


def test_a_charter_comes_back_from_its_bytes_and_has_one_digest(world: World) -> None:
    again = Charter.from_bytes(world.charter.to_bytes())
    assert again.digest == world.charter.digest
    assert again.fingerprint == world.charter.fingerprint
    assert len(again.fingerprint.split()) == 16
    assert World(5).charter.digest != world.charter.digest


def test_anything_else_in_it_is_another_charter(world: World) -> None:
    charter = world.charter
    others = [
        replace(charter, session=make_session(5, session_id=b"another session!")),
        replace(charter, session=make_session(5, smallest_cohort=4)),
        replace(charter, member_keys=charter.member_keys[::-1]),
        replace(charter, participant_keys=charter.participant_keys[::-1]),
        replace(charter, reader_key=EnvelopeKey.fresh().public),
    ]
    assert len({one.digest for one in (charter, *others)}) == 6


def test_a_charter_needs_a_session_with_a_committee(world: World) -> None:
    shape = TableShape((GroupShape("items", 2, 3, 20),))
    plain = Session(bytes(16), "none", "full", shape, 5, 3, None, bytes(32))
    with pytest.raises(SettingsError, match="a charter is for a session of protection committee"):
        replace(world.charter, session=plain)


def test_everything_wrong_with_a_charter_is_said_at_once(world: World) -> None:
    charter = world.charter
    key = charter.member_keys[0]
    with pytest.raises(SettingsError) as caught:
        Charter(
            make_session(4, smallest_cohort=9),
            (key, key, key),
            (*charter.participant_keys, key),
            charter.reader_key,
        )
    for problem in (
        "3 member keys for 4 members",
        "a roster of 6 in a session of 4",
        "the same signature key stands in it twice",
        "a smallest cohort of 9 in a session of 4",
    ):
        assert problem in str(caught.value)


def test_keys_that_are_none_are_refused(world: World) -> None:
    charter = world.charter
    with pytest.raises(KeyMaterialError):
        replace(charter, member_keys=(bytes(32), *charter.member_keys[1:]))
    with pytest.raises(KeyMaterialError):
        Roster(1, (b"short",), charter.roster.reader_key)
    with pytest.raises(KeyMaterialError, match="does not keep anything secret"):
        replace(charter, reader_key=bytes(32))
    with pytest.raises(SettingsError, match="a roster has a reader key"):
        Roster(1, charter.roster.keys, b"")
    with pytest.raises(SettingsError, match="count from 1"):
        Roster(0, charter.roster.keys, charter.roster.reader_key)


def test_a_charter_with_one_byte_more_is_none(world: World) -> None:
    with pytest.raises(MessageError, match="not in its canonical form"):
        Charter.from_bytes(world.charter.to_bytes() + b" ")


@pytest.mark.parametrize(
    ("terms", "problem"),
    [
        ({"members": 11}, "11 members are too many"),
        ({"threshold": 2}, "raise the threshold to 3"),
        ({"opened_by": "nobody"}, "opened by participants or by server"),
        ({"corrupt": -1}, "cannot be negative"),
        ({"smallest_cohort": 2}, "smallest cohort is at least 3, not 2"),
        ({"corrupt": 2}, "with 2 corrupt participants the smallest cohort is at least 4, not 3"),
        ({"suite": "rot13"}, "x25519, mlkem768-x25519"),
    ],
)
def test_terms_that_protect_nobody_are_refused(terms: dict[str, object], problem: str) -> None:
    good = CommitteeTerms(4, 3, "participants", 1, 3)
    with pytest.raises(SettingsError, match=problem):
        replace(good, **terms)  # type: ignore[arg-type]


def test_everything_wrong_with_terms_is_said_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        CommitteeTerms(11, 4, "nobody", -1, 0, suite="rot13")  # type: ignore[arg-type]
    assert str(caught.value).count(";") >= 4


def test_rounds_work_with_envelopes_that_quantum_computers_do_not_open() -> None:
    session = make_session(5)
    assert session.committee is not None
    session = replace(session, committee=replace(session.committee, suite="mlkem768-x25519"))
    world = World(session=session)
    for seed in (1, 2):
        world.round(changes_of(seed))
        world.check_tables()
    world.server.keep_copy(world.protections[0].copy())
    world.protections[1] = world.fresh_protection([1])
    world.protections[1].replay(world.server.closings)
    world.check_tables()
