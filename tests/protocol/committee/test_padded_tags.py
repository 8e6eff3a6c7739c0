"""Integrity tags of single uploads: nobody sees them, not even the server with a participant."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fedmf.crypto.padded_key import PADS, PaddedKey
from fedmf.protocol import Int64Array
from fedmf.protocol.committee.reader import Reader
from fedmf.protocol.framing import u32
from fedmf.protocol.integrity_tags import TAGS_BYTES, IntegrityTags, split_tags
from tests.protocol.committee.adversary import Adversary
from tests.protocol.committee.world import World, dense, no_change, random_changes

Tags = NDArray[np.uint64]
VICTIM = 4


def begun(world: World) -> Adversary:
    """Begin a round; return a server that has everybody's uploads."""
    return Adversary(world, world.collect(random_changes(np.random.default_rng(3), range(5))))


def reader_of(world: World) -> Reader:
    """Return what any participant can give to the server."""
    reader = world.protections[0]._reader
    assert reader is not None
    return reader


def sent_tags(server: Adversary, number: int) -> Tags:
    layout = server.world.protections[0]._layout
    return split_tags(server.uploads[number].words, layout.payload_bytes)[1]


def tags_if(server: Adversary, number: int, change: Int64Array) -> Tags:
    """Return the tags of an upload if it held this change, without pads."""
    reader, nonce = reader_of(server.world), server.uploads[number].signed.head.nonce
    limbs = server.world.protections[0]._layout.limbs(change)
    return reader.tags.of(limbs) + reader.tags.mask(server.context, u32(number), nonce)


@pytest.mark.parametrize("padded", [False, True])
def test_the_server_with_a_participant_confirms_guesses_only_where_tags_have_no_pads(
    padded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not padded:
        zeros = property(lambda _: np.zeros(PADS, dtype=np.uint64))
        monkeypatch.setattr(PaddedKey, "pads", zeros)
    world = World(5)
    server = begun(world)
    guess = tags_if(server, VICTIM, dense(world.changes[VICTIM]))
    assert (sent_tags(server, VICTIM) == guess).tolist() == [not padded] * 2


@pytest.mark.parametrize("members", [(0, 1), (1, 3), (2, 3), (0, 1, 2)])
def test_pads_of_a_single_upload_take_threshold_members(members: tuple[int, ...]) -> None:
    """Any two of four lack one seed, whatever else the server and a participant know."""
    world = World(5)
    server = begun(world)
    seeds: dict[int, bytes] = {}
    for member in members:
        server.show(world.members[member], range(5))
        current = world.members[member]._round
        assert current is not None
        seeds |= current.uploads[VICTIM].seeds
    known = PaddedKey.sum_of_seeds(seeds.values()).pads
    guess = tags_if(server, VICTIM, dense(world.changes[VICTIM]))
    found = sent_tags(server, VICTIM) - known == guess
    assert found.tolist() == [len(members) == world.terms.threshold] * 2


@pytest.mark.parametrize("mover", [1, 2])
def test_what_a_participant_opens_fits_whoever_moved(
    mover: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows all factors and masks, and from the sum what either of two others may have done."""
    world = World(3)
    move = random_changes(np.random.default_rng(8), [mover])
    changes = {number: move.get(number, no_change()) for number in range(3)}
    server = Adversary(world, world.collect(changes))
    world.close()
    shown: list[list[int]] = []
    check = IntegrityTags.check

    def looking(found: Tags, due: Tags) -> None:
        shown.append(found.tolist())
        check(found, due)

    monkeypatch.setattr(IntegrityTags, "check", staticmethod(looking))
    world.opened()
    nothing = np.zeros_like(dense(move[mover]))
    for suspect in (1, 2):
        single = [
            tags_if(server, number, dense(move[mover]) if number == suspect else nothing)
            for number in range(3)
        ]
        assert shown == [np.sum(single, axis=0, dtype=np.uint64).tolist()]


def test_a_server_that_opens_gets_no_tags() -> None:
    sizes = {}
    for opened_by in ("participants", "server"):
        world = World(5, opened_by=opened_by)
        server = begun(world)
        assert world.protections[0].payload_bytes() == len(server.uploads[0].words)
        sizes[opened_by] = len(server.uploads[0].words)
    assert sizes["participants"] - sizes["server"] == TAGS_BYTES
