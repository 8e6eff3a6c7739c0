"""Participants that come late: they trust nobody's copy but that of a table that t members named.

Everybody can seal to the reader key, the server too. Without the check of the digest it would hand
out any table it liked to a participant that comes back.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fedmf.errors import MessageError, OpenError, ProtocolError
from fedmf.protocol import ClosingMessage, ParticipantRole, TableMessage
from fedmf.protocol.committee.held_table import BlindTable
from fedmf.protocol.committee.participant import CommitteeParticipant
from fedmf.protocol.committee.table_payload import (
    TableCopy,
    TableForm,
    TablePayload,
    plain_table_digest,
)
from fedmf.protocol.table import encode_words
from tests.protocol.committee.world import SHAPE, World, changes_of

ALL = range(5)


def newcomer(world: World, number: int) -> tuple[ParticipantRole, CommitteeParticipant]:
    """Return a participant that knows its keys, the start table and the closings."""
    protection = world.fresh_protection([number])
    heard = []
    for closing in world.server.closings:
        read = ClosingMessage.from_bytes(closing.to_bytes(world.session), world.session)
        heard.append(read)
    protection.replay(heard)
    return ParticipantRole(world.session, number, protection, closings=heard), protection


def played(rounds: int, *, copy: bool = True) -> World:
    """Play rounds, the second one void; have a participant give the server a copy."""
    world = World(5)
    for number in range(1, rounds + 1):
        world.round(changes_of(number), lost=ALL if number == 2 else [])
    world.check_tables()
    if copy:
        world.committee._table.keep_copy(world.protections[1].copy(), 1)
    return world


def come_in(world: World, number: int) -> None:
    """Put a newcomer in a participant's place."""
    role, protection = newcomer(world, number)
    world.roles[number], world.protections[number] = role, protection


@pytest.mark.parametrize("rounds", [1, 3, 4])
def test_late_participants_come_in_with_the_copy(rounds: int) -> None:
    world = played(rounds)
    come_in(world, 0)
    world.check_tables()
    assert world.round(changes_of(9)).included == tuple(ALL)
    world.check_tables()


def test_the_copy_serves_those_who_hold_the_table_as_well() -> None:
    world = played(3, copy=False)
    world.collect(changes_of(9))
    world.close()
    first = world.protections[0]
    first.open(world.server.payload())
    world.committee._table.keep_copy(first.copy(), 1)
    world.check_tables()


def test_a_copy_can_be_given_again() -> None:
    world = played(3)
    world.committee._table.keep_copy(world.protections[0].copy(), 1)
    world.round(changes_of(9))
    world.check_tables()
    world.committee._table.keep_copy(world.protections[2].copy(), 1)
    come_in(world, 0)
    world.check_tables()


def test_closings_keep_the_answers_of_the_last_closed_round_alone() -> None:
    world = played(4)
    sizes = [len(closing.proof) for closing in world.server.closings]
    assert max(sizes[:-1]) < 3000 < 30_000 < sizes[-1]


def test_without_a_copy_a_late_participant_waits_and_changes_nothing() -> None:
    world = played(3, copy=False)
    role, protection = newcomer(world, 0)
    with pytest.raises(ProtocolError, match="hands out a copy"):
        role.receive_table(world.server.table_message())
    assert protection.held.round == 0
    world.committee._table.keep_copy(world.protections[1].copy(), 1)
    role.receive_table(world.server.table_message())


def forged(world: World) -> bytes:
    """Return the payload with a table of the server's own; the reader key is in the charter."""
    reader = world.protections[0].held.reader
    assert reader is not None
    table = SHAPE.zeros()
    table[0][:] = 7
    sealed = reader.seal_copy(encode_words(SHAPE, table), 3)
    words = TablePayload.from_bytes(world.server.payload()).content[
        : world.protections[0].payload_bytes()
    ]
    return TablePayload(TableForm.COPY, 3, words + sealed).to_bytes()


def test_a_copy_of_another_table_is_refused() -> None:
    world = played(3)
    _, protection = newcomer(world, 0)
    with pytest.raises(OpenError, match="copy of the table is not of the one that round 3"):
        protection.open(forged(world))
    assert not protection.held.flat.any()
    protection.open(world.server.payload())


def test_a_forged_copy_opens_where_nobody_compares_its_digest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = played(3)
    _, protection = newcomer(world, 0)
    closed = protection._closed
    assert closed is not None
    monkeypatch.setattr(BlindTable, "digest_of", lambda *_: closed.proof.table)
    protection.held.digest = b""
    table = protection.open(forged(world))
    honest = world.protections[1].open(world.server.payload())
    assert not np.array_equal(table[0], honest[0])


def test_copies_of_other_rounds_and_of_other_keys_are_refused() -> None:
    world = played(3)
    held = world.protections[1].held
    assert isinstance(held, BlindTable)
    reader, before = held.reader, held._before
    assert before is not None
    words = encode_words(SHAPE, SHAPE.table(before))
    start = TablePayload.from_bytes(world.server.payload()).content[
        : world.protections[0].payload_bytes()
    ]
    other = World(5).protections[0].held.reader
    assert other is not None
    for sealed in (reader.seal_copy(words, 1), other.seal_copy(words, 3), b"", b"short"):
        _, protection = newcomer(world, 0)
        with pytest.raises(OpenError):
            protection.open(TablePayload(TableForm.COPY, 3, start + sealed).to_bytes())
    too_short = reader.seal_copy(words[:-1], 3)
    with pytest.raises(MessageError, match="bytes"):
        protection.open(TablePayload(TableForm.COPY, 3, start + too_short).to_bytes())


def test_the_server_keeps_no_copy_for_another_round() -> None:
    world = played(3, copy=False)
    copy = TableCopy.from_bytes(world.protections[0].copy())
    assert copy.round == 3
    for wrong in (replace(copy, round=1).to_bytes(), b"", b"abc"):
        with pytest.raises(MessageError):
            world.committee._table.keep_copy(wrong, 1)
    with pytest.raises(MessageError, match="not a sealed copy"):
        World(5).committee._table.keep_copy(TableCopy(0, b"").to_bytes(), 1)


def test_there_is_no_copy_before_the_first_sum_nor_where_the_server_opens() -> None:
    with pytest.raises(ProtocolError, match="no sum was opened yet"):
        World(5).protections[0].copy()
    with pytest.raises(ProtocolError, match="server holds the table itself"):
        World(5, opened_by="server").protections[0].copy()


def test_a_sum_never_goes_onto_another_table_than_its_round_had() -> None:
    """Whoever missed a sum would add the next one to the table before, without noticing."""
    world = played(1)
    behind = world.protections.pop(0)
    del world.roles[0]
    for number in (5, 6):
        there = {n: change for n, change in changes_of(number).items() if n > 0}
        behind.hear(world.round(there))
        world.check_tables()
    with pytest.raises(ProtocolError, match="table that round 3 worked on is not here"):
        behind.open(world.server.payload())
    world.committee._table.keep_copy(world.protections[1].copy(), 1)
    np.testing.assert_array_equal(
        SHAPE.flat(behind.open(world.server.payload())), SHAPE.flat(world.expected)
    )


def test_late_participants_where_the_server_opens_take_its_table() -> None:
    world = World(5, opened_by="server")
    for number in (1, 2, 3):
        world.round(changes_of(number), lost=ALL if number == 2 else [])
    come_in(world, 0)
    world.check_tables()
    world.round(changes_of(9))
    world.check_tables()


def test_the_table_before_the_first_round_is_public() -> None:
    world = World(5)
    role, _ = newcomer(world, 0)
    table = role.receive_table(
        TableMessage.from_bytes(world.server.table_message().to_bytes(world.session), world.session)
    )
    np.testing.assert_array_equal(SHAPE.flat(table), SHAPE.flat(world.start))


def test_digests_of_tables_are_keyed_where_the_server_must_not_know_the_table() -> None:
    blind, opened = World(5), World(5, opened_by="server")
    start = SHAPE.flat(SHAPE.zeros())
    plain = plain_table_digest(encode_words(SHAPE, SHAPE.zeros()), blind.charter)
    own = blind.protections[0].held.digest_of(start)
    assert own == blind.protections[1].held.digest_of(start) != plain
    assert own != World(5).protections[0].held.digest_of(start)
    opened.hand_out()
    secret = opened.committee._table._tag_secret
    plain = plain_table_digest(encode_words(SHAPE, SHAPE.zeros()), opened.charter, secret)
    assert opened.protections[0].held.digest_of(start) == plain
    assert plain != plain_table_digest(encode_words(SHAPE, SHAPE.zeros()), opened.charter)
