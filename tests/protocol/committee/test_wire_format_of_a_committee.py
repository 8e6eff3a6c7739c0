"""fedmf and a stranger, who knows docs/reference/wire-format.md alone, hold rounds together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from fedmf.protocol import GroupShape, RowChange, TableShape
from fedmf.protocol.committee.exchange import KeyRequest, Refusal
from fedmf.protocol.session import OpenedBy
from fedmf.protocol.slices import SliceTerms
from tests.protocol import stranger_committee
from tests.protocol.committee.world import SHAPE, World, changes_of, make_session, random_change
from tests.protocol.stranger import Change
from tests.protocol.stranger_slices import Slices

STRANGER, ABSENT = 3, 0
# The group that is not cut is too wide for words, so that its values travel beside them.
SLICED = TableShape(
    (GroupShape("items", 5, 4, 24), GroupShape("sums", 3, 2, 45), GroupShape("raters", 5, 1, 9))
)


def terms_of(world: World) -> stranger_committee.CommitteeTerms:
    session, slices = world.session, None
    if (cut := session.slices) is not None:
        slices = Slices(cut.count, cut.groups, cut.seed, cut.setup_rounds, cut.whole_at_setup)
    return stranger_committee.CommitteeTerms(
        session.session_id,
        session.protection,
        session.upload,
        tuple((g.name, g.rows, g.columns, g.word_bits) for g in session.shape.groups),
        session.participants,
        session.rounds,
        None,
        session.learning_sha256,
        slices,
        tuple(world.terms.as_json().items()),
    )


def plain(change: Sequence[RowChange]) -> Change:
    return [
        {int(row): [int(v) for v in values] for row, values in zip(p.rows, p.values, strict=True)}
        for p in change
    ]


class Together:
    """A federation whose last participant and one of whose members are strangers."""

    def __init__(
        self, opened_by: OpenedBy, slices: SliceTerms | None = None, setup_rounds: int = 0
    ) -> None:
        shape = SHAPE if slices is None else SLICED
        session = make_session(
            5, opened_by=opened_by, shape=shape, slices=slices, setup_rounds=setup_rounds, rounds=9
        )
        self.world = World(5, session=session)
        terms, charter = terms_of(self.world), self.world.charter.to_bytes()
        del self.world.roles[4], self.world.protections[4]
        self.participant = stranger_committee.CommitteeParticipant(
            terms,
            charter,
            self.world.signing_keys[4].to_bytes(),
            4,
            self.world.reader.to_bytes(),
            [part.tolist() for part in self.world.start],
        )
        self.member = stranger_committee.CommitteeMember(
            terms, charter, self.world.member_keys[STRANGER].to_bytes(), STRANGER
        )
        self.world.members[STRANGER] = self.member  # type: ignore[call-overload]

    def round(
        self, seed: int, *, without: Sequence[int] = (), stranger: bool = True
    ) -> tuple[int, ...]:
        world = self.world
        self.check_tables()
        rng, session = np.random.default_rng(seed), world.session
        counted = sum(one.counts(session) for one in world.server.closings) + 1
        part = session.schedule.load(counted).part
        changes = {one: part.updated(None, random_change(rng, session.shape)) for one in range(5)}
        world.collect({n: change for n, change in changes.items() if n < 4}, lost=without)
        assert world.opening is not None
        self.participant.begin(world.opening.to_bytes(world.charter))
        world.server._cohort = frozenset(range(5))
        if stranger:
            world.server.receive(self.participant.upload(plain(changes[4])))
        world.changes = changes
        closing = world.close()
        counts = self.participant.included(closing.to_bytes(world.session))
        assert counts == (4 in closing.included)
        return closing.included

    def check_tables(self) -> None:
        self.world.hand_out()
        self.world.check_tables()
        message = self.world.server.table_message().to_bytes(self.world.session)
        table = self.participant.open(message)
        found = [np.array(group, dtype=np.int64) for group in table]
        shape = self.world.session.shape
        np.testing.assert_array_equal(shape.flat(found), shape.flat(self.world.expected))


@pytest.mark.parametrize("opened_by", ["participants", "server"])
def test_strangers_take_part_as_participant_and_as_member(opened_by: OpenedBy) -> None:
    """Without the absent member the stranger's answer is one of the three that it takes."""
    here = Together(opened_by)
    assert terms_of(here.world).canonical() == here.world.session.to_bytes()
    assert here.member.digest == here.world.charter.digest
    assert here.round(1) == (0, 1, 2, 3, 4)
    here.world.to_member = lambda member, data: None if member == ABSENT else data
    assert here.round(2) == (0, 1, 2, 3, 4)
    assert here.round(3, without=[0, 1, 2]) == ()  # void
    assert here.round(4) == (0, 1, 2, 3, 4)
    here.check_tables()


@pytest.mark.parametrize("opened_by", ["participants", "server"])
def test_strangers_cut_the_table_as_we_do(opened_by: OpenedBy) -> None:
    """A set-up round, a void one, and the turns of both slices."""
    here = Together(opened_by, SliceTerms(2, 5, ("items", "raters"), 1, ("raters",)))
    assert terms_of(here.world).canonical() == here.world.session.to_bytes()
    assert here.round(1) == (0, 1, 2, 3, 4)
    assert here.round(2, without=[0, 1, 2]) == ()  # void
    for seed in (3, 4, 5):
        assert here.round(seed) == (0, 1, 2, 3, 4)
    here.check_tables()


@pytest.mark.parametrize("opened_by", ["participants", "server"])
@pytest.mark.parametrize("setup_rounds", [0, 1])
def test_the_stranger_counts_the_same_bases(opened_by: OpenedBy, setup_rounds: int) -> None:
    """Everybody is away for a while, the stranger too, and comes back with others or not at all."""
    here = Together(opened_by, setup_rounds=setup_rounds)
    everybody = (0, 1, 2, 3, 4)
    assert here.round(1) == here.round(2) == everybody
    for seed in range(3, 6):
        assert here.round(seed, without=[0], stranger=False) == (1, 2, 3)
    # Two have to renew, which are too few.
    assert here.round(6) == (1, 2, 3)
    assert here.member._certified.expected(0)[0] == stranger_committee.RENEW
    assert not here.world.committee.refusals
    here.check_tables()


def test_the_stranger_complains_and_refuses_as_the_page_says() -> None:
    here = Together("participants")
    world = here.world
    world.collect(changes_of(1, range(4)))
    world.spoil_envelopes(0)
    closing = world.close()
    assert world.committee.complaints == dict.fromkeys(range(4), (0,))
    assert closing.included == (1, 2, 3)
    assert not world.committee.refusals
    assert here.member._signed
    too_early = KeyRequest(3, tuple(world.committee.endings)).to_bytes(world.charter)
    refusal = Refusal.from_bytes(here.member.respond(too_early), world.charter)
    assert refusal == Refusal(3, STRANGER, "not the last certificate")
