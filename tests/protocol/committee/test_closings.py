"""What participants believe of how a round began and ended: what t members have signed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace

import pytest

from fedmf.crypto.signatures import SigningKey
from fedmf.errors import FedmfError, KeyMaterialError, MessageError, ProtocolError
from fedmf.protocol import ClosingMessage
from fedmf.protocol.committee.certificate import Certificate, Outcome, SumCheck
from fedmf.protocol.committee.closing import ClosingProof, SumProof
from fedmf.protocol.committee.exchange import AnswerReply, VoteRequest, answer_statement
from fedmf.protocol.committee.opening import OpeningMessage, RoundKey
from fedmf.protocol.committee.upload import Kind
from fedmf.protocol.enrolment.votes import MemberSignature
from tests.protocol.committee.adversary import Adversary
from tests.protocol.committee.world import World, changes_of

ALL = range(5)


@pytest.fixture
def world() -> World:
    return World(5)


def ended(world: World, lost: tuple[int, ...] = ()) -> ClosingMessage:
    world.collect(changes_of(1), lost=lost)
    return world.end()


def sum_proof(closing: ClosingMessage, world: World) -> SumProof:
    found = ClosingProof.of(closing, world.charter).sum
    assert found is not None
    return found


def with_proof(closing: ClosingMessage, world: World, **changes: object) -> ClosingMessage:
    """Return a closing whose proof of its sum, or whose certificate, is another one."""
    certificate = changes.pop("certificate", ClosingProof.of(closing, world.charter).certificate)
    of_sum = replace(sum_proof(closing, world), **changes)  # type: ignore[arg-type]
    proof = ClosingProof(certificate, of_sum)  # type: ignore[arg-type]
    return replace(closing, proof=proof.to_bytes())


def refused(world: World, closing: ClosingMessage, match: str) -> None:
    """Check that nobody believes a closing, and that it has changed nothing."""
    for role, protection in zip(world.roles.values(), world.protections.values(), strict=True):
        before = (dict(protection._worked_on), protection._heard_round, protection._outcome)
        with pytest.raises(FedmfError, match=match):
            role.receive_closing(closing)
        assert role.round == closing.round
        after = (dict(protection._worked_on), protection._heard_round, protection._outcome)
        assert before == after
        assert protection._closed is None


def goes_on(world: World, closing: ClosingMessage) -> None:
    world.heard(closing)
    world.check_tables()


def test_who_is_included_is_told_so_and_nobody_else(world: World) -> None:
    closing = ended(world, lost=(2,))
    assert world.tell(closing) == {0: True, 1: True, 2: False, 3: True, 4: True}


def without_a_signature(world: World, closing: ClosingMessage) -> ClosingMessage:
    certificate = ClosingProof.of(closing, world.charter).certificate
    fewer = replace(certificate, votes=certificate.votes[:2])
    return with_proof(closing, world, certificate=fewer)


def with_one_signature_twice(world: World, closing: ClosingMessage) -> ClosingMessage:
    certificate = ClosingProof.of(closing, world.charter).certificate
    twice = replace(certificate, votes=(*certificate.votes[:2], certificate.votes[0]))
    return with_proof(closing, world, certificate=twice)


def with_the_servers_own_signatures(world: World, closing: ClosingMessage) -> ClosingMessage:
    outcome = ClosingProof.of(closing, world.charter).certificate.outcome
    statement = outcome.statement(world.charter)
    votes = (
        MemberSignature(member, SigningKey.fresh().sign("outcome", *statement))
        for member in range(4)
    )
    certificate = ClosingProof.of(closing, world.charter).certificate
    return with_proof(closing, world, certificate=replace(certificate, votes=tuple(votes)))


def of_unknown_members(world: World, closing: ClosingMessage) -> ClosingMessage:
    certificate = ClosingProof.of(closing, world.charter).certificate
    votes = tuple(replace(vote, member=vote.member + 2) for vote in certificate.votes)
    return with_proof(closing, world, certificate=replace(certificate, votes=votes))


def without_one_participant(world: World, closing: ClosingMessage) -> ClosingMessage:
    uploads = sum_proof(closing, world).uploads[:-1]
    fewer = replace(closing, included=closing.included[:-1], nonces=closing.nonces[:-1])
    return replace(fewer, proof=with_proof(closing, world, uploads=uploads).proof)


def with_other_uploads(world: World, closing: ClosingMessage) -> ClosingMessage:
    uploads = sum_proof(closing, world).uploads
    headers = [upload.header for upload in reversed(uploads)]
    swapped = (replace(one, header=header) for one, header in zip(uploads, headers, strict=True))
    return with_proof(closing, world, uploads=tuple(swapped))


def with_other_kinds(world: World, closing: ClosingMessage) -> ClosingMessage:
    first, *rest = sum_proof(closing, world).uploads
    return with_proof(closing, world, uploads=(replace(first, kind=Kind.LEAVE), *rest))


def with_a_set_of_others(world: World, closing: ClosingMessage) -> ClosingMessage:
    uploads = sum_proof(closing, world).uploads
    others = (replace(one, participant=one.participant + 1) for one in uploads)
    return with_proof(closing, world, uploads=tuple(others))


def for_another_table(world: World, closing: ClosingMessage) -> ClosingMessage:
    return with_proof(closing, world, table=bytes(32))


def with_other_members(world: World, closing: ClosingMessage) -> ClosingMessage:
    opening = sum_proof(closing, world).opening
    return with_proof(closing, world, opening=replace(opening, keys=opening.keys[1:]))


def under_an_unknown_roster(world: World, closing: ClosingMessage) -> ClosingMessage:
    opening = sum_proof(closing, world).opening
    return with_proof(closing, world, opening=replace(opening, roster_version=2))


def with_damaged_answers(world: World, closing: ClosingMessage) -> ClosingMessage:
    answers = sum_proof(closing, world).answers
    damaged = replace(answers[0], share=bytes(len(answers[0].share)))
    return with_proof(closing, world, answers=(damaged, *answers[1:]))


def with_answers_of_unknown_members(world: World, closing: ClosingMessage) -> ClosingMessage:
    answers = sum_proof(closing, world).answers
    return with_proof(closing, world, answers=(replace(answers[0], member=4), *answers[1:]))


def with_answers_for_another_set(world: World, closing: ClosingMessage) -> ClosingMessage:
    answers = sum_proof(closing, world).answers
    other = replace(answers[0], outcome=replace(answers[0].outcome, uploads=bytes(32)))
    return with_proof(closing, world, answers=(other, *answers[1:]))


def without_answers(world: World, closing: ClosingMessage) -> ClosingMessage:
    return with_proof(closing, world, answers=())


def with_few_answers(world: World, closing: ClosingMessage) -> ClosingMessage:
    return with_proof(closing, world, answers=sum_proof(closing, world).answers[:2])


def with_one_answer_three_times(world: World, closing: ClosingMessage) -> ClosingMessage:
    return with_proof(closing, world, answers=sum_proof(closing, world).answers[:1] * 3)


def without_proof(world: World, closing: ClosingMessage) -> ClosingMessage:
    del world
    return replace(closing, proof=b"")


def with_more_behind_it(world: World, closing: ClosingMessage) -> ClosingMessage:
    del world
    return replace(closing, proof=closing.proof + b"\0")


@pytest.mark.parametrize(
    ("forge", "match"),
    [
        (without_a_signature, "2 signatures where 3 members have to sign"),
        (with_one_signature_twice, "two of the same one"),
        (with_the_servers_own_signatures, "signature of a 'outcome'"),
        (of_unknown_members, "unknown members"),
        (without_one_participant, "other uploads than t members|uploaded nothing"),
        (with_other_uploads, "other uploads than t members"),
        (for_another_table, "of another round than the closing describes"),
        (with_other_members, "of another round than the closing describes"),
        (under_an_unknown_roster, "no version 2 of the roster"),
        (with_damaged_answers, "signature of a 'answer'"),
        (with_answers_of_unknown_members, "member 4 is unknown"),
        (with_answers_for_another_set, "answer for another set"),
        (without_answers, "0 answers where 3 members have to answer"),
        (with_few_answers, "2 answers where 3 members have to answer"),
        (with_one_answer_three_times, "two answers of one member"),
        (without_proof, "ends too early"),
        (with_more_behind_it, "1 bytes too many"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_forged_closings_are_refused_and_the_true_one_is_heard(
    world: World, forge: Callable[[World, ClosingMessage], ClosingMessage], match: str
) -> None:
    closing = ended(world)
    refused(world, forge(world, closing), match)
    goes_on(world, closing)


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("forge", [without_answers, with_one_answer_three_times])
def test_closings_without_enough_answers_leave_participants_stuck(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    forge: Callable[[World, ClosingMessage], ClosingMessage],
    *,
    checked: bool,
) -> None:
    """They count their upload as included, cannot read the sum, and hear no better closing."""
    if not checked:
        monkeypatch.setattr(SumProof, "check_answers", lambda *_: None)
    closing, role = ended(world), world.roles[0]
    with nullcontext() if not checked else pytest.raises(MessageError, match="answer"):
        assert role.receive_closing(forge(world, closing))
    with nullcontext() if checked else pytest.raises(ProtocolError, match="closing of round 1"):
        assert role.receive_closing(closing)
    with nullcontext() if checked else pytest.raises(FedmfError):
        role.receive_table(world.server.table_message())


def test_closings_that_were_kept_lack_answers_except_the_last_one(world: World) -> None:
    for seed in (1, 2):
        world.round(changes_of(seed))
    first, last = world.server.closings
    assert sum_proof(first, world).answers == ()
    world.fresh_protection([0]).replay([first, last])
    for kept in ([first], [first, without_answers(world, last)]):
        with pytest.raises(MessageError, match="0 answers where 3"):
            world.fresh_protection([0]).replay(kept)
    with pytest.raises(MessageError, match="0 answers where 3"):
        world.fresh_protection([0]).hear(first)


def test_a_void_round_includes_nobody(world: World) -> None:
    world.hand_out()
    votes = [member.vote(VoteRequest(1, Outcome(1), None)) for member in world.members]
    certificate = Certificate(
        Outcome(1), tuple(MemberSignature(vote.member, vote.vote) for vote in votes)
    )
    void = ClosingMessage(1, (), (), ClosingProof(certificate).to_bytes())
    for role in world.roles.values():
        role._has_uploaded = True
    refused(world, replace(void, included=(0,), nonces=(bytes(32),)), "includes nobody")
    assert not any(world.tell(void).values())


def test_the_certificate_of_another_round_is_refused(world: World) -> None:
    first = world.round(changes_of(1))
    world.collect(changes_of(2))
    refused(world, replace(first, round=2), "certificate of round 1 with the closing of 2")


def test_a_closing_with_an_upload_that_was_never_sent_is_refused(world: World) -> None:
    closing = ended(world)
    role, protection = world.roles[0], world.protections[0]
    for sent in (False, True):
        role._has_uploaded = sent
        protection._sent = {0: bytes(32)}
        with pytest.raises(ProtocolError, match=r"uploaded nothing|did not send"):
            role.receive_closing(closing)
        assert (role.round, protection._worked_on) == (1, {})


def test_members_vouch_for_headers_that_their_participants_signed(world: World) -> None:
    """t members that vote for a made-up set do not make a participant believe in it."""
    world.collect(changes_of(1))
    server = Adversary(world, world.sent)
    honest = server.uploads[0].signed.header
    made_up = replace(honest, words=bytes(32))
    server.uploads[0] = replace(
        server.uploads[0], signed=replace(server.uploads[0].signed, header=made_up)
    )
    outcome, share = server.outcome(ALL), b"made up"
    statement = outcome.statement(world.charter)
    answers = tuple(
        AnswerReply(
            *(1, number, outcome, share),
            key.sign("answer", *answer_statement(number, outcome, share, world.charter)),
            key.sign("outcome", *statement),
        )
        for number, key in enumerate(world.member_keys)
    )
    votes = tuple(MemberSignature(answer.member, answer.vote) for answer in answers)
    checks = tuple(
        MemberSignature(number, key.sign("checked", *statement, bytes(32)))
        for number, key in enumerate(world.member_keys)
    )
    made_up_sum = SumProof(server.opening, server.table, server.entries(ALL), answers)
    proof = ClosingProof(Certificate(outcome, votes, SumCheck(bytes(32), checks)), made_up_sum)
    nonces = tuple(world.sent[n].nonce for n in ALL)
    closing = ClosingMessage(1, tuple(ALL), nonces, proof.to_bytes())
    with pytest.raises(ProtocolError, match="upload of participant 0 that it did not send"):
        world.roles[0].receive_closing(closing)
    assert world.roles[0].round == 1


def test_closings_are_heard_once_and_in_order(world: World) -> None:
    first = world.round(changes_of(1))
    protection = world.protections[0]
    protection.hear(first)
    assert protection._heard_round == 1
    with pytest.raises(ProtocolError, match="round 3 after that of round 1"):
        protection.hear(replace(first, round=3))


def test_openings_that_are_not_the_next_one_are_refused(world: World) -> None:
    world.collect(changes_of(1))
    assert world.opening is not None
    protection = world.protections[0]
    for wrong, match in (
        (replace(world.opening, round=2), "round 2 opens after round 0"),
        (replace(world.opening, roster_version=2), "newest that members have signed is 1"),
        (replace(world.opening, keys=world.opening.keys[:2]), "keys of 3 different members"),
        (replace(world.opening, keys=world.opening.keys[::-1]), "keys of 3 different members"),
        (replace(world.opening, keys=(world.opening.keys[0],) * 3), "3 different members"),
    ):
        with pytest.raises((MessageError, ProtocolError), match=match):
            protection.begin(wrong.to_bytes(world.charter))
    goes_on(world, world.end())


def test_round_keys_that_members_did_not_sign_are_refused(world: World) -> None:
    """A server with its own keys in the members' place would read every seed."""
    world.hand_out()
    world.server.prepare_round()
    world.consult()
    own = RoundKey.signed(0, world.member_keys[0].public, 1, SigningKey.fresh(), world.charter)
    malformed = RoundKey.signed(0, b"short", 1, world.member_keys[0], world.charter)
    stranger = RoundKey.signed(9, b"", 1, world.member_keys[0], world.charter)
    keys = tuple(world.committee.now.keys[member] for member in range(1, 4))
    for wrong, error in ((own, MessageError), (malformed, KeyMaterialError)):
        opening = OpeningMessage(1, 1, (wrong, *keys))
        for protection in world.protections.values():
            with pytest.raises(error):
                protection.begin(opening.to_bytes(world.charter))
    with pytest.raises(MessageError, match="member 9 is unknown"):
        stranger.check(1, world.charter)


def test_no_round_begins_before_the_last_sum_was_handed_out(world: World) -> None:
    world.round(changes_of(1))
    with pytest.raises(ProtocolError, match="before the sum of the last one was handed out"):
        world.begin_round(ALL)


def test_an_upload_without_an_opened_round_is_refused(world: World) -> None:
    change = changes_of(1, [0])[0]
    with pytest.raises(ProtocolError, match="round 1 has not been begun"):
        world.protections[0].protect(change, round_number=1, participant=0)


def test_participants_that_were_told_of_other_members_stop(world: World) -> None:
    """Split view of the opening: their upload counts nowhere, and they notice at the closing."""
    changes = changes_of(1)
    world.hand_out()
    world.begin_round(ALL)
    assert world.committee.now.opening is not None
    fewer = replace(world.committee.now.opening, keys=world.committee.now.opening.keys[:3])
    world.protections[4].begin(fewer.to_bytes(world.charter))
    world.changes = changes
    for number in ALL:
        data = world.upload(number, changes[number]).to_bytes(world.session)
        if number < 4:
            world.server.receive(data)
        else:
            with pytest.raises(MessageError):
                world.server.receive(data)
    closing = world.end()
    assert closing.included == (0, 1, 2, 3)
    with pytest.raises(ProtocolError, match="told of other members"):
        world.roles[4].receive_closing(closing)


def test_a_round_that_begins_again_remembers_what_was_sent(world: World) -> None:
    """A server that crashed opens it again; what participants sent before stays theirs."""
    world.collect(changes_of(1))
    assert world.opening is not None
    for protection in world.protections.values():
        sent = dict(protection._sent)
        protection.begin(world.opening.to_bytes(world.charter))
        assert protection._sent == sent
    goes_on(world, world.end())
