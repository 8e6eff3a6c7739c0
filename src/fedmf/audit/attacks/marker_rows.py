"""Two participants, no server: they mark a row that only one other rates, and see who moves.

Both say that they have rated every item. So every row has enough raters to leave its participants,
and the counts of the set-up show them which rows have a single rater beside them. Once others
hardly move, they poison such a row: only its rater finds another model than before, and only its
contribution moves, in the rows that it rated. Participants can tell neither of them from others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fedmf.audit.attacks.attack import Attack
from fedmf.audit.attacks.lone_returns import moved_rows
from fedmf.audit.opening import opened_tables
from fedmf.audit.row import Aim, Row, ratio_over_participants
from fedmf.model import RATERS

if TYPE_CHECKING:
    from fedmf.audit.observables import Observables
    from fedmf.audit.truth import Truth
    from fedmf.protocol import Int64Array

MARKERS = 12
"""Rows that are marked, one after the other."""
FIRST, APART = 12, 3
"""The learning round in which the first is marked, and how many later the next is."""
ROUNDS = FIRST + APART * MARKERS
"""How long a training takes in which all are marked."""
POISON = 6.0
"""What is added to a marked row, in stars."""
Claims = Mapping[int, "Int64Array"]
"""Marked row -> the items that its rater is said to have rated."""


def marker_rows(raters: Int64Array, least: int) -> Int64Array:
    """Return the rows to mark, the first ones first: those with as few raters as leave anybody."""
    return np.flatnonzero(raters == least)[:MARKERS]


class MarkerRows(Attack[Claims]):
    """Names, for every marked row, the items of the user who rated it."""

    aim = Aim(
        "marker rows", "which items the rater of a row rated", "share of claims that are right"
    )

    def attempt(self, seen: Observables, victims: Sequence[int]) -> Claims:
        """Return the rows that moved in the round after a row was marked."""
        del victims
        tables, setup = opened_tables(seen), seen.plan.setup_rounds
        if setup not in tables:
            return {}
        counts = tables[setup].table[seen.plan.codec.position(RATERS)][:, 0]
        rows = marker_rows(counts, seen.plan.settings.min_raters)
        return {
            row: moved_rows(seen, tables, setup + FIRST + APART * k + 1, rows.tolist())
            for k, row in enumerate(rows.tolist())
        }

    def judge(self, seen: Observables, found: Claims, truth: Truth, *, setting: str = "") -> Row:
        """Count what is right of a rater of each row; of which one, if several, by lot."""
        right, claimed, rated = [], [], []
        others = np.setdiff1d(np.arange(len(truth.values)), seen.adversary.participants)
        for row, items in found.items():
            has_rated = ~np.isnan(truth.values[others])
            raters = has_rated[has_rated[:, row]]
            right.append(float(raters[:, items].sum() / max(1, len(raters))))
            claimed.append(len(items))
            rated.append(float(raters.sum() / max(1, len(raters))))
        all_items = max(1, len(found)) * truth.values.shape[1]
        return Row.of(
            seen.attacked,
            self.aim,
            ratio_over_participants(right, claimed),
            chance=sum(rated) / all_items,
            n=sum(claimed),
            setting=setting,
            note=f"{sum(right):.0f} of {sum(rated):.0f} items of raters of {len(found)} rows",
        )
