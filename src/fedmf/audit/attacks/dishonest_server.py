"""A server that breaks the rules of the committee, against each check, switched on and off.

Every attack wants two sums that differ by one participant's upload, or one sum in which nobody else
changes anything. Each check of the protocol takes one way to them away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from fedmf.audit.arena import Arena, BlindArena, victims_ratings
from fedmf.audit.row import Aim, Attacked, Row, ratio_over_participants
from fedmf.audit.weakened import (
    MemberThatAnswersAgain,
    MemberThatCountsNoLots,
    MemberThatForgetsOutcomes,
    MemberThatForgetsWhoStays,
    ParticipantThatForgetsTables,
    ParticipantThatTakesAnySum,
)
from fedmf.errors import FedmfError
from fedmf.interrupts import HeldInterrupts
from fedmf.protocol import Int64Array
from fedmf.protocol.committee.certificate import Outcome
from fedmf.protocol.committee.member import CommitteeMember
from fedmf.protocol.committee.participant import CommitteeParticipant

Loot = Mapping[int, int]
"""Item -> rating of the victim, in steps of the scale."""


@dataclass(frozen=True, slots=True)
class Haul:
    """What an attack brought in against several victims, one after the other."""

    loot: dict[int, Loot] = field(default_factory=dict)
    """By victim; nothing where an honest role refused."""
    refusals: list[str] = field(default_factory=list)
    """What the honest roles said."""


@dataclass(frozen=True, slots=True)
class DishonestAttack:
    """One way to cheat, and the check that is there against it."""

    name: str
    """As in docs/explanation/attacks.md."""
    check: str
    """What honest roles look at."""
    play: Callable[[Arena, int], Loot]
    """Plays it against a victim; returns what the two sums show."""
    member: type[CommitteeMember] = CommitteeMember
    participant: type[CommitteeParticipant] = CommitteeParticipant
    """Roles without the check."""
    arena: type[Arena] = Arena
    """The federation that it is played in."""
    adversary: str = "a dishonest server (--open server)"
    """Who plays it."""

    def _arena(self, ratings: Int64Array, *, checked: bool) -> Arena:
        if checked:
            return self.arena(ratings)
        return self.arena(ratings, member=self.member, participant=self.participant)

    def attempt(self, ratings: Int64Array, victims: Iterable[int], *, checked: bool) -> Haul:
        """Play it against some victims, each in a federation of its own.

        Parameters
        ----------
        ratings
            Steps of the scale from 1, 0 where there is no rating: the arena's participants own
            them, the server only sees what the arena sends it. Shape (participants, items).
        """
        found = Haul()
        for victim in victims:
            try:
                # Ctrl-C is no refusal.
                with HeldInterrupts():
                    found.loot[victim] = self.play(self._arena(ratings, checked=checked), victim)
            except FedmfError as error:
                found.loot[victim] = {}
                found.refusals.append(str(error))
        return found

    def judge(self, found: Haul, ratings: Int64Array, *, checked: bool) -> Row:
        """Count the victims' ratings that came out."""
        hits, counts = [], []
        for victim, loot in found.loot.items():
            rated = np.flatnonzero(ratings[victim])
            hits.append(sum(loot.get(int(item)) == ratings[victim, item] for item in rated))
            counts.append(len(rated))
        given, often = np.unique(ratings[ratings > 0], return_counts=True)
        commonest = given[often.argmax()]
        own = ratings[list(found.loot)]
        setting = f"{'with' if checked else 'without'} the check: {self.check}"
        if (self.member, self.participant) == (CommitteeMember, CommitteeParticipant):
            # Nothing is there against it.
            setting = self.check
        return Row.of(
            Attacked("committee", "full", "any", self.adversary),
            Aim(self.name, "one participant's ratings", "share of ratings recovered"),
            ratio_over_participants(hits, counts),
            chance=float(np.mean(own[own > 0] == commonest)),
            n=int(sum(counts)),
            setting=setting,
            note=found.refusals[0] if found.refusals else "nobody refused",
        )


def _replayed_table(arena: Arena, victim: int) -> Loot:
    """Hand the table out again that all but the victim have worked on: theirs is no change."""
    second = _two_rounds(arena, victim)
    return victims_ratings(arena.opened_round(second, 2, arena.everybody)[1])


def _almost_replayed_table(arena: Arena, victim: int) -> Loot:
    """Do the same with one unit more in a row that nobody rates: not the table of before.

    What the victim changes is its contribution to this table, less that of the round before the
    one that it missed; everybody else has contributed just this already.
    """
    return _alone(arena, _two_rounds(arena, victim), after_round=2)


def _repeated_round(arena: Arena, victim: int) -> Loot:
    """Open a round, claim that it was void, and repeat it without the victim."""
    current, with_victim = arena.opened_round(_start(arena), 0, arena.everybody)
    arena.close(current, (), Outcome(current.opening.round))
    return victims_ratings(with_victim - arena.honest_round(_start(arena), 0, _but(arena, victim)))


def _second_set(arena: Arena, victim: int) -> Loot:
    """Ask for the sum over everybody, and in the same round for that over all but the victim."""
    current, with_victim = arena.opened_round(_start(arena), 0, arena.everybody)
    return victims_ratings(with_victim - arena.opened(current, _but(arena, victim)))


def _lone_joiner(arena: Arena, victim: int) -> Loot:
    """Let one participant join while the table stays as it was, but for a row of nobody."""
    arena.honest_round(_start(arena), 0, _but(arena, victim))
    return _alone(arena, _start(arena))


def _lone_leaver(arena: Arena, victim: int) -> Loot:
    """Let one participant leave while the table stays as it was, but for a row of nobody."""
    arena.honest_round(_start(arena), 0, arena.everybody)
    return _alone(arena, _start(arena), (victim,))


def _left_alone(arena: Arena, victim: int) -> Loot:
    """Have all but one participant leave together: what stays in the table is the victim's."""
    table, others = arena.honest_round(_start(arena), 0, arena.everybody), _but(arena, victim)
    return victims_ratings(table + arena.opened_round(table, 1, others, leaving=others)[1])


def _start(arena: Arena) -> Int64Array:
    return np.zeros(arena.rows, dtype=np.int64)


def _but(arena: Arena, victim: int) -> list[int]:
    return [one for one in arena.everybody if one != victim]


def _two_rounds(arena: Arena, victim: int) -> Int64Array:
    """Play a round with everybody and one without the victim; return the table between them."""
    second = arena.honest_round(_start(arena), 0, arena.everybody)
    arena.honest_round(second, 1, _but(arena, victim))
    return second


def _alone(
    arena: Arena, before: Int64Array, leaving: tuple[int, ...] = (), *, after_round: int = 1
) -> Loot:
    # One unit in the last row makes it another table, and changes nobody's contribution.
    almost = before.copy()
    almost[-1] += 1
    opened = arena.opened_round(almost, after_round, arena.everybody, leaving=leaving)[1]
    return victims_ratings(opened)


CHOSEN_TABLE = DishonestAttack(
    "a chosen table",
    "participants take the sum that members have checked, and no other",
    _almost_replayed_table,
    participant=ParticipantThatTakesAnySum,
    arena=BlindArena,
    adversary="a dishonest server with one participant",
)
ATTACKS = (
    DishonestAttack(
        "a replayed table",
        "participants refuse a table that they have worked on",
        _replayed_table,
        participant=ParticipantThatForgetsTables,
    ),
    DishonestAttack(
        "a round repeated without the victim",
        "members sign one outcome of a round",
        _repeated_round,
        member=MemberThatForgetsOutcomes,
    ),
    DishonestAttack(
        "a second set of uploads",
        "members answer for one set in a round",
        _second_set,
        member=MemberThatAnswersAgain,
    ),
    DishonestAttack(
        "a lone joiner",
        "uploads that join come in lots",
        _lone_joiner,
        member=MemberThatCountsNoLots,
    ),
    DishonestAttack(
        "a lone leaver",
        "leaving uploads come in lots",
        _lone_leaver,
        member=MemberThatCountsNoLots,
    ),
    DishonestAttack(
        "all but one leave",
        "contributions of a smallest lot stay, or none",
        _left_alone,
        member=MemberThatForgetsWhoStays,
    ),
    CHOSEN_TABLE,
)
UNCHECKED = DishonestAttack(
    "a table replayed with one unit changed",
    "every check on: --open server trusts the server for the true table",
    _almost_replayed_table,
)
"""Succeeds against honest roles: what it means to trust the server for the true table."""
