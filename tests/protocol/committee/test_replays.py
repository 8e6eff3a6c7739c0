"""What was said once counts once: tables, uploads, rounds and sessions that come again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from fedmf.crypto.envelopes import EnvelopeKey
from fedmf.crypto.signatures import SigningKey
from fedmf.errors import KeyMaterialError, MessageError, ProtocolError
from fedmf.protocol import IntegerTable, RowChange, UploadMessage
from fedmf.protocol.committee.exchange import ReviewEntry, ReviewReply
from fedmf.protocol.committee.member import CommitteeMember
from fedmf.protocol.committee.member_round import MemberRound, ReviewedUpload
from fedmf.protocol.committee.standing import Standings
from fedmf.protocol.committee.table_payload import TableForm, TablePayload
from fedmf.protocol.committee.upload import SignedHeader
from fedmf.protocol.enrolment.charter import Roster
from fedmf.protocol.table import encode_words
from tests.protocol.committee.adversary import Adversary
from tests.protocol.committee.world import SHAPE, World, changes_of, dense, make_session

ALL = (0, 1, 2, 3, 4)
VICTIM, OTHERS = 4, (0, 1, 2, 3)


def contribution(table: IntegerTable, number: int) -> list[RowChange]:
    """Return what a participant learns from a table: the same from the same."""
    seed = hashlib.sha256(encode_words(SHAPE, table) + bytes([number])).digest()
    changes = changes_of(list(seed), [number])
    return changes[number]


def moves(table: IntegerTable, last: Mapping[int, list[RowChange]]) -> dict[int, list[RowChange]]:
    """Return the changes that lead from the last included contributions to new ones."""
    changes = {}
    for number in ALL:
        values = SHAPE.table(
            dense(contribution(table, number))
            - (dense(last[number]) if number in last else np.zeros(SHAPE.values, np.int64))
        )
        changes[number] = [RowChange(np.arange(len(part)), part) for part in values]
    return changes


def replay(world: World) -> None:
    """Include all but the victim, then hand out the table once more that they worked on."""
    world.round(moves(SHAPE.zeros(), {}), lost=[VICTIM])
    words = world.committee._table._tag_secret + encode_words(SHAPE, SHAPE.zeros())
    world.committee._table._payload = TablePayload(TableForm.PLAIN, 1, words)
    last = {number: contribution(SHAPE.zeros(), number) for number in OTHERS}
    world.collect(moves(SHAPE.zeros(), last))


def test_a_replayed_table_gives_the_victim_away_where_participants_forget_theirs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The others have nothing new to say of a table that they have seen; the victim has."""
    world = World(5, opened_by="server")
    monkeypatch.setattr(CommitteeMember, "_check_lots", lambda *_: None)
    for protection in world.protections.values():
        protection._worked_on = ForgetsTables()
    replay(world)
    server = Adversary(world, world.sent)
    for member in world.members:
        server.show(member, ALL)
    opened = server.open(server.answers(world.members, ALL), ALL)
    np.testing.assert_array_equal(opened, dense(contribution(SHAPE.zeros(), VICTIM)))


class ForgetsTables(dict[int, bytes]):
    """Remembers who was included, but not with which table."""

    def __setitem__(self, key: int, value: bytes) -> None:
        super().__setitem__(key, b"")


def test_participants_upload_nothing_to_a_table_that_they_worked_on_before() -> None:
    with pytest.raises(ProtocolError, match="a server that replays a table isolates"):
        replay(World(5, opened_by="server"))


def test_a_table_that_one_participant_alone_has_makes_no_sum_with_it() -> None:
    """Split tables: the victim's context is another one, so that no sum has it and others."""
    world = World(5, opened_by="server")
    world.round(changes_of(1))
    changes = changes_of(2)
    world.hand_out()
    own = SHAPE.zeros()
    own[0][0, 0] = 1
    world.protections[VICTIM].held.set(SHAPE.flat(own), 1)
    world.begin_round(ALL)
    world.changes = changes
    for number in ALL:
        if number != VICTIM:
            world.server.receive(world.upload(number, changes[number]).to_bytes(world.session))
    role = world.roles[VICTIM]
    role._has_table = True
    world.server.receive(role.upload(changes[VICTIM]).to_bytes(world.session))
    closing = world.end()
    assert closing.included == OTHERS
    with pytest.raises(ProtocolError, match="worked on another table"):
        role.receive_closing(closing)
    assert role.round == 2


def careless(current: MemberRound, entry: ReviewEntry, place: int) -> ReviewedUpload:
    """Do not look at the context of an upload, nor at what was summed before: both switched off."""
    fresh = Standings(current.charter.session)
    unbound = replace(current, context=entry.signed.header.context, standings=fresh)
    return REVIEWED(unbound, entry, place)


REVIEWED = MemberRound.reviewed


def replay_all_but_the_victim(world: World) -> tuple[np.ndarray, list[object]]:
    """Open everybody's sum; then ask for that of the same uploads, less one, a round later."""
    world.collect(changes_of(3))
    server = Adversary(world, world.sent)
    closing = world.close()
    opened = np.concatenate([part.reshape(-1) for part in world.expected])
    assert closing.included == ALL
    later = changes_of(4)
    world.collect(later)
    again = Adversary(world, world.sent)
    again.uploads = {number: server.uploads[number] for number in OTHERS}
    shown = [again.show(member, OTHERS) for member in world.members]
    if all(isinstance(one, ReviewReply) and not one.complaints for one in shown):
        opened = opened - again.open(again.answers(world.members, OTHERS), OTHERS)
    return opened, list(shown)


def test_old_uploads_give_the_victim_away_where_keys_stay_and_nobody_looks_at_rounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without keys for each round and without its context, a second set is a round away."""
    world = World(5, opened_by="server")
    kept = iter([EnvelopeKey.fresh() for _ in range(4)] * 2)
    monkeypatch.setattr(EnvelopeKey, "fresh", lambda *_: next(kept))
    monkeypatch.setattr(MemberRound, "reviewed", careless)
    opened, _ = replay_all_but_the_victim(world)
    first = changes_of(3)
    np.testing.assert_array_equal(opened, dense(first[VICTIM]))


@pytest.mark.parametrize("same_keys", [False, True])
def test_members_complain_about_uploads_of_another_round(
    monkeypatch: pytest.MonkeyPatch, same_keys: bool
) -> None:
    world = World(5, opened_by="server")
    if same_keys:
        kept = iter([EnvelopeKey.fresh() for _ in range(4)] * 2)
        monkeypatch.setattr(EnvelopeKey, "fresh", lambda *_: next(kept))
    _, shown = replay_all_but_the_victim(world)
    assert all(isinstance(one, ReviewReply) and one.complaints == OTHERS for one in shown)


def test_members_make_a_key_of_its_own_for_every_round() -> None:
    world = World(5)
    seen = set()
    for seed in range(3):
        world.round(changes_of(seed))
        assert world.opening is not None
        seen |= {key.public for key in world.opening.keys}
    assert len(seen) == 12


def test_the_server_refuses_uploads_that_come_again() -> None:
    world = World(5)
    sent = world.collect(changes_of(1), lost=[4])
    first = {number: upload.to_bytes(world.session) for number, upload in sent.items()}
    with pytest.raises(ProtocolError, match="second upload of participant 0"):
        world.server.receive(first[0])
    world.close()
    world.collect(changes_of(2), lost=[0, 4])
    with pytest.raises(ProtocolError, match="round 1 in round 2"):
        world.server.receive(first[0])
    again = replace(sent[0], round=2).to_bytes(world.session)
    with pytest.raises(ProtocolError, match="nonce of another upload"):
        world.server.receive(again)
    left_out = replace(sent[4], round=2).to_bytes(world.session)
    with pytest.raises(MessageError, match="another context"):
        world.server.receive(left_out)
    assert world.close().included == (1, 2, 3)
    world.check_tables()


def test_the_server_refuses_a_nonce_that_was_not_signed_or_is_anothers() -> None:
    world = World(5)
    sent = world.collect(changes_of(1), lost=[3, 4])
    for nonce, wrong in ((bytes(32), MessageError), (sent[0].nonce, ProtocolError)):
        stolen = replace(sent[4], nonce=nonce)
        with pytest.raises(wrong, match="nonce"):
            world.server.receive(stolen.to_bytes(world.session))


def test_the_server_refuses_uploads_after_the_deadline() -> None:
    """One that were added after the set is frozen would let its sum never open."""
    world = World(5)
    sent = world.collect(changes_of(1), lost=[4])
    late = sent[4].to_bytes(world.session)
    world.server.freeze()
    for _ in range(2):
        with pytest.raises(ProtocolError, match="after the deadline of round 1"):
            world.server.receive(late)
        world.consult()
    closing = world.answered()
    with pytest.raises(ProtocolError, match="no round is under way"):
        world.server.receive(late)
    world.heard(closing)
    assert closing.included == OTHERS
    world.check_tables()


def other_world(world: World, session_id: bytes) -> World:
    """Return a session with all the same keys."""
    other = World(session=make_session(5, session_id=session_id))
    other.signing_keys, other.member_keys, other.reader = (
        world.signing_keys,
        world.member_keys,
        world.reader,
    )
    other.rebuild()
    return other


def test_uploads_of_another_session_are_refused() -> None:
    world = World(5)
    other = other_world(world, b"another session!")
    changes = changes_of(1)
    sent, others = world.collect(changes, lost=ALL), other.collect(changes, lost=ALL)
    with pytest.raises(MessageError, match="another session"):
        other.server.receive(sent[0].to_bytes(world.session))
    # In the other session's frame nothing in it fits.
    with pytest.raises(MessageError, match="signature"):
        other.server.receive(sent[0].to_bytes(other.session))
    server = Adversary(other, others)
    server.uploads = Adversary(world, sent).uploads
    shown = server.show(other.members[0], ALL)
    assert isinstance(shown, ReviewReply)
    assert shown.complaints == ALL


def test_closings_of_another_session_are_refused() -> None:
    world = World(5)
    other = other_world(world, b"another session!")
    changes = changes_of(1)
    world.collect(changes)
    closing = world.end()
    other.collect(changes)
    with pytest.raises(MessageError, match="signature"):
        other.roles[0].receive_closing(closing)
    assert other.roles[0].round == 1


def test_unknown_participants_are_refused() -> None:
    world = World(session=make_session(6), listed=5)
    world.collect(changes_of(1))
    upload = world.sent[0]
    header = Adversary(world, world.sent).uploads[0].signed.header
    payload = Adversary(world, world.sent).uploads[0]
    stranger = replace(header, participant=5)
    signed = SignedHeader.signed(stranger, payload.envelopes, SigningKey.fresh(), world.charter)
    sent = replace(
        upload,
        participant=5,
        nonce=header.nonce,
        payload=replace(payload, signed=signed).to_bytes(),
    )
    world.server._cohort = frozenset(range(6))
    world.server._spent_nonces.clear()
    with pytest.raises(ProtocolError, match="participant 5 is not in version 1 of the roster"):
        world.server.receive(sent.to_bytes(world.session))
    server = Adversary(world, world.sent)
    server.uploads[5] = replace(payload, signed=signed)
    shown = server.show(world.members[0], range(6))
    assert isinstance(shown, ReviewReply)
    assert shown.complaints == (5,)
    with pytest.raises(ProtocolError, match="participant 5 is not in version 1"):
        world.protections[0].protect(world.changes[0], round_number=1, participant=5)
    with pytest.raises(KeyMaterialError, match="signature key of participant 1 is not here"):
        world.protections[0].protect(world.changes[0], round_number=1, participant=1)


def test_made_up_participants_give_the_victim_away_where_the_server_names_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sybils: members that believe the server's roster open the sum of one."""
    world = World(5, opened_by="server")
    sybils = {number: SigningKey.fresh() for number in (0, 1, 2, 3)}
    changes = changes_of(1)
    world.collect(changes)
    server = Adversary(world, world.sent)
    for number, key in sybils.items():
        payload = server.uploads[number]
        signed = SignedHeader.signed(payload.signed.header, payload.envelopes, key, world.charter)
        server.uploads[number] = replace(payload, signed=signed)
    shown = server.show(world.members[3], ALL)
    assert isinstance(shown, ReviewReply)
    assert shown.complaints == OTHERS
    keys = Roster.key_of
    monkeypatch.setattr(
        Roster, "key_of", lambda r, n: sybils[n].public if n in sybils else keys(r, n)
    )
    for member in world.members[:3]:
        server.show(member, ALL)
    opened = server.open(server.answers(world.members[:3], ALL), ALL)
    known = sum(dense(changes[number]) for number in sybils)
    np.testing.assert_array_equal(opened - known, dense(changes[VICTIM]))


def test_an_upload_message_names_the_participant_of_its_head() -> None:
    world = World(5)
    sent = world.collect(changes_of(1), lost=[3, 4])
    as_another: UploadMessage = replace(sent[4], participant=3)
    with pytest.raises(MessageError, match="signature"):
        world.server.receive(as_another.to_bytes(world.session))
