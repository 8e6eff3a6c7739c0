"""What is beside the words of single uploads: nobody sees it, not even server and participant."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fedmf.crypto.rlwe_key import PaddedKey
from fedmf.errors import MessageError, ProtocolError
from fedmf.protocol import Int64Array
from fedmf.protocol.committee.held_table import Reader
from fedmf.protocol.committee.table_payload import TableForm, TablePayload
from fedmf.protocol.integrity_tags import IntegrityTags, split_numbers
from fedmf.protocol.lattice_layout import committee_layout
from fedmf.protocol.session import OPENED_BY, OpenedBy
from fedmf.protocol.wire import u32
from tests.protocol.committee.adversary import Adversary
from tests.protocol.committee.world import World, changes_of, dense, no_change

Tags = NDArray[np.uint64]
VICTIM = 4
# 6 values that are too wide for words, and the four tags that 45 bits take.
NUMBERS = 10


def begun(world: World) -> Adversary:
    """Begin a round; return a server that has everybody's uploads."""
    return Adversary(world, world.collect(changes_of(3)))


def reader_of(world: World) -> Reader:
    """Return what any participant can give to the server."""
    reader = world.protections[0].held.reader
    assert reader is not None
    return reader


def sent(server: Adversary, number: int) -> Tags:
    """Return the numbers behind the words: tags, then values that are too wide for words."""
    layout = committee_layout(server.world.session)
    return split_numbers(server.uploads[number].words, layout.words_bytes, layout.numbers)[1]


def tags_if(server: Adversary, number: int, change: Int64Array) -> Tags:
    """Return the tags of an upload if it held this change, without pads."""
    nonce = server.uploads[number].signed.header.nonce
    protection = server.world.protections[0]
    _, beside = committee_layout(protection.session).split(change)
    return protection.held.tags_of(1, change, beside, server.context, u32(number), nonce)


def numbers_if(server: Adversary, number: int, change: Int64Array) -> Tags:
    """Return all that is behind the words of an upload if it held this change, without pads."""
    _, beside = committee_layout(server.world.session).split(change)
    return np.concatenate([tags_if(server, number, change), beside])


@pytest.mark.parametrize("opened_by", OPENED_BY)
@pytest.mark.parametrize("padded", [False, True])
def test_the_server_with_a_participant_confirms_guesses_only_where_tags_have_no_pads(
    padded: bool, opened_by: OpenedBy, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not padded:
        made = PaddedKey.__init__
        monkeypatch.setattr(
            PaddedKey, "__init__", lambda self, key, pads: made(self, key, np.zeros_like(pads))
        )
    world = World(5, opened_by=opened_by)
    server = begun(world)
    guess = numbers_if(server, VICTIM, dense(world.changes[VICTIM]))
    assert (sent(server, VICTIM) == guess).tolist() == [not padded] * NUMBERS


@pytest.mark.parametrize("members", [(0, 1), (1, 3), (2, 3), (0, 1, 2)])
def test_pads_of_a_single_upload_take_threshold_members(members: tuple[int, ...]) -> None:
    """Any two of four lack one seed, in spite of all that the server and a participant know."""
    world = World(5)
    server = begun(world)
    seeds: dict[int, bytes] = {}
    for member in members:
        server.show(world.members[member], range(5))
        current = world.members[member]._round
        assert current is not None
        seeds |= current.uploads[VICTIM].seeds
    known = PaddedKey.sum_of_seeds(seeds.values(), NUMBERS).pads
    guess = numbers_if(server, VICTIM, dense(world.changes[VICTIM]))
    found = sent(server, VICTIM) - known == guess
    assert found.tolist() == [len(members) == world.terms.threshold] * NUMBERS


@pytest.mark.parametrize("mover", [1, 2])
def test_what_a_participant_opens_fits_whoever_moved(
    mover: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows all factors and masks, and from the sum what either of two others may have done."""
    world = World(3)
    move = changes_of(8, [mover])
    changes = {number: move.get(number, no_change()) for number in range(3)}
    server = Adversary(world, world.collect(changes))
    world.close()
    shown: list[list[int]] = []
    check = IntegrityTags.check

    def looking(found: Tags, due: Tags) -> None:
        # Opened sums of values are shown by themselves; masks are gone from the tags here.
        shown.append(found.tolist())
        check(found, due)

    monkeypatch.setattr(IntegrityTags, "check", staticmethod(looking))
    world.opened()
    nothing = np.zeros_like(dense(move[mover]))
    nonces = {number: server.uploads[number].signed.header.nonce for number in range(3)}
    masks = [
        reader_of(world).tags().mask(server.context, u32(number), nonce)
        for number, nonce in nonces.items()
    ]
    for suspect in (1, 2):
        single = [
            tags_if(server, number, dense(move[mover]) if number == suspect else nothing)
            for number in range(3)
        ]
        total = np.sum(single, axis=0, dtype=np.uint64) - np.sum(masks, axis=0, dtype=np.uint64)
        assert shown == [total.tolist()]


@pytest.mark.parametrize("same", [True, False])
def test_uploads_with_tags_of_other_factors_are_not_added(same: bool) -> None:
    """Sums of such tags would be sums of uploads, each times a number that the server chose."""
    world = World(5, opened_by="server")
    world.hand_out()
    if not same:
        held = world.protections[VICTIM].held
        held._tag_secret = bytes(32)
        held.set(held.flat, held.round)
        world.hand_out = lambda: None  # type: ignore[method-assign]
        world.roles[VICTIM].receive_table = lambda *_: []  # type: ignore[method-assign]
    world.collect(changes_of(3))
    assert (VICTIM in world.end().included) == same


def test_a_server_that_opens_cannot_change_its_tag_secret() -> None:
    world = World(5, opened_by="server")
    world.hand_out()
    other = TablePayload(TableForm.START, 0, bytes(32)).to_bytes()
    with pytest.raises(MessageError, match="another tag secret"):
        world.protections[0].open(other)
    for content in (b"", bytes(31), bytes(33)):
        with pytest.raises(MessageError):
            world.protections[1].open(TablePayload(TableForm.START, 0, content).to_bytes())
    with pytest.raises(MessageError, match="start table with content"):
        World(5).protections[0].open(other)


def test_nobody_uploads_without_the_tag_secret_of_a_server_that_opens() -> None:
    world = World(5, opened_by="server")
    world.begin_round(range(5))
    with pytest.raises(ProtocolError, match="before the server's table was opened"):
        world.protections[0].protect(no_change(), round_number=1, participant=0)


def test_members_are_never_told_the_tag_secret() -> None:
    world = World(5, opened_by="server")
    secret = world.committee._table._tag_secret
    told: list[bytes] = []

    def listening(_: int, data: bytes) -> bytes:
        told.append(data)
        return data

    world.to_member = listening
    world.round(changes_of(3))
    assert secret in world.server.payload()
    assert told
    assert not any(secret in data for data in told)
