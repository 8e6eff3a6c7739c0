"""What a participant reads of somebody who comes back alone while all others hardly move (`bayes`).

Everybody else's change is what little the model still moves, about as much as in the round before.
Rows that change by clearly more are those that the victim rated.

Where only the set-up had summed the victim, its whole contribution comes at once, and one
contribution is enough for the ratings themselves (`fedmf.audit.attacks.bayes_step`). Where a round
that learned had summed it before, the change is the difference of two contributions: it shows what
was rated, while the others' moves are too loud for the ratings.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fedmf.audit.attacks.attack import Attack
from fedmf.audit.attacks.bayes_step import PublicPart, omega_of
from fedmf.audit.attacks.ratings_from_uploads import (
    Estimates,
    RatingsAttack,
    nothing_found,
    ratings_aim,
)
from fedmf.audit.opening import OpenedTable, closings, opened_tables
from fedmf.audit.row import Aim, Row, share
from fedmf.model import RATERS, FloatArray
from fedmf.model.bayes import Bayes
from fedmf.model.bayes_table import ITEMS, WEIGHTS

if TYPE_CHECKING:
    from fedmf.audit.observables import Observables
    from fedmf.audit.truth import Truth
    from fedmf.protocol import Int64Array

CLEARLY, RIPPLE = 1.5, 3.0
"""How much further a row has to move than any row did in the round before, and than most do in the
same one: what one contribution changes moves the prior means of all a little."""


class RowsOfLoneReturns(Attack[Mapping[int, "Int64Array"]]):
    """Names the items that a victim rated, from the round in which it comes back."""

    aim = Aim("who comes back alone", "which items they rated", "share of rated items named")

    def attempt(self, seen: Observables, victims: Sequence[int]) -> Mapping[int, Int64Array]:
        """Return, for every victim, the items whose rows moved further than others move them."""
        tables = opened_tables(seen)
        return {one: moved_rows(seen, tables, return_of(seen, one)) for one in victims}

    def judge(
        self,
        seen: Observables,
        found: Mapping[int, Int64Array],
        truth: Truth,
        *,
        setting: str = "",
    ) -> Row:
        """Count the rated items that are named; a guess names as many, by lot."""
        right, claimed, rated = right_items(found, truth)
        return Row.of(
            seen.attacked,
            self.aim,
            share(right, rated),
            chance=claimed / (len(found) * truth.values.shape[1]),
            setting=setting,
            note=f"{right} of {rated} rated items, {claimed - right} false",
        )


class CountsOfTwoSessions(RowsOfLoneReturns):
    """Subtracts the counts of a session without a victim from those of one with everybody.

    Parameters
    ----------
    without
        What the same adversary saw of a session without each victim.
    """

    aim = Aim("the counts of two sessions", "which items they rated", "share of rated items named")

    def __init__(self, without: Mapping[int, Observables]) -> None:
        self._without = without

    def attempt(self, seen: Observables, victims: Sequence[int]) -> Mapping[int, Int64Array]:
        """Return, for every victim, the items with a rater more, as the set-up rounds say."""
        setup, place = seen.plan.setup_rounds, seen.plan.codec.position(RATERS)
        with_all = opened_tables(seen)
        found = {}
        for one in victims:
            rest = opened_tables(self._without[one])
            if setup in with_all and setup in rest:
                more = with_all[setup].table[place] - rest[setup].table[place]
                found[one] = np.flatnonzero(more)
        return found


class RatingsOfLoneReturns(RatingsAttack):
    """Reads the ratings of victims whom only the set-up had summed before they come back."""

    aim = ratings_aim("who comes back alone", "the ratings of participants who come back")

    def attempt(self, seen: Observables, victims: Sequence[int]) -> Estimates:
        """Return the ratings in the rows that moved."""
        found, tables = nothing_found(seen, victims), opened_tables(seen)
        if not isinstance(seen.plan.method, Bayes):
            return found
        for victim, estimates in found.items():
            number = return_of(seen, victim)
            rated = moved_rows(seen, tables, number)
            if len(rated):
                estimates[rated] = _ratings(seen, seen.plan.method, tables, number, rated)
        return found

    def judge(self, seen: Observables, found: Estimates, truth: Truth, *, setting: str = "") -> Row:
        """Count the ratings, and say how many items were named that nobody had rated."""
        row = super().judge(seen, found, truth, setting=setting)
        named = {one: np.flatnonzero(~np.isnan(found[one])) for one in found}
        right, claimed, rated = right_items(named, truth)
        return replace(row, note=f"{right} of {rated} rated items, {claimed - right} false")


def return_of(seen: Observables, victim: int) -> int:
    """Return the counted round in which a victim came back after an absence; 0: in none."""
    rounds = [one.included for one in closings(seen) if one.counts(seen.plan.session)]
    own = [number for number, included in enumerate(rounds, 1) if victim in included]
    gaps = [later for before, later in itertools.pairwise(own) if later > before + 1]
    return gaps[-1] if gaps else 0


def right_items(found: Mapping[int, Int64Array], truth: Truth) -> tuple[int, int, int]:
    """Return how many claimed items were rated, how many are claimed, and how many there are."""
    right = sum(int(np.sum(~np.isnan(truth.values[one, items]))) for one, items in found.items())
    rated = int(np.sum(~np.isnan(truth.values[list(found)])))
    return right, sum(map(len, found.values())), rated


def moved_rows(
    seen: Observables, tables: Mapping[int, OpenedTable], number: int, but: Sequence[int] = ()
) -> Int64Array:
    """Return the items whose rows a round moved clearly further than the one before moved any.

    Parameters
    ----------
    but
        Rows that are left out.
    """
    if number < 2 or not {number, number - 1, number - 2} <= tables.keys():
        return np.zeros(0, dtype=np.int64)
    clearly: set[int] = set()
    for place in map(seen.plan.codec.position, (ITEMS, WEIGHTS)):
        now, before = (
            np.linalg.norm(tables[n].table[place] - tables[n - 1].table[place], axis=1)
            for n in (number, number - 1)
        )
        others = np.delete(now, list(but))
        ripple = RIPPLE * np.median(others[others > 0]) if others.any() else 0.0
        least = max(CLEARLY * np.delete(before, list(but)).max(), ripple)
        clearly.update(np.flatnonzero(now > least).tolist())
    return np.array(sorted(clearly.difference(but)), dtype=np.int64)


def _ratings(
    seen: Observables,
    method: Bayes,
    tables: Mapping[int, OpenedTable],
    number: int,
    rated: Int64Array,
) -> FloatArray:
    """Return the ratings behind the contribution that came in a round, to these rows."""
    moved = map(np.subtract, tables[number].table, tables[number - 1].table)
    change = seen.plan.codec.decode_table(list(moved))
    omega = omega_of(change[WEIGHTS][rated])
    known = PublicPart.of(method, tables[number - 1].model, rated, omega)
    left = known.left(change[ITEMS][rated])
    errors = left[:, -1]
    user = errors @ left[:, :-1] / (errors @ errors)
    # The normal equation of the bias: see `ratings_of_bayes`.
    bias = known.bias + errors.sum() / known.noise_over_bias
    stars = known.levels + known.extended[:, :-1] @ user + errors + bias
    ratings: FloatArray = method.scale.lowest + known.star * stars
    return ratings
