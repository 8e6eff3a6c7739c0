"""Rows of opened sums under method `bayes`: which have a single rater, and what it rated.

A row to which only one participant contributed is omega (e_j [u; 1] and a public part). Omega
stands beside it, and in the first rounds the rater's features do: the same numbers in all rows of
one rater, so that they say which rows belong together. The last column is e_j, the others divided
by e_j are u, and all rows of the same rater give the same u, which no sum of two raters does. Phi
in the public part depends on what else the rater rated; that of a user with about as many ratings
of average items is near enough. What u and e leave open is the user's bias, one number for all its
rows: ratings are whole steps of the scale, biases are small, and half stars are rare, which decides
it about half of the time.

Unlike with `sgd` users start from nothing that is public, so that no row says whose it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fedmf.audit.attacks.attack import Attack
from fedmf.audit.attacks.bayes_step import PublicPart
from fedmf.audit.attacks.opened_sums import NAME, Claims, change_of_others, included_in
from fedmf.audit.opening import opened_tables
from fedmf.audit.row import Aim, Row, ratio_over_participants
from fedmf.model import RATERS, FloatArray, PublicModel
from fedmf.model.bayes import Bayes
from fedmf.model.bayes_table import FEATURES, ITEMS, WEIGHTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedmf.audit.observables import Observables
    from fedmf.audit.truth import Truth
    from fedmf.protocol import Int64Array

COUNTS = (5, 8, 12, 20, 35, 60, 120, 250)
"""Numbers of ratings that a rater may have; Phi shrinks with them."""
SAME_USER = 0.03
"""Rows of one rater lie as near to its u, in stars; those of others lie anywhere."""
CLEAR_ERROR = 0.25
LEAST_ROWS = 3
HALF_STAR = 1.0
"""What a half star costs against a whole one, in natural logarithms of probability."""


class SingleRaterRows(Attack[Claims]):
    """Claims every row of a round's change that looks like a single rater's.

    Parameters
    ----------
    learning_round
        The round that is read, counted from the first that learns. Those in it are new in it,
        or hardly moved.
    among
        Whose ratings were added; None: those of everybody in the round who does not work with the
        adversary.
    """

    aim = Aim(
        NAME,
        "ratings of others that stand alone in their row",
        "share of single raters' ratings linked, and right up to a constant",
    )

    def __init__(self, learning_round: int = 1, *, among: Collection[int] | None = None) -> None:
        self._learning_round, self._among = learning_round, among

    def attempt(self, seen: Observables, victims: Sequence[int]) -> Claims:
        """Return claims of groups of rows, each of one rater whom nothing names."""
        number = self._number(seen)
        method, tables = seen.plan.method, opened_tables(seen)
        if not isinstance(method, Bayes) or number - 1 not in tables or number not in tables:
            return {}
        before, after = tables[number - 1], tables[number]
        counts = seen.plan.codec.position(RATERS)
        newly = after.table[counts][:, 0] - before.table[counts][:, 0]
        included = included_in(seen, number)
        suspects = [one for one in included if one in victims]
        if newly.any():
            change, raters = list(map(np.subtract, after.table, before.table)), newly
        else:
            change, raters = change_of_others(seen, tables, number), after.table[counts][:, 0]
            for participant in set(included) & seen.ratings.keys():
                rated = seen.ratings[participant].rated_items
                raters = raters - np.isin(np.arange(len(raters)), rated)
        moves = seen.plan.codec.decode_table(change)
        changed = moves[ITEMS].any(axis=1)
        # Where everybody is in the round, or comes in it, the counts say which rows have one rater.
        if newly.any() or len(included) == seen.plan.session.participants:
            changed &= raters == 1
        items = np.flatnonzero(changed)
        if not suspects or not len(items):
            return {}
        marks = np.hstack([moves[name][items] for name in (WEIGHTS, FEATURES) if name in moves])
        rows = moves[ITEMS][items]
        return ratings_of_rows(method, before.model, items, rows, marks, len(suspects))

    def judge(self, seen: Observables, found: Claims, truth: Truth, *, setting: str = "") -> Row:
        """Judge what was found in one run; see `judge_runs`."""
        return self.judge_runs([(seen, found)], truth, setting=setting)

    def judge_runs(
        self, runs: Sequence[tuple[Observables, Claims]], truth: Truth, *, setting: str = ""
    ) -> Row:
        """Count the claims that are right up to one constant for each group of rows.

        Of the ratings that stand alone in their row, of raters with three of them at least: one or
        two are always right up to a constant. Rows of different raters in one group count for the
        one with most of them. Chance is who knows all that, and always guesses the rater's
        commonest rating: the same up to a constant.

        Parameters
        ----------
        runs
            What was seen of a run, and what was found there; of several runs that drew other
            cohorts where one says too little.
        """
        told = [one for run in runs for one in self._told(*run, truth)]
        counts = [one.number for one in told]
        exact = sum(one.exact for one in told)
        return Row.of(
            runs[0][0].attacked,
            self.aim,
            ratio_over_participants([one.hits for one in told], counts),
            chance=sum(one.commonest for one in told) / max(1, sum(counts)),
            n=sum(counts),
            setting=setting,
            note=f"of {len(counts)} raters with at least {LEAST_ROWS} such rows; "
            f"{exact} ratings are right even without the constant",
        )

    def _number(self, seen: Observables) -> int:
        return seen.plan.setup_rounds + self._learning_round

    def _told(self, seen: Observables, claims: Claims, truth: Truth) -> Iterator[_Told]:
        """Yield the raters of a round of whom enough ratings stand alone in their row."""
        everybody = self._among or included_in(seen, self._number(seen))
        values = truth.values[[one for one in everybody if one not in seen.ratings]]
        rated = ~np.isnan(values)
        alone = rated & (rated.sum(axis=0) == 1)
        raters = [one for one, own in enumerate(alone) if own.sum() >= LEAST_ROWS]
        groups: dict[int, Counter[tuple[int, int]]] = {}
        for one in raters:
            for item in np.flatnonzero(alone[one]).tolist():
                if item in claims:
                    group, rating = claims[item]
                    apart = int(np.rint((rating - values[one, item]) / truth.step))
                    groups.setdefault(group, Counter())[one, apart] += 1
        best = [group.most_common(1)[0] for group in groups.values()]
        for one in raters:
            own = values[one, alone[one]]
            yield _Told(
                number=len(own),
                commonest=max(Counter(own.tolist()).values()),
                hits=sum(most for (rater, _), most in best if rater == one),
                exact=sum(group[one, 0] for group in groups.values()),
            )


class _Told(NamedTuple):
    """How many ratings of one rater stand alone in their row."""

    number: int
    """All of them."""
    commonest: int
    """Those of the commonest value."""
    hits: int
    """Those that came out up to a constant."""
    exact: int
    """Those that came out as they are."""


def ratings_of_rows(
    method: Bayes,
    public: PublicModel,
    items: Int64Array,
    rows: FloatArray,
    marks: FloatArray,
    users: int,
) -> Claims:
    """Return the ratings behind those of some rows that have a single rater.

    Parameters
    ----------
    public
        The model that the contributions were made with.
    items
        Items of the rows, shape (n,).
    rows
        Sums of contributions, shape (n, d + 1).
    marks
        What stands beside them: omega, and what else is the same in all rows of one rater, shape
        (n, columns).
    users
        How many users may have contributed.
    """
    claims: dict[int, tuple[int, float]] = {}
    distinct, alike = np.unique(marks, axis=0, return_inverse=True)
    group, sizes, are_features = 0, np.bincount(alike.reshape(-1)), marks[:, 1:].any()
    for mark in np.argsort(-sizes, kind="stable"):
        chosen = np.flatnonzero(alike.reshape(-1) == mark)
        omega = float(distinct[mark, 0])
        if len(chosen) < LEAST_ROWS or omega <= 0 or _is_of_two(distinct, int(mark)):
            continue
        known = PublicPart.of(method, public, items[chosen], omega)
        candidates = [
            PublicPart.like_a_user(method, public, items[chosen], count, omega).left(rows[chosen])
            for count in COUNTS
        ]
        errors, free = candidates[0][:, -1], np.ones(len(chosen), dtype=np.bool_)
        while group < users:
            found = _rows_of_one(candidates, errors, free)
            if found is None:
                break
            own, user = found
            if are_features:
                # No two raters have the same.
                own = free.copy()
            free &= ~own
            stars = known.levels[own] + known.extended[own][:, :-1] @ user + errors[own]
            stars += _bias(stars, method.user_bias_variance)
            ratings = method.scale.lowest + known.star * stars
            pairs = zip(items[chosen[own]].tolist(), ratings.tolist(), strict=True)
            claims |= {item: (group, rating) for item, rating in pairs}
            group += 1
    return claims


def _is_of_two(marks: FloatArray, place: int) -> bool:
    """Return whether a mark is the sum of two others: then its rows have two raters."""
    others = np.delete(marks, place, axis=0)
    left = {row.tobytes() for row in marks[place] - others + 0.0}
    return any(row.tobytes() in left for row in others + 0.0)


def _rows_of_one(
    candidates: list[FloatArray], errors: FloatArray, free: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], FloatArray] | None:
    """Return the rows that agree most about one u, and that u; None: too few agree."""
    best: tuple[FloatArray, NDArray[np.bool_]] | None = None
    most = 0.0
    for left in candidates:
        for row in np.flatnonzero(free & (np.abs(errors) > CLEAR_ERROR)):
            own = free & _near(left, errors, left[row, :-1] / errors[row])
            # Rows with small errors agree with every u.
            weight = float(np.minimum(np.abs(errors[own]), 1.0).sum())
            if weight > most:
                best, most = (left, own), weight
    if best is None:
        return None
    left, own = best
    for _ in range(3):
        if own.sum() < LEAST_ROWS:
            return None
        user: FloatArray = errors[own] @ left[own, :-1] / (errors[own] @ errors[own])
        own = free & _near(left, errors, user)
    return (own, user) if own.any() else None


def _near(left: FloatArray, errors: FloatArray, user: FloatArray) -> NDArray[np.bool_]:
    apart = left[:, :-1] - np.outer(errors, user)
    near: NDArray[np.bool_] = np.sqrt(np.mean(apart**2, axis=1)) < SAME_USER
    return near


def _bias(stars: FloatArray, variance: float) -> float:
    """Return the likeliest bias of a user, given its ratings but for that, in stars from 0.5."""
    tried = np.arange(-1.5, 1.5, 0.02)
    shifted = stars[:, np.newaxis] + tried
    steps = np.round(2 * shifted)
    cost = np.minimum((shifted - steps / 2) ** 2, 0.04).sum(axis=0) / 0.01
    # From half a star up, odd steps are whole stars.
    cost += HALF_STAR * (steps % 2 == 0).sum(axis=0)
    cost += 5 * (np.maximum(shifted - 4.5, 0) + np.maximum(-shifted, 0)).sum(axis=0)
    return float(tried[np.argmin(cost + tried**2 / (2 * variance))])
