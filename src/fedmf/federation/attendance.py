"""Who joins a training late, who is away for rounds, and who leaves it before its end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fedmf.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Attendance:
    """When participants come and go; rounds count from 1 and leave out set-up and void ones.

    Participants that are not named are there from the set-up to the end.

    Raises
    ------
    SettingsError
        Rounds below 1, or somebody leaves before joining.
    """

    joins: Mapping[int, int] = field(default_factory=dict)
    """Participant -> the first round that it takes part in."""
    leaves: Mapping[int, int] = field(default_factory=dict)
    """Participant -> the round in which it takes back what it contributed, except to sums that
    rest; with slices this takes one round for each. Where an upload is not included, for example
    because a committee waits for more who leave, it tries again in every round that follows."""
    away: Mapping[int, Collection[int]] = field(default_factory=dict)
    """Participant -> the rounds that it misses; 0 is the set-up."""

    def __post_init__(self) -> None:
        problems = [
            f"participant {one} {what} in round {number}; rounds count from 1"
            for what, rounds in (("joins", self.joins), ("leaves", self.leaves))
            for one, number in rounds.items()
            if number < 1
        ]
        problems += [
            f"participant {one} leaves in round {number} and joins in {self.joins[one]}"
            for one, number in self.leaves.items()
            if number <= self.joins.get(one, 0)
        ]
        if problems:
            raise SettingsError("; ".join(problems))

    @classmethod
    def with_dropouts(cls, share: float, participants: int, rounds: int, seed: int) -> Attendance:
        """Return an attendance in which everybody misses this share of the rounds, drawn at random.

        Parameters
        ----------
        share
            The chance that somebody misses a round, the set-up included, from 0 to 1.
        participants, rounds
            How many; the set-up is no round.
        seed
            Equal seeds draw equally.
        """
        missed = np.random.default_rng(seed).random((participants, rounds + 1)) < share
        return cls(away={one: np.flatnonzero(row).tolist() for one, row in enumerate(missed)})

    def present(self, cohort: Iterable[int], round_number: int, left: frozenset[int]) -> list[int]:
        """Return who takes part in a round, ascending: of the cohort, and those who want to leave.

        Parameters
        ----------
        round_number
            0 for the set-up.
        left
            Who has left already.
        """
        there = {
            one
            for one in cohort
            if self.joins.get(one, 0) <= round_number and round_number not in self.away.get(one, ())
        }
        return sorted((there | self.leaving(round_number, left)) - left)

    def leaving(self, round_number: int, left: frozenset[int]) -> frozenset[int]:
        """Return who wants to leave in a round."""
        due = {one for one, number in self.leaves.items() if 1 <= number <= round_number}
        return frozenset(due - left)

    def have_left(
        self, included: Sequence[Iterable[int]], setup_rounds: int, slices: int = 1
    ) -> frozenset[int]:
        """Return who has left, given whose uploads each round of the session included."""
        taken_back: dict[int, set[int]] = {}
        left: set[int] = set()
        for place, participants in enumerate(included):
            learning_round = place + 1 - setup_rounds
            for one in self.leaving(learning_round, frozenset(left)) & set(participants):
                theirs = taken_back.setdefault(one, set())
                theirs.add((learning_round - 1) % slices)
                if len(theirs) == slices:
                    left.add(one)
        return frozenset(left)
