"""Rounds before and after the roster changes: who comes in, and who reads nothing any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.signatures import SigningKey
from fedmf.errors import KeyMaterialError, MessageError, ProtocolError
from fedmf.protocol import ClosingMessage, ParticipantRole, UploadMessage
from fedmf.protocol.committee.closing import ClosingProof
from fedmf.protocol.committee.participant import CommitteeParticipant
from fedmf.protocol.enrolment import roster_chain as rosters
from fedmf.protocol.enrolment.charter import ROSTER_LABEL, Roster
from fedmf.protocol.enrolment.reader_secret import reader_envelope_key
from fedmf.protocol.enrolment.roster_chain import SignedRoster
from fedmf.protocol.enrolment.votes import MemberSignature
from tests.protocol.committee.world import World, changes_of, make_session

LEAVER, STAY, JOIN = 0, (1, 2, 3, 4), (5, 6, 7)


class Changing(World):
    """Five participants in a session with room for eight; then one leaves, and three join."""

    def __init__(self) -> None:
        super().__init__(session=make_session(8, oldest_base=4), listed=5)
        self.old_reader, self.reader = self.reader, MasterSecret.fresh()
        self.new_keys = {number: SigningKey.fresh() for number in JOIN}
        old = self.charter.roster
        keys = (None, *old.keys[1:], *(key.public for key in self.new_keys.values()))
        self.next = Roster(2, keys, reader_envelope_key(self.reader, self.terms.suite).public)
        self.signed = self.signed_by(self.member_keys[:3])

    def signed_by(self, keys: Sequence[SigningKey]) -> SignedRoster:
        """Return version 2 with signatures in the name of the first members."""
        previous = self.charter.roster_digest(self.charter.roster)
        digest = self.charter.roster_digest(self.next)
        votes = (
            MemberSignature(number, key.sign(ROSTER_LABEL, previous, digest))
            for number, key in enumerate(keys)
        )
        return SignedRoster(self.next, previous, tuple(votes))

    def adopt(self) -> None:
        self.committee.rosters.adopt(self.signed)
        for member in self.members:
            member.rosters.adopt(self.signed)
        for number in STAY:
            self.protections[number].adopt(self.signed, self.reader)

    def leave(self) -> CommitteeParticipant:
        del self.roles[LEAVER]
        return self.protections.pop(LEAVER)

    def newcomer(self, number: int) -> ParticipantRole:
        protection = CommitteeParticipant(
            self.charter,
            {number: self.new_keys[number]},
            self.reader,
            self.start,
            rosters=[self.signed],
        )
        heard = [
            ClosingMessage.from_bytes(closing.to_bytes(self.session), self.session)
            for closing in self.server.closings
        ]
        protection.replay(heard)
        self.protections[number] = protection
        self.roles[number] = ParticipantRole(self.session, number, protection, closings=heard)
        return self.roles[number]


@pytest.fixture
def world() -> Changing:
    """Return a federation after its first round."""
    changing = Changing()
    changing.round(changes_of(1))
    changing.check_tables()
    return changing


def test_whoever_joins_comes_in_after_the_first_sum_that_is_sealed_to_it(world: Changing) -> None:
    world.leave()
    world.adopt()
    role = world.newcomer(JOIN[0])
    with pytest.raises(ProtocolError, match="sealed to another version of the roster than 2"):
        role.receive_table(world.server.table_message())
    del world.roles[JOIN[0]], world.protections[JOIN[0]]
    with pytest.raises(ProtocolError, match="no sum was opened yet under this version"):
        world.protections[1].copy()
    world.round(changes_of(2, STAY))
    world.check_tables()
    world.server.keep_copy(world.protections[1].copy())
    for number in JOIN:
        world.newcomer(number)
    world.check_tables()
    assert world.round(changes_of(3, (*STAY, *JOIN))).included == (*STAY, *JOIN)
    world.check_tables()


def test_whoever_left_opens_nothing_new_and_adds_nothing(world: Changing) -> None:
    gone = world.leave()
    world.adopt()
    with pytest.raises(KeyMaterialError, match="another reader key"):
        gone.adopt(world.signed, world.old_reader)
    assert gone.rosters.newest.version == 1
    world.collect(changes_of(2, STAY))
    assert world.opening is not None
    with pytest.raises(MessageError, match="newest that members have signed is 1"):
        gone.begin(world.opening.to_bytes(world.charter))
    closing = world.close()
    with pytest.raises(MessageError, match="no version 2 of the roster"):
        gone.hear(closing)
    # With the roster, which is public, it believes the closing; the sum stays closed to it.
    gone.rosters.adopt(world.signed)
    gone.hear(closing)
    with pytest.raises(ProtocolError, match="sealed to another version of the roster than 1"):
        gone.open(world.server.payload())
    assert gone.held.reader is not None
    proof = ClosingProof.of(closing, world.charter).sum
    assert proof is not None
    assert gone.held.reader.shares(proof.answers) == {}


def test_an_upload_of_whoever_left_is_refused(world: Changing) -> None:
    """It holds the members' keys and signs as before, under the version that it knows."""
    stale = world.leave()
    world.adopt()
    world.server.prepare_round()
    world.consult()
    opening = world.server.begin_round(range(8))
    stale.rosters.adopt(world.signed)
    stale.begin(opening)
    with pytest.raises(ProtocolError, match="participant 0 is not in version 2 of the roster"):
        stale.protect(changes_of(1, [0])[0], round_number=2, participant=LEAVER)
    stale.rosters.newest = world.charter.roster
    sent = stale.protect(changes_of(1, [0])[0], round_number=2, participant=LEAVER)
    upload = UploadMessage(2, LEAVER, sent.nonce, None, sent.payload)
    with pytest.raises(ProtocolError, match="participant 0 is not in version 2 of the roster"):
        world.server.receive(upload.to_bytes(world.session))


def test_participants_that_missed_the_last_sum_come_in_with_the_next_copy(world: Changing) -> None:
    """They adopt the roster although they lack the table: one more round, and they are back."""
    behind = world.protections.pop(2)
    role = world.roles.pop(2)
    for seed in (2, 3):
        role.receive_closing(world.round(changes_of(seed, (0, 1, 3, 4))))
        world.check_tables()
    world.leave()
    world.protections[2] = behind
    world.adopt()
    with pytest.raises(ProtocolError, match="sealed to another version"):
        role.receive_table(world.server.table_message())
    del world.protections[2]
    role.receive_closing(world.round(changes_of(4, (1, 3, 4))))
    world.check_tables()
    world.server.keep_copy(world.protections[1].copy())
    world.protections[2], world.roles[2] = behind, role
    world.check_tables()
    assert world.round(changes_of(5, STAY)).included == STAY
    world.check_tables()


@pytest.mark.parametrize("signers", [0, 2])
def test_a_roster_that_the_server_signs_is_refused(world: Changing, signers: int) -> None:
    own = [*world.member_keys[:signers], *(SigningKey.fresh() for _ in range(4 - signers))]
    forged = world.signed_by(own)
    few = replace(forged, signatures=forged.signatures[:signers])
    for wrong in (forged, few):
        for adopt in (
            world.committee.rosters.adopt,
            world.members[0].rosters.adopt,
            lambda signed: world.protections[1].adopt(signed, world.reader),
        ):
            with pytest.raises(MessageError, match="signature"):
                adopt(wrong)
    assert world.committee.rosters.newest.version == 1
    assert world.protections[1].rosters.newest.version == 1
    world.round(changes_of(2))
    world.check_tables()


def test_made_up_participants_join_where_nobody_looks_at_signatures(
    world: Changing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server signs a roster of its own keys, and then knows all but the victim's changes."""
    monkeypatch.setattr(rosters, "check_votes", lambda *_, **__: None)
    world.signed = world.signed_by([SigningKey.fresh()] * 3)
    world.adopt()
    assert world.committee.rosters.newest.key_of(JOIN[0]) == world.new_keys[JOIN[0]].public


@pytest.mark.parametrize("when", ["before the opening", "while it is open"])
def test_members_review_under_the_roster_that_the_round_was_opened_under(
    world: Changing, when: str
) -> None:
    """A roster that arrives in the middle of a round spoils nothing that was sealed or signed."""
    world.hand_out()
    if when == "before the opening":
        world.server.prepare_round()
        world.consult()
        world.leave()
        world.adopt()
        opening = world.server.begin_round(STAY)
        world.changes = changes_of(2, STAY)
        for number in STAY:
            world.protections[number].begin(opening)
            data = world.upload(number, world.changes[number]).to_bytes(world.session)
            world.server.receive(data)
        assert world.close().included == STAY
    else:
        world.collect(changes_of(2))
        world.freeze()
        world.committee.rosters.adopt(world.signed)
        for member in world.members:
            member.rosters.adopt(world.signed)
        with pytest.raises(ProtocolError, match="while round 2 is under way"):
            world.protections[1].adopt(world.signed, world.reader)
        world.heard(world.answered())
    world.check_tables()


def test_a_server_goes_on_under_the_roster_of_a_frozen_round(world: Changing) -> None:
    world.collect(changes_of(2))
    kept = world.freeze()
    world.server = world.fresh_server(world.server.closings)
    world.committee.rosters.adopt(world.signed)
    world.server.restore_frozen(kept)
    world.heard(world.answered())
    world.check_tables()


def test_a_participant_is_not_the_one_of_another_key(world: Changing) -> None:
    keys = {1: world.signing_keys[2]}
    with pytest.raises(KeyMaterialError, match="another signature key for participant 1"):
        CommitteeParticipant(world.charter, keys, world.old_reader, world.start)
    with pytest.raises(KeyMaterialError, match="another reader key"):
        CommitteeParticipant(world.charter, {}, world.reader, world.start)
    with pytest.raises(KeyMaterialError, match="needs the participants' reader secret"):
        CommitteeParticipant(world.charter, {}, None, world.start)


def test_rosters_are_adopted_in_order_and_once(world: Changing) -> None:
    chain = rosters.RosterChain(world.charter)
    malformed = replace(world.next, reader_key=bytes(32))
    with pytest.raises(KeyMaterialError, match="does not keep anything secret"):
        chain.adopt(replace(world.signed, roster=malformed))
    elsewhere = replace(world.signed, previous=bytes(32))
    with pytest.raises(ProtocolError, match="follows on another one than the newest"):
        chain.adopt(elsewhere)
    chain.adopt(world.signed)
    with pytest.raises(ProtocolError, match="version 2 of the roster after 2"):
        chain.adopt(world.signed)
    assert (chain.version(1), chain.newest) == (world.charter.roster, world.next)


def test_rosters_change_where_the_server_opens_as_well() -> None:
    world = World(session=make_session(8, opened_by="server"), listed=5)
    world.round(changes_of(1))
    world.check_tables()
    old = world.charter.roster
    new = Roster(2, old.keys, b"not used")
    votes = tuple(
        rosters.sign_roster(key, number, new, old, world.charter)
        for number, key in enumerate(world.member_keys)
    )
    signed = SignedRoster(new, world.charter.roster_digest(old), votes)
    for chain in (world.committee.rosters, *(member.rosters for member in world.members)):
        chain.adopt(signed)
    for protection in world.protections.values():
        protection.adopt(signed, None)
    world.round(changes_of(2))
    world.check_tables()
