"""Ratings from the difference of two opened tables that a single participant makes.

Who joins or leaves alone (`bayes`): all others' counts and totals stay as they were, so that the
difference of these rows is the joiner's own (the leaver's, with its sign turned): *which* items it
rated and the sum of its ratings, exactly. The others' contributions to the items move with the
model, less and less the further the training has come; what is left of the difference is the
joiner's contribution, and one contribution is enough (`fedmf.audit.attacks.bayes_step`).

Two sessions over the same data, one of them without a participant (`sgd`): sums are exact, so what
the session without somebody's ratings lacks is what these contributed. No protection prevents that;
noise would, and fedmf adds none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fedmf.audit.attacks.bayes_step import ratings_of_bayes
from fedmf.audit.attacks.ratings_from_uploads import (
    Estimates,
    RatingsAttack,
    nothing_found,
    ratings_aim,
)
from fedmf.audit.attacks.sgd_step import Trace
from fedmf.audit.opening import closings, opened_tables, real_moves
from fedmf.model import RATERS
from fedmf.model.bayes import Bayes
from fedmf.model.bayes_table import ITEMS, TOTALS
from fedmf.model.sgd import Sgd

if TYPE_CHECKING:
    from fedmf.audit.observables import Observables


class LoneChanges(RatingsAttack):
    """Reads the round in which a victim joins, or leaves, unless others do so in the same round.

    Parameters
    ----------
    leaving
        Whether the victims leave: then their last upload is looked for in the closings, else their
        first.
    """

    def __init__(self, *, leaving: bool) -> None:
        self._leaving = leaving
        name = "who leaves alone" if leaving else "who joins alone"
        self.aim = ratings_aim(name, "the ratings of participants who come or go")

    def attempt(self, seen: Observables, victims: Sequence[int]) -> Estimates:
        """Return the ratings of the victims who came, or went, alone."""
        method, codec = seen.plan.method, seen.plan.codec
        found, tables = nothing_found(seen, victims), opened_tables(seen)
        rounds = [one.included for one in closings(seen) if one.counts(seen.plan.session)]
        if not isinstance(method, Bayes):
            return found
        for victim, estimates in found.items():
            number = self._round_alone(rounds, victim)
            # A contribution that is taken back was made with the model of the round before.
            made_with = number - 2 if self._leaving else number - 1
            if number not in tables or made_with not in tables:
                continue
            after, before = (codec.decode_table(tables[n].table) for n in (number, number - 1))
            sign = -1.0 if self._leaving else 1.0
            change = {name: sign * (after[name] - before[name]) for name in after}
            rated = np.flatnonzero(change[RATERS][:, 0] > 0)
            if len(rated):
                estimates[rated] = ratings_of_bayes(
                    method,
                    tables[made_with].model,
                    rated,
                    change,
                    change[TOTALS][0],
                )
        return found

    def _round_alone(self, rounds: Sequence[tuple[int, ...]], victim: int) -> int:
        """Return the counted round in which a victim came, or went, and nobody else; 0: none."""
        own = [number for number, included in enumerate(rounds, 1) if victim in included]
        if not own:
            return 0
        number = own[-1] if self._leaving else own[0]
        elsewhere = rounds[number:] if self._leaving else rounds[: number - 1]
        company = set(rounds[number - 1]).difference(*elsewhere)
        return number if len(company) <= 1 else 0


class TwoSessions(RatingsAttack):
    """Subtracts a session without a victim from one with everybody.

    Parameters
    ----------
    without
        What the same adversary saw of a session without each victim.
    """

    aim = ratings_aim("the difference of two sessions")

    def __init__(self, without: Mapping[int, Observables]) -> None:
        self._without = without

    def attempt(self, seen: Observables, victims: Sequence[int]) -> Estimates:
        """Return the ratings by which the first rounds that learn differ."""
        method, first = seen.plan.method, seen.plan.setup_rounds
        found, tables = nothing_found(seen, victims), opened_tables(seen)
        if not isinstance(method, Sgd):
            return found
        items = seen.plan.codec.position(ITEMS)
        for victim, estimates in found.items():
            others = opened_tables(self._without[victim])
            if first + 1 not in tables or first + 1 not in others:
                continue
            difference = tables[first + 1].table[items] - others[first + 1].table[items]
            rated = np.flatnonzero(difference.any(axis=1))
            if len(rated):
                vectors = tables[first].model.item_factors[rated]
                trace = Trace.of(method, real_moves(seen, difference[rated]), vectors)
                start = method.start_user_factors(seen.plan.members[victim])[0]
                estimates[rated] = trace.follow(start).ratings
        return found
