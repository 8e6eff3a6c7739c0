"""What must not be forgotten, or begun, when the reader secret changes."""

import numpy as np
import pytest

from fedmf.crypto.derivation import MasterSecret
from fedmf.errors import ProtocolError
from fedmf.protocol.enrolment.charter import Roster
from fedmf.protocol.enrolment.reader_secret import reader_envelope_key
from fedmf.protocol.enrolment.roster_chain import SignedRoster, sign_roster
from tests.protocol.committee.world import World, random_change, random_changes


def rotate(world: World) -> tuple[SignedRoster, MasterSecret]:
    """Return a roster that changes nobody, signed by three members, and its reader secret."""
    reader, old = MasterSecret.fresh(), world.charter.roster
    suite = world.charter.terms.suite
    roster = Roster(2, old.keys, reader_envelope_key(reader, suite).public)
    votes = tuple(
        sign_roster(world.member_keys[n], n, roster, old, world.charter) for n in range(3)
    )
    return SignedRoster(roster, world.charter.roster_digest(old), votes), reader


def adopt_everywhere(world: World) -> None:
    signed, reader = rotate(world)
    world.committee.rosters.adopt(signed)
    for member in world.members:
        member.rosters.adopt(signed)
    for protection in world.protections.values():
        protection.adopt(signed, reader)


@pytest.mark.parametrize("forgets", [False, True])
def test_a_table_is_not_worked_on_again_after_a_rotation(forgets: bool) -> None:
    world, rng = World(4), np.random.default_rng(1)
    world.round({n: random_change(rng) for n in range(4)})
    world.hand_out()
    adopt_everywhere(world)
    victim = world.protections[0]
    if forgets:
        victim._worked_on = {}
    # However it is done: somebody has the public start table taken for the one after round 1.
    victim.held.set(world.session.shape.flat(world.start), 1)
    world.server.prepare_round()
    world.consult()
    opening = world.server.begin_round([0, 1, 2, 3])
    victim.begin(opening)
    if forgets:
        assert victim.protect(random_change(rng), round_number=2, participant=0).payload
    else:
        with pytest.raises(ProtocolError, match="replays a table"):
            victim.protect(random_change(rng), round_number=2, participant=0)


def test_a_roster_is_adopted_between_rounds_alone() -> None:
    world, rng = World(4), np.random.default_rng(2)
    signed, reader = rotate(world)
    world.collect(random_changes(rng, range(4)))
    with pytest.raises(ProtocolError, match="while round 1 is under way"):
        world.protections[0].adopt(signed, reader)
    world.close()
    with pytest.raises(ProtocolError, match="before the sum of the last round was opened"):
        world.protections[0].adopt(signed, reader)
    world.hand_out()
    world.protections[0].adopt(signed, reader)
