"""Bytes from anywhere: every decoder refuses what it cannot read, in one of four ways."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedmf.crypto.share_sum import ShareSum, subset_bytes
from fedmf.errors import KeyMaterialError, MessageError, OpenError, ProtocolError
from fedmf.protocol import ClosingMessage, Session, TableMessage, UploadMessage
from fedmf.protocol.committee.certificate import Outcome
from fedmf.protocol.committee.closing import ClosingProof
from fedmf.protocol.committee.exchange import (
    AnswerReply,
    AnswerRequest,
    CheckReply,
    CheckRequest,
    EarlyKeyRequest,
    KeyReply,
    KeyRequest,
    PromiseReply,
    PromiseRequest,
    Refusal,
    ReviewReply,
    ReviewRequest,
    VoteReply,
    VoteRequest,
)
from fedmf.protocol.committee.opening import OpeningMessage
from fedmf.protocol.committee.server_table import CommitteeTable
from fedmf.protocol.committee.table_payload import TableCopy, TablePayload
from fedmf.protocol.committee.upload import CommitteePayload
from fedmf.protocol.enrolment.charter import Charter, Roster
from fedmf.protocol.enrolment.roster_chain import SignedRoster, sign_roster
from fedmf.protocol.messages import CHECKSUM_BYTES, HEADER, CommitteeMessage, frame, kind_of
from tests.protocol.committee.world import World, changes_of

REFUSED = (MessageError, OpenError, ProtocolError, KeyMaterialError)
ALL = range(5)
FEW = settings(max_examples=60, deadline=None)


@dataclass
class Recorded:
    """A federation in its second round, and everything that was said in it."""

    world: World
    said: dict[int, bytes]
    upload: bytes
    closing: bytes
    table: bytes
    frozen: bytes
    roster: SignedRoster


@cache
def recorded() -> Recorded:
    world = World(5)
    world.round(changes_of(1))
    said: dict[int, bytes] = {}

    def note(member: int, data: bytes) -> bytes:
        del member
        said[kind_of(data)] = data
        return data

    world.to_member = world.from_member = note
    sent = world.collect(changes_of(2), lost=[4])
    frozen = world.freeze()
    closing = world.answered()
    world.tell(closing)
    votes = VoteRequest(3, Outcome(3), world.committee.previous).to_bytes(world.charter)
    for message in (votes, world.restarted_member(3).respond(votes)):
        note(3, message)
    note(3, EarlyKeyRequest(3).to_bytes(world.charter))
    said[Refusal.KIND] = world.members[0].respond(b"")
    assert world.opening is not None
    said[OpeningMessage.KIND] = world.opening.to_bytes(world.charter)
    old = world.charter.roster
    new = Roster(2, old.keys, world.protections[0].held.reader._key.public[::-1])  # type: ignore[union-attr]
    signatures = tuple(
        sign_roster(key, number, new, old, world.charter)
        for number, key in enumerate(world.member_keys)
    )
    return Recorded(
        world,
        said,
        sent[4].to_bytes(world.session),
        closing.to_bytes(world.session),
        world.server.table_message().to_bytes(world.session),
        frozen,
        SignedRoster(new, world.charter.roster_digest(old), signatures),
    )


MESSAGES: list[type[CommitteeMessage]] = [
    KeyRequest,
    EarlyKeyRequest,
    KeyReply,
    ReviewRequest,
    ReviewReply,
    PromiseRequest,
    PromiseReply,
    AnswerRequest,
    AnswerReply,
    VoteRequest,
    VoteReply,
    CheckRequest,
    CheckReply,
    Refusal,
]


def read_payload(data: bytes) -> object:
    world = recorded().world
    return CommitteePayload.from_bytes(
        data, charter=world.charter, participant=4, opening=world.opening
    )


def read_proof(data: bytes) -> object:
    closing = ClosingMessage.from_bytes(recorded().closing, recorded().world.session)
    with_it = ClosingMessage(closing.round, closing.included, closing.nonces, data)
    return ClosingProof.of(with_it, recorded().world.charter)


def valid(name: str) -> bytes:
    """Return valid bytes of a kind."""
    known = recorded()
    session, charter = known.world.session, known.world.charter
    return {
        "session": session.to_bytes(),
        "charter": charter.to_bytes(),
        "roster": known.roster.to_bytes(),
        "payload": UploadMessage.from_bytes(known.upload, session).payload,
        "proof": ClosingMessage.from_bytes(known.closing, session).proof,
        "table payload": TableMessage.from_bytes(known.table, session).payload,
        "table copy": known.world.protections[0].copy(),
        "share": bytes(subset_bytes(5) * 3),
    }[name]


DECODERS: dict[str, Callable[[bytes], object]] = {
    "session": Session.from_bytes,
    "charter": Charter.from_bytes,
    "roster": lambda data: SignedRoster.from_bytes(data, charter=recorded().world.charter),
    "payload": read_payload,
    "proof": read_proof,
    "table payload": TablePayload.from_bytes,
    "table copy": TableCopy.from_bytes,
    "share": lambda data: ShareSum.from_bytes(data, 3, 5),
}


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Draw what may become of some bytes: some other, fewer, more, twice, or anything at all."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        how = draw(st.sampled_from(["byte", "number", "cut", "insert", "repeat", "zero"]))
        if how == "byte" and data:
            data[at] = draw(st.integers(0, 255))
        elif how == "number":
            data[at : at + 4] = draw(st.integers(0, 2**32 - 1)).to_bytes(4, "little")
        elif how == "cut":
            del data[at : at + draw(st.sampled_from([1, 4, 32, len(data)]))]
        elif how == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=40))
        elif how == "repeat":
            data[at:at] = data[at : at + 64]
        elif how == "zero":
            data[at : at + 32] = bytes(32)
    return bytes(data)


def reframed(whole: bytes, body: bytes) -> bytes:
    """Return a message with another body and a checksum that fits, as an adversary would."""
    *_, round_number, _ = HEADER.unpack_from(whole)
    return frame(recorded().world.session, whole[5], round_number, body)


def body_of(whole: bytes) -> bytes:
    return whole[HEADER.size : -CHECKSUM_BYTES]


@pytest.mark.parametrize("name", DECODERS)
@FEW
@given(data=st.data())
def test_decoders_read_or_refuse(name: str, data: st.DataObject) -> None:
    whole = valid(name)
    for read in (whole, data.draw(damaged(whole)), data.draw(st.binary(max_size=300))):
        try:
            DECODERS[name](read)
        except REFUSED:
            assert read != whole


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@pytest.mark.parametrize("name", ["session", "charter"])
@FEW
@given(data=st.data())
def test_descriptions_with_anything_in_them_are_read_or_refused(
    name: str, data: st.DataObject
) -> None:
    fields = json.loads(valid(name))
    inner = fields
    if name == "session" and data.draw(st.booleans()):
        inner = fields["committee"]
    key = data.draw(st.sampled_from(sorted(inner)))
    inner[key] = data.draw(JSON)
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        DECODERS[name](text.encode("utf-8", "surrogatepass"))
    except REFUSED:
        pass
    else:
        assert DECODERS[name](text.encode()).to_bytes() == text.encode()  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
@FEW
@given(data=st.data())
def test_messages_of_the_committee_are_read_or_refused(
    kind: type[CommitteeMessage], data: st.DataObject
) -> None:
    known = recorded()
    whole = known.said[kind.KIND]
    read = kind.from_bytes(whole, known.world.charter)
    assert read.to_bytes(known.world.charter) == whole
    broken = data.draw(damaged(body_of(whole)))
    for wrong in (data.draw(damaged(whole)), reframed(whole, broken)):
        try:
            message = kind.from_bytes(wrong, known.world.charter)
        except REFUSED:
            continue
        # What can be read is written the same again; but reasons may hold any bytes.
        if kind is not Refusal:
            assert message.to_bytes(known.world.charter) == wrong


@FEW
@given(data=st.data())
def test_members_answer_anything_with_a_refusal_and_remember_nothing_of_it(
    data: st.DataObject,
) -> None:
    world = recorded().world
    whole = recorded().said[
        data.draw(
            st.sampled_from(
                [KeyRequest.KIND, EarlyKeyRequest.KIND, ReviewRequest.KIND, AnswerRequest.KIND]
            )
        )
    ]
    wrong = data.draw(damaged(whole) | damaged(body_of(whole)).map(lambda b: reframed(whole, b)))
    member = world.restarted_member(2)
    records = list(world.logs[2].records())
    reply = member.respond(wrong)
    if kind_of(reply) == Refusal.KIND:
        Refusal.from_bytes(reply, world.charter)
        assert list(world.logs[2].records()) == records
    else:
        # An answer of its log, to a request that is still the same.
        assert member.respond(whole) == reply


@FEW
@given(data=st.data())
def test_servers_refuse_damaged_uploads_and_stay_as_they_were(data: st.DataObject) -> None:
    world = fresh_round()
    sent = world.sent[4].to_bytes(world.session)
    before = world.committee._table.sum.to_bytes()
    body = body_of(sent)
    head = data.draw(damaged(body[:2000])) + body[2000:]
    for wrong in (data.draw(damaged(sent)), frame(world.session, sent[5], 1, head)):
        if wrong == sent:
            continue
        with pytest.raises(REFUSED):
            world.server.receive(wrong)
    assert world.committee._table.sum.to_bytes() == before
    assert sorted(world.committee.now.uploads) == [0, 1, 2, 3]
    assert world.server._spent_nonces == {world.sent[n].nonce for n in (0, 1, 2, 3)}


@cache
def fresh_round() -> World:
    """Return a federation in its first round, with an upload that has not arrived."""
    world = World(5)
    world.collect(changes_of(2), lost=[4])
    return world


@FEW
@given(data=st.data())
def test_servers_take_damaged_replies_for_refusals(data: st.DataObject) -> None:
    world = fresh_round()
    now = world.committee.now
    before = (
        now.stage,
        dict(now.keys),
        dict(now.votes),
    )
    world.server.hear(1, data.draw(damaged(recorded().said[KeyReply.KIND])))
    world.server.hear(1, data.draw(st.binary(max_size=200)))
    assert before == (
        now.stage,
        dict(now.keys),
        dict(now.votes),
    )
    assert world.committee.refusals[1]


@FEW
@given(data=st.data())
def test_damaged_frozen_rounds_change_nothing(data: st.DataObject) -> None:
    known = recorded()
    server = known.world.fresh_server(known.world.server.closings[:1])
    table = server.members.table
    assert isinstance(table, CommitteeTable)
    words = table.sum.to_bytes()
    wrong = data.draw(damaged(known.frozen[:700])) + known.frozen[700:]
    try:
        server.restore_frozen(wrong)
    except REFUSED:
        assert server.frozen() == b""
        assert table.sum.to_bytes() == words
    else:
        assert server.frozen() == wrong


@FEW
@given(data=st.data())
def test_participants_refuse_damaged_closings_and_stay_as_they_were(data: st.DataObject) -> None:
    known = recorded()
    world = known.world
    late = world.fresh_protection([0])
    late._hear(world.server.closings[0], before=True)
    state = (late._heard_round, late._outcome, late._closed, dict(late._worked_on))
    body = body_of(known.closing)
    wrong = frame(world.session, ClosingMessage.KIND, 2, data.draw(damaged(body)))
    if wrong == known.closing:
        return
    try:
        late.hear(ClosingMessage.from_bytes(wrong, world.session))
    except REFUSED:
        found = (late._heard_round, late._outcome, late._closed, dict(late._worked_on))
        assert state == found
    else:
        # Nobody signs the order of answers, nor how many more than t there are, nor nonces.
        assert late._outcome == world.protections[1]._outcome


@FEW
@given(data=st.data())
def test_participants_refuse_damaged_tables_and_stay_as_they_were(data: st.DataObject) -> None:
    known = recorded()
    world = known.world
    holder = world.fresh_protection([0])
    holder._hear(world.server.closings[0], before=True)
    with pytest.raises(REFUSED):
        holder.open(data.draw(damaged(valid("table payload"))))
    assert not holder.held.flat.any()
    assert holder.held.round == 0


@FEW
@given(data=st.data())
def test_participants_refuse_damaged_openings(data: st.DataObject) -> None:
    known = recorded()
    late = known.world.fresh_protection([0])
    whole = known.said[OpeningMessage.KIND]
    body = data.draw(damaged(body_of(whole)))
    for wrong in (data.draw(damaged(whole)), frame(known.world.session, whole[5], 1, body)):
        with pytest.raises(REFUSED):
            late.begin(wrong)
        assert late._now is None


@FEW
@given(envelope=st.binary(max_size=200), label=st.text(max_size=10))
def test_envelopes_of_random_bytes_do_not_open(envelope: bytes, label: str) -> None:
    reader = recorded().world.protections[0].held.reader
    assert reader is not None
    with pytest.raises(OpenError):
        reader._key.open(envelope, label)
    with pytest.raises(OpenError):
        reader.open_copy(envelope, 1)
