"""An envelope belongs to one upload and one member, and holds what the upload header says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from fedmf.crypto.derivation import labelled_hash
from fedmf.crypto.envelopes import EnvelopePublicKey
from fedmf.crypto.signatures import SigningKey
from fedmf.errors import MessageError, OpenError
from fedmf.protocol.committee import member_round as members_view
from fedmf.protocol.committee import upload as participants_view
from fedmf.protocol.committee.exchange import ReviewReply
from fedmf.protocol.committee.upload import (
    SEEDS,
    CommitteePayload,
    SignedHeader,
    UploadHeader,
    commitment,
    envelope_context,
)
from fedmf.protocol.wire import u32
from tests.protocol.committee.adversary import Adversary
from tests.protocol.committee.world import World, changes_of, dense

ALL = (0, 1, 2, 3, 4)
CROOK, VICTIM, OTHER = 0, 1, 2


@pytest.fixture
def world() -> World:
    return World(5, opened_by="server")


def begin(world: World, numbers: Sequence[int] = ALL) -> Adversary:
    changes = changes_of(17, numbers)
    return Adversary(world, world.collect(changes, lost=numbers))


def signed_by(
    world: World, number: int, payload: CommitteePayload, envelopes: Sequence[bytes]
) -> CommitteePayload:
    """Return a payload as this participant's own: its header says so, and its signature."""
    header = replace(payload.signed.header, participant=number)
    signed = SignedHeader.signed(header, envelopes, world.signing_keys[number], world.charter)
    return replace(payload, signed=signed, envelopes=tuple(envelopes))


def deliver(world: World, server: Adversary) -> None:
    """Hand the uploads to the honest server, damaged or not."""
    for number, payload in server.uploads.items():
        upload = world.sent[number]
        sent = replace(upload, payload=payload.to_bytes(), nonce=payload.signed.header.nonce)
        world.server.receive(sent.to_bytes(world.session))


def everybody_opens_without_the_crook(world: World) -> None:
    closing = world.close()
    assert closing.included == ALL[1:]
    assert world.committee.complaints[0] == (CROOK,)
    world.check_tables()


def test_a_copied_upload_counts_the_victim_twice_where_nothing_binds_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relabelled envelopes: the sum of 2 V + W then gives away W modulo 2, in every value."""
    for module in (members_view, participants_view):
        monkeypatch.setattr(module, "envelope_context", lambda *_: (b"",))
        monkeypatch.setattr(module, "commitment", lambda *parts: labelled_hash("x", parts[-1]))
    server = begin(world, (CROOK, VICTIM, OTHER))
    copied = server.uploads[VICTIM]
    server.uploads[CROOK] = signed_by(world, CROOK, copied, copied.envelopes)
    for member in world.members:
        shown = server.show(member, server.uploads)
        assert isinstance(shown, ReviewReply)
        assert shown.complaints == ()
    numbers = (CROOK, VICTIM, OTHER)
    opened = server.open(server.answers(world.members, numbers), numbers)
    np.testing.assert_array_equal(opened % 2, dense(world.changes[OTHER]) % 2)


def test_a_copied_upload_is_complained_about(world: World) -> None:
    server = begin(world)
    copied = server.uploads[VICTIM]
    fresh = server.uploads[CROOK].signed.header.nonce
    relabelled = signed_by(world, CROOK, copied, copied.envelopes)
    header = replace(relabelled.signed.header, nonce=fresh)
    signed = SignedHeader.signed(header, copied.envelopes, world.signing_keys[CROOK], world.charter)
    server.uploads[CROOK] = replace(relabelled, signed=signed)
    deliver(world, server)
    everybody_opens_without_the_crook(world)


@pytest.mark.parametrize("kind", ["foreign", "for another member", "of random bytes", "short"])
def test_envelopes_that_members_cannot_open_are_complained_about(world: World, kind: str) -> None:
    server = begin(world)
    own, others = server.uploads[CROOK].envelopes, server.uploads[VICTIM].envelopes
    envelopes = {
        "foreign": others,
        "for another member": own[1:] + own[:1],
        "of random bytes": tuple(b"?" * len(one) for one in own),
        "short": (b"",) * len(own),
    }[kind]
    server.uploads[CROOK] = signed_by(world, CROOK, server.uploads[CROOK], envelopes)
    deliver(world, server)
    everybody_opens_without_the_crook(world)


@pytest.mark.parametrize("content", [bytes(32 * 3), bytes(32 * 2), b""])
def test_seeds_that_the_header_does_not_commit_to_are_complained_about(
    world: World, content: bytes
) -> None:
    server = begin(world)
    payload = server.uploads[CROOK]
    envelopes = [
        EnvelopePublicKey(key.public).seal(
            content,
            SEEDS,
            *envelope_context(payload.signed.header.digest(world.charter), key.member),
        )
        for key in server.opening.keys
    ]
    server.uploads[CROOK] = signed_by(world, CROOK, payload, envelopes)
    deliver(world, server)
    everybody_opens_without_the_crook(world)


def test_different_seeds_for_different_members_are_complained_about(world: World) -> None:
    """One member that got another seed would make the sum of everybody fail to open."""
    server = begin(world)
    payload = server.uploads[CROOK]
    envelopes = list(payload.envelopes)
    envelopes[3] = EnvelopePublicKey(server.opening.keys[3].public).seal(
        bytes(96), SEEDS, *envelope_context(payload.signed.header.digest(world.charter), 3)
    )
    server.uploads[CROOK] = signed_by(world, CROOK, payload, envelopes)
    deliver(world, server)
    closing = world.close()
    assert closing.included == ALL[1:]
    assert world.committee.complaints == {0: (), 1: (), 2: (), 3: (CROOK,)}
    world.check_tables()


def made_up(
    world: World, server: Adversary, *, copied: Sequence[int] = (), foreign: Sequence[int] = ()
) -> CommitteePayload:
    """Return an upload of the crook with seeds of its own, and parts of the victim's.

    Parameters
    ----------
    copied
        Subsets whose commitments are the victim's.
    foreign
        Members whose envelopes are.
    """
    victim, own = server.uploads[VICTIM], server.uploads[CROOK].signed.header
    seeds = [bytes([subset] * 32) for subset in range(len(own.commitments))]
    commitments = tuple(
        victim.signed.header.commitments[subset]
        if subset in copied
        else commitment(own.context, CROOK, subset, seed)
        for subset, seed in enumerate(seeds)
    )
    header = replace(own, commitments=commitments)
    digest, sharing = header.digest(world.charter), world.terms.sharing
    envelopes = [
        victim.envelopes[place]
        if key.member in foreign
        else EnvelopePublicKey(key.public).seal(
            b"".join(seeds[subset] for subset in sharing.held_by(key.member)),
            SEEDS,
            *envelope_context(digest, key.member),
        )
        for place, key in enumerate(server.opening.keys)
    ]
    payload = replace(server.uploads[CROOK], signed=replace(victim.signed, header=header))
    return signed_by(world, CROOK, payload, envelopes)


def complaining(world: World, server: Adversary) -> list[int]:
    """Return the members that complain about the crook and nobody else."""
    shown = [server.show(member, ALL) for member in world.members]
    assert all(isinstance(one, ReviewReply) and set(one.complaints) <= {CROOK} for one in shown)
    return [one.member for one in shown if isinstance(one, ReviewReply) and one.complaints]


@pytest.mark.parametrize(
    ("copied", "foreign", "subsets_of"),
    [(range(6), (), range(6)), ((0,), (), (0,)), ((), (2,), None), ((), (), ())],
    ids=["all commitments", "one commitment", "one envelope", "nothing"],
)
def test_parts_of_anothers_upload_are_complained_about_by_all_who_see_them(
    world: World, copied: Sequence[int], foreign: Sequence[int], subsets_of: Sequence[int] | None
) -> None:
    server, held_by = begin(world), world.terms.sharing.held_by
    server.uploads[CROOK] = made_up(world, server, copied=copied, foreign=foreign)
    seen = [one for one in range(4) if set(subsets_of or ()) & set(held_by(one))]
    assert complaining(world, server) == (list(foreign) if subsets_of is None else seen)


def test_anothers_header_is_complained_about(world: World) -> None:
    server = begin(world)
    server.uploads[CROOK] = server.uploads[VICTIM]
    header = replace(server.uploads[CROOK].signed.header, participant=CROOK)
    signed = replace(server.uploads[CROOK].signed, header=header)
    server.uploads[CROOK] = replace(server.uploads[CROOK], signed=signed)
    assert complaining(world, server) == [0, 1, 2, 3]


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_words_of_another_under_own_seeds_open_to_nothing(world: World, share: float) -> None:
    """Members see no words: whoever mixes in another's spoils the round, and reads nothing."""
    server = begin(world)
    payload, others = made_up(world, server), server.uploads[VICTIM].words
    cut = int(share * len(others))
    server.uploads[CROOK] = replace(payload, words=others[:cut] + payload.words[cut:])
    assert complaining(world, server) == []
    with pytest.raises(OpenError, match="does not open"):
        server.open(server.answers(world.members, ALL), ALL)


def test_envelopes_that_are_damaged_on_their_way_to_members_cost_the_upload(world: World) -> None:
    world.collect(changes_of(17))
    world.spoil_envelopes(CROOK)
    everybody_opens_without_the_crook(world)


def test_the_server_refuses_envelopes_and_words_that_were_not_signed(world: World) -> None:
    server = begin(world)
    payload = server.uploads[CROOK]
    for wrong, message in (
        (replace(payload, envelopes=server.uploads[VICTIM].envelopes), "envelope is not the one"),
        (replace(payload, words=server.uploads[VICTIM].words), "words are not those"),
        (replace(payload, table=bytes(32)), "another context"),
    ):
        sent = replace(world.sent[CROOK], payload=wrong.to_bytes())
        before = world.committee._table.sum.to_bytes()
        with pytest.raises(MessageError, match=message):
            world.server.receive(sent.to_bytes(world.session))
        assert world.committee._table.sum.to_bytes() == before
    deliver(world, server)
    assert world.close().included == ALL


def test_words_of_the_wrong_size_are_refused(world: World) -> None:
    server = begin(world)
    payload = server.uploads[CROOK]
    longer = payload.words + b"\0"
    header = replace(payload.signed.header, words=labelled_hash("words", longer))
    signed = SignedHeader.signed(
        header, payload.envelopes, world.signing_keys[CROOK], world.charter
    )
    wrong = replace(payload, words=longer, signed=signed)
    before = world.committee._table.sum.to_bytes()
    with pytest.raises(MessageError, match="words and the 10 numbers behind them are"):
        world.server.receive(
            replace(world.sent[CROOK], payload=wrong.to_bytes()).to_bytes(world.session)
        )
    assert world.committee._table.sum.to_bytes() == before


def test_signatures_of_others_are_refused(world: World) -> None:
    server = begin(world)
    payload = server.uploads[CROOK]
    signed = SignedHeader.signed(
        payload.signed.header, payload.envelopes, SigningKey.fresh(), world.charter
    )
    server.uploads[CROOK] = replace(payload, signed=signed)
    with pytest.raises(MessageError, match="signature of a 'upload'"):
        deliver(world, server)
    shown = server.show(world.members[0], ALL)
    assert isinstance(shown, ReviewReply)
    assert shown.complaints == (CROOK,)


def test_members_refuse_uploads_twice_or_out_of_order(world: World) -> None:
    server = begin(world)
    for member, numbers in zip(world.members, [(0, 0), (1, 0)], strict=False):
        assert "must ascend" in str(server.show(member, numbers))


def test_commitments_differ_by_upload_and_subset() -> None:
    made = {
        commitment(context, participant, subset, bytes(32))
        for context in (bytes(32), b"1" * 32)
        for participant in (0, 1)
        for subset in (0, 1)
    }
    assert len(made) == 8


def test_an_envelope_is_bound_to_its_header_and_member(world: World) -> None:
    server = begin(world)
    header: UploadHeader = server.uploads[CROOK].signed.header
    contexts = {
        envelope_context(one.digest(world.charter), member)
        for one in (header, replace(header, participant=1), replace(header, context=bytes(32)))
        for member in (0, 1)
    }
    assert len(contexts) == 6
    assert envelope_context(header.digest(world.charter), 1)[1] == u32(1)
