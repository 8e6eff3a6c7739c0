"""What must not be forgotten, or begun, when the reader secret changes."""

import numpy as np
import pytest

from fedmf.crypto.envelopes import EnvelopePublicKey
from fedmf.crypto.master_secret import MasterSecret
from fedmf.errors import ProtocolError
from fedmf.protocol.committee.reader import COPY, reader_envelope_key
from fedmf.protocol.committee.roster import Roster, SignedRoster, sign_roster
from fedmf.protocol.committee.table_payload import Form, TablePayload
from fedmf.protocol.framing import u32
from fedmf.protocol.plain_words import encode_words
from tests.protocol.committee.world import World, random_change


def rotate(world: World) -> tuple[SignedRoster, MasterSecret]:
    """Return a roster that changes nobody, signed by three members, and its reader secret."""
    reader, old = MasterSecret.fresh(), world.charter.roster
    suite = world.charter.terms.suite
    roster = Roster(2, old.keys, reader_envelope_key(reader, suite).public)
    votes = tuple(
        sign_roster(world.member_keys[n], n, roster, old, world.charter) for n in range(3)
    )
    return SignedRoster(roster, old.digest(world.charter), votes), reader


def adopt_everywhere(world: World) -> None:
    signed, reader = rotate(world)
    world.server.rosters.adopt(signed)
    for member in world.members:
        member.rosters.adopt(signed)
    for protection in world.protections.values():
        protection.adopt(signed, reader)


def forged_copy_of_the_start(world: World) -> bytes:
    """Return the public start table as a server seals it and calls it the one after round 1."""
    public = world.server.rosters.newest.reader_key
    sealed = EnvelopePublicKey(public, suite=world.charter.terms.suite).seal(
        encode_words(world.session.shape, world.start), COPY, world.charter.digest, u32(1)
    )
    return TablePayload(Form.COPY, 1, sealed).to_bytes()


@pytest.mark.parametrize("forgets", [False, True])
def test_a_table_is_not_worked_on_again_after_a_rotation(forgets: bool) -> None:
    world, rng = World(4), np.random.default_rng(1)
    world.round({n: random_change(rng) for n in range(4)})
    world.hand_out()
    adopt_everywhere(world)
    victim = world.protections[0]
    if forgets:
        victim._worked_on = {}
    victim.open(forged_copy_of_the_start(world))
    world.server.prepare_round()
    world.consult()
    opening = world.server.open_round([0, 1, 2, 3])
    victim.begin(opening)
    if forgets:
        assert victim.protect(random_change(rng), round_number=2, participant=0).payload
    else:
        with pytest.raises(ProtocolError, match="replays a table"):
            victim.protect(random_change(rng), round_number=2, participant=0)


def test_a_roster_is_adopted_between_rounds_alone() -> None:
    world, rng = World(4), np.random.default_rng(2)
    signed, reader = rotate(world)
    world.hand_out()
    world.open_round([0, 1, 2, 3])
    with pytest.raises(ProtocolError, match="between rounds"):
        world.protections[0].adopt(signed, reader)
    for number in range(4):
        data = world.upload(number, random_change(rng)).to_bytes(world.session)
        world.server.receive(data)
    world.close()
    with pytest.raises(ProtocolError, match="after the last sum was opened"):
        world.protections[0].adopt(signed, reader)
    world.hand_out()
    world.protections[0].adopt(signed, reader)
