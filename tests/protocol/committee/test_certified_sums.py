"""Sums that members have added up themselves: nobody adopts another one.

The server has the secret of the tags here, as it has in a real federation with the help of any one
participant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from fedmf.crypto.rlwe import open_sum
from fedmf.crypto.rlwe_key import PaddedKey
from fedmf.crypto.rlwe_words import unpack_words
from fedmf.errors import MessageError, ProtocolError
from fedmf.protocol import Int64Array
from fedmf.protocol.committee.certificate import NOTHING, Certificate, Outcome, SumCheck
from fedmf.protocol.committee.closing import ClosingProof
from fedmf.protocol.committee.exchange import (
    AnswerReply,
    AnswerRequest,
    CheckReply,
    CheckRequest,
    KeyRequest,
    PromiseReply,
    PromiseRequest,
    Refusal,
    UploadedWords,
)
from fedmf.protocol.committee.sums import public_polynomials
from fedmf.protocol.committee.table_payload import TableForm, TablePayload
from fedmf.protocol.integrity_tags import split_numbers
from fedmf.protocol.lattice_layout import committee_layout, committee_pads
from fedmf.protocol.messages import kind_of
from tests.protocol.committee.adversary import Adversary
from tests.protocol.committee.world import SHAPE, World, changes_of, dense

ALL = (0, 1, 2, 3, 4)
COUNTS = SHAPE.groups[0].values
"""Where the values of the second group begin, which no word holds."""


def shift_of(value: int) -> Int64Array:
    """Return a shift of one value of the table."""
    shift = np.zeros(SHAPE.values, dtype=np.int64)
    shift[value] = 1
    return shift


def shifted(server: Adversary, shift: Int64Array) -> bytes:
    """Return a round's sum with a shift that the tags do not show."""
    reader = server.world.protections[0].held.reader
    assert reader is not None
    return server.added(ALL, shift, reader.tags().of(shift))


def reviewed() -> tuple[World, Adversary]:
    """Return a world whose members have reviewed the uploads of everybody."""
    world = World(5)
    server = Adversary(world, world.collect(changes_of(1)))
    for member in world.members:
        server.show(member, ALL)
    return world, server


def claim(world: World, shift: Int64Array) -> None:
    """Have the world's server say from now on that sums are shifted ones, as it adds them up."""
    table = world.committee._table
    add_up = table.sum.to_bytes
    reader = world.protections[0].held.reader
    assert reader is not None
    server = Adversary(world, world.sent)
    own = server.added((), shift, reader.tags().of(shift))
    table.sum.add(own)
    assert table.sum.to_bytes() == add_up()


@pytest.mark.parametrize("value", [0, COUNTS], ids=["in words", "beside"])
def test_a_shifted_sum_opens_for_nobody_in_the_round_in_which_it_is_tried(value: int) -> None:
    """The server promises it, and members find another: participants take only theirs."""
    world = World(5)
    world.round(changes_of(1))
    world.collect(changes_of(2))
    world.server.freeze()
    claim(world, shift_of(value))
    world.consult()
    claimed = world.committee.now.sum
    closing = world.answered()
    checked = ClosingProof.of(closing, world.charter).certificate.checked
    assert checked is not None
    assert checked.sum != claimed
    # The honest part of the server's code adds up again, so that the round ends as it should.
    assert world.heard(closing).included == ALL
    world.check_tables()


def test_a_single_shifted_leaf_is_refused_by_participants() -> None:
    world = World(5)
    world.collect(changes_of(1))
    server = Adversary(world, world.sent)
    world.close()
    for value in (0, COUNTS, SHAPE.values - 1):
        payload = TablePayload(TableForm.SUM, 1, shifted(server, shift_of(value)))
        for protection in world.protections.values():
            with pytest.raises(MessageError, match="not the one that t members have checked"):
                protection.open(payload.to_bytes())
    world.check_tables()


def test_without_the_check_everybody_opens_a_shifted_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(5)
    world.collect(changes_of(1))
    server = Adversary(world, world.sent)
    world.close()
    shift = shift_of(COUNTS)
    payload = TablePayload(TableForm.SUM, 1, shifted(server, shift)).to_bytes()
    for protection in world.protections.values():
        monkeypatch.setattr(protection, "_check_sum", lambda *_: None)
        opened = SHAPE.flat(protection.open(payload))
        np.testing.assert_array_equal(opened - SHAPE.flat(world.expected), shift)


def test_members_sign_the_true_sum_whatever_the_server_says() -> None:
    world, server = reviewed()
    outcome = server.outcome(ALL, shifted(server, shift_of(0)))
    for member in world.members:
        assert isinstance(server.promise(member, ALL, outcome), PromiseReply)
        assert isinstance(server.ask(member, ALL, outcome), AnswerReply)
    certificate = server.certificate(world.members, outcome)
    checked = server.checked(world.members, ALL, certificate).checked
    assert checked is not None
    assert len(checked.votes) == 4
    assert checked.sum == server.outcome(ALL).sum != outcome.sum


def closed(world: World, server: Adversary) -> Certificate:
    """Return the certificate of a closed round, without its check."""
    outcome = server.outcome(ALL)
    for member in world.members[:3]:
        server.ask(member, ALL, outcome)
    return server.certificate(world.members[:3], outcome)


def check_request(
    server: Adversary, certificate: Certificate, numbers: Sequence[int] = ALL, first: int = 0
) -> CheckRequest:
    """Return a request to add up these uploads, said to be those after the first few."""
    words = tuple(
        UploadedWords(one, server.uploads[one].signed.header, server.uploads[one].words)
        for one in numbers
    )
    outcome, votes = certificate.outcome, certificate.votes
    return CheckRequest(1, outcome, votes, server.entries(ALL), first, words)


def test_members_add_up_in_several_messages_and_only_in_order() -> None:
    world, server = reviewed()
    certificate, member = closed(world, server), world.members[0]
    batches: list[tuple[Sequence[int], int]] = [((0, 1), 0), ((2,), 2), ((3, 4), 3)]
    for numbers, first in batches:
        said = server.say(member, check_request(server, certificate, numbers, first))
        assert isinstance(said, CheckReply)
        assert (said.sum == NOTHING) == (said.signature is None) == (4 not in numbers)
    for numbers, first, reason in (
        ((3, 4), 3, "from the first one on"),
        ((1, 0), 0, "not in the set"),
        ((0, 1, 2), 3, "from the first one on"),
    ):
        said = server.say(member, check_request(server, certificate, numbers, first))
        assert isinstance(said, Refusal)
        assert reason in said.reason


def test_members_add_up_nothing_else() -> None:
    """Other words, another set, too few votes, or a round that they know nothing of."""
    world, server = reviewed()
    certificate, member = closed(world, server), world.members[3]
    good = check_request(server, certificate)
    other_words = replace(good.words[0], words=good.words[1].words)
    other_set = replace(certificate.outcome, uploads=bytes(32))
    for wrong, reason in (
        (replace(good, words=(other_words, *good.words[1:])), "words are not those"),
        (replace(good, votes=good.votes[:2]), "2 signatures where 3"),
        (replace(good, uploads=good.uploads[1:]), "other uploads than t members"),
        (replace(good, outcome=other_set), "signature of a 'outcome'"),
        (replace(good, outcome=Outcome(1)), "only the sum of the round that has closed"),
        (replace(good, round=2), "cannot tell what round 2 has summed"),
    ):
        said = server.say(member, wrong)
        assert isinstance(said, Refusal)
        assert reason in said.reason
    # One that was away, or restarted, can check all the same: it takes only what was certified.
    said = server.say(world.restarted_member(3), good)
    assert isinstance(said, CheckReply)
    assert said.sum == certificate.outcome.sum


def test_no_seeds_are_left_when_words_arrive() -> None:
    world, server = reviewed()
    outcome = server.outcome(ALL)
    for member in world.members[:3]:
        server.ask(member, ALL, outcome)
    last = world.members[3]
    assert last._round is not None
    votes = server.certificate(world.members[:3], outcome)
    # What is not certified costs it nothing.
    server.say(last, check_request(server, replace(votes, votes=votes.votes[:2])))
    assert last._round is not None
    server.say(last, check_request(server, votes))
    assert last._round is None


@pytest.mark.parametrize("kept", [0, 2])
def test_nobody_goes_on_without_t_checks(kept: int) -> None:
    """Neither participants, who hear no such closing, nor members, who make no key after it."""
    world = World(5)
    world.collect(changes_of(1))
    closing = world.end()
    proof = ClosingProof.of(closing, world.charter)
    certificate = proof.certificate
    assert certificate.checked is not None
    few = replace(certificate.checked, votes=certificate.checked.votes[:kept])
    wrong = replace(proof, certificate=replace(certificate, checked=few))
    with pytest.raises(MessageError, match=f"{kept} signatures where 3"):
        world.roles[0].receive_closing(replace(closing, proof=wrong.to_bytes()))
    request = KeyRequest(2, (wrong.certified,))
    for member in world.members:
        with pytest.raises(MessageError, match=f"{kept} signatures where 3"):
            member.make_key(request)
    with pytest.raises(MessageError, match="no members have checked its sum"):
        replace(certificate, checked=None).check(world.charter)
    # Signatures under one sum are none under another.
    made_up = SumCheck(bytes([1]) * 32, certificate.checked.votes)
    with pytest.raises(MessageError, match="signature of a 'checked'"):
        replace(certificate, checked=made_up).check(world.charter)
    world.heard(closing)
    world.check_tables()


def test_a_promise_is_for_one_sum_and_binds_until_the_end_of_the_round() -> None:
    world, server = reviewed()
    first, second = server.outcome(ALL), server.outcome(ALL, shifted(server, shift_of(0)))
    member = world.members[0]
    assert isinstance(server.promise(member, ALL, first), PromiseReply)
    for one in (member, world.restarted_member(0)):
        refused = server.promise(one, ALL, second)
        assert isinstance(refused, Refusal)
        assert "another set or sum of round 1 was promised" in refused.reason
        refused = server.say(one, AnswerRequest(1, second, server.promises(second)))
        assert isinstance(refused, Refusal)
        assert isinstance(server.promise(one, ALL, first), PromiseReply)


def test_nobody_answers_without_t_promises() -> None:
    world, server = reviewed()
    outcome, member = server.outcome(ALL), world.members[0]
    server.promise(member, ALL, outcome)
    promises = server.promises(outcome)
    for few, reason in (
        (promises[:2], "2 signatures where 3"),
        ((*promises[:2], promises[1]), "two of the same one"),
        ((*promises[:2], replace(promises[2], signature=promises[1].signature)), "'promise'"),
    ):
        refused = server.say(member, AnswerRequest(1, outcome, few))
        assert isinstance(refused, Refusal)
        assert reason in refused.reason
    assert isinstance(server.say(member, AnswerRequest(1, outcome, promises)), AnswerReply)


def test_a_promise_is_no_vote_and_no_answer_comes_without_one() -> None:
    world, server = reviewed()
    outcome = server.outcome(ALL)
    refused = server.say(world.members[1], AnswerRequest(1, outcome, server.promises(outcome)))
    assert isinstance(refused, Refusal)
    assert "has not promised" in refused.reason
    for member in world.members:
        server.promise(member, ALL, outcome)
    void = replace(outcome, context=NOTHING, uploads=NOTHING, sum=NOTHING)
    assert len(server.certificate(world.members, void).votes) == 4
    assert server.answers(world.members, ALL) == {}


def test_members_told_of_different_sums_answer_none_of_them() -> None:
    world, server = reviewed()
    sums = server.outcome(ALL), server.outcome(ALL, shifted(server, shift_of(0)))
    said = [
        server.say(member, PromiseRequest(1, ALL, sums[member.number % 2]))
        for member in world.members
    ]
    promises = [one for one in said if isinstance(one, PromiseReply)]
    assert [one.outcome for one in promises] == [*sums, *sums]
    for outcome in sums:
        signed = tuple(
            signature
            for signature in server.promises(outcome)
            if promises[signature.member].outcome == outcome
        )
        for member in world.members:
            refused = server.say(member, AnswerRequest(1, outcome, signed))
            assert isinstance(refused, Refusal)


@pytest.mark.parametrize("liar", [0, 3])
def test_one_member_that_finds_another_sum_is_overruled(liar: int) -> None:
    world = World(5)

    def lying(member: int, data: bytes) -> bytes:
        if member != liar or kind_of(data) != CheckReply.KIND:
            return data
        statement = world.committee.now.outcome().statement(world.charter)
        signature = world.member_keys[liar].sign("checked", *statement, bytes([7]) * 32)
        return CheckReply(1, liar, bytes([7]) * 32, signature).to_bytes(world.charter)

    world.from_member = lying
    world.round(changes_of(1))
    world.check_tables()


def test_where_too_few_check_the_round_waits_for_them() -> None:
    world = World(5)
    world.collect(changes_of(1))
    world.freeze()

    def away(member: int, data: bytes) -> bytes | None:
        return None if member > 1 and kind_of(data) == CheckRequest.KIND else data

    world.to_member = away
    world.server.ask_to_open()
    for _ in range(2):
        with pytest.raises(ProtocolError, match=r"cannot end: 2 of the 3.*nothing is lost"):
            world.consult()
        with pytest.raises(ProtocolError, match="no certificate yet"):
            world.server.close_round()
    world.to_member = lambda _, data: data
    world.consult()
    world.heard(world.server.close_round())
    world.check_tables()


def test_a_server_whose_words_are_damaged_or_lost_ends_the_session() -> None:
    for damage in ("damaged", "lost"):
        world = World(5)
        world.collect(changes_of(1))
        world.freeze()
        spool = world.committee._spool
        words = spool.take(2)
        spool.clear() if damage == "lost" else spool.keep(2, words[:-1] + b"?")
        world.server.ask_to_open()
        with pytest.raises(ProtocolError, match="are lost" if damage == "lost" else "cannot end"):
            world.consult()


def test_uploads_travel_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """One at least in each; what members add up does not depend on how they came."""
    world = World(5)
    asked = 0

    def count(member: int, data: bytes) -> bytes:
        nonlocal asked
        asked += member == 0 and kind_of(data) == CheckRequest.KIND
        return data

    world.to_member = count
    monkeypatch.setattr("fedmf.protocol.committee.stages.BATCH_BYTES", 1)
    world.round(changes_of(1))
    assert asked == 5
    world.check_tables()


def test_an_open_committee_checks_no_sums() -> None:
    """Its server is trusted for the table, which members never see."""
    world = World(5, opened_by="server")
    world.collect(changes_of(1))
    world.freeze()
    closing = world.answered()
    assert ClosingProof.of(closing, world.charter).certificate.checked is None
    world.heard(closing)
    world.check_tables()


def test_members_that_keep_their_seeds_read_an_upload_that_they_check() -> None:
    """What checks cost: t members need no server. t - 1 lack a seed of every upload."""
    world, server = reviewed()
    seeds: dict[int, bytes] = {}
    for member in world.members[:3]:
        assert member._round is not None
        seeds |= member._round.uploads[0].seeds
        assert (len(seeds) == 6) == (member.number == 2)
    request = check_request(server, closed(world, server))
    layout, padded = (
        committee_layout(world.session),
        PaddedKey.sum_of_seeds(
            [seeds[subset] for subset in sorted(seeds)], committee_pads(world.session)
        ),
    )
    packed, numbers = split_numbers(request.words[0].words, layout.words_bytes, layout.numbers)
    words = unpack_words(packed, layout.blocks, layout.size)
    public = public_polynomials(world.charter)
    messages = open_sum(words, public=public, key=padded.key, size=layout.size, uploads=1)
    beside = (numbers - padded.pads[: layout.numbers])[layout.tags :]
    np.testing.assert_array_equal(layout.sums(messages, beside), dense(world.changes[0]))
