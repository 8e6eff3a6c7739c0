"""What opened sums give away: rows of the table to which a single participant contributed.

Anyone who opens the table sees what a round added to every row. Where only one participant rated
an item, that is this participant's contribution, as good as its upload. Two such participants are
told apart by the direction of what they add, e u. With `sgd` it even says who it was, as long as
users start from the public seed; then e, and so the rating, follow. With `bayes` see
`fedmf.audit.attacks.single_rater_rows`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fedmf.audit.attacks.attack import Attack
from fedmf.audit.attacks.sgd_step import Trace, units
from fedmf.audit.opening import OpenedTable, closings, opened_tables, real_moves
from fedmf.audit.row import Aim, Row, share
from fedmf.model.bayes_table import ITEMS
from fedmf.model.sgd import Sgd

if TYPE_CHECKING:
    from fedmf.audit.observables import Observables
    from fedmf.audit.truth import Truth
    from fedmf.protocol import Int64Array

NAME = "rows of opened sums"
Claims = Mapping[int, tuple[int, float]]
"""Item -> who is said to have rated it, and the rating. Who is a participant, or with `bayes` the
number of a group of rows that one person is said to have rated."""


class RowsOfSums(Attack[Claims]):
    """Claims every row that the first round of learning changed."""

    aim = Aim(
        NAME,
        "the ratings of the others in a round",
        "share of ratings recovered with the rater's name",
    )

    def attempt(self, seen: Observables, victims: Sequence[int]) -> Claims:
        """Return claims of participants who do not work with the adversary."""
        method, first = seen.plan.method, seen.plan.setup_rounds
        tables = opened_tables(seen)
        suspects = [one for one in included_in(seen, first + 1) if one in victims]
        claims: dict[int, tuple[int, float]] = {}
        if not isinstance(method, Sgd) or not {first, first + 1} <= tables.keys() or not suspects:
            return claims
        change = change_of_others(seen, tables, first + 1)[seen.plan.codec.position(ITEMS)]
        items = np.flatnonzero(change.any(axis=1))
        starts = np.concatenate(
            [method.start_user_factors(seen.plan.members[one]) for one in suspects]
        )
        vectors = tables[first].model.item_factors[items]
        moves = real_moves(seen, change)[items]
        # Rows of one rater point along its u, which leaves the start slowly; others point anywhere.
        likeliest = np.abs(units(Trace.of(method, moves, vectors).ys) @ units(starts).T).argmax(
            axis=1
        )
        for place, participant in enumerate(suspects):
            own = np.flatnonzero(likeliest == place)
            if len(own):
                walk = Trace.of(method, moves[own], vectors[own]).follow(starts[place])
                ratings = np.clip(walk.ratings, method.scale.lowest, method.scale.highest)
                for item, rating in zip(items[own].tolist(), ratings.tolist(), strict=True):
                    claims[item] = (participant, rating)
        return claims

    def judge(self, seen: Observables, found: Claims, truth: Truth, *, setting: str = "") -> Row:
        """Count the ratings of the round that are claimed of the right participant, and right."""
        first = seen.plan.setup_rounds + 1
        suspects = [one for one in included_in(seen, first) if one not in seen.ratings]
        rated = ~np.isnan(truth.values[suspects])
        hits = sum(
            abs(truth.values[participant, item] - rating) < truth.step / 2
            for item, (participant, rating) in found.items()
        )
        # A guess: a participant by lot for every rated item, and the commonest rating.
        raters = rated.sum(axis=0)
        by_lot = float(np.sum(raters[raters > 0] / len(suspects)))
        lucky = by_lot * truth.share_of_commonest(suspects)
        alone, all_items = int(np.sum(raters == 1)), int(np.sum(raters > 0))
        return Row.of(
            seen.attacked,
            self.aim._replace(target=f"the ratings of the {len(suspects)} others in a round"),
            share(int(hits), int(rated.sum())),
            chance=lucky / max(1, int(rated.sum())),
            setting=setting,
            note=f"{alone} of {all_items} items have a single rater there",
        )


def included_in(seen: Observables, number: int) -> tuple[int, ...]:
    """Return whose uploads the closing of a round lists."""
    return next((one.included for one in closings(seen) if one.round == number), ())


def change_of_others(
    seen: Observables, tables: Mapping[int, OpenedTable], number: int
) -> list[Int64Array]:
    """Return what a round added to the table, less what the adversary's participants did to items.

    These are taken to be new in the round.
    """
    before, groups = tables[number - 1], seen.plan.method.row_groups()
    change = list(map(np.subtract, tables[number].table, before.table))
    method = seen.plan.method
    for participant in included_in(seen, number):
        if participant in seen.ratings:
            ratings = seen.ratings[participant]
            start = method.start_user_factors(ratings.users)
            step = method.participant_step(before.model, ratings, start, None)
            own = seen.plan.codec.encode_contribution(step.contribution, len(ratings.users))
            for group, part, total in zip(groups, own, change, strict=False):
                if group.of_items:
                    # Rows with too few raters stayed at home.
                    kept = total[part.rows].any(axis=1)
                    total[part.rows[kept]] -= part.values[kept]
    return change
