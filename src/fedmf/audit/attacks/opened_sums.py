"""What opened sums give away: rows of the table to which a single participant contributed.

Whoever opens the table sees what a round added to every row. Where one participant alone rated an
item, that is this participant's contribution, as good as its upload. Two such participants are told
apart by the direction of what they add, e u. With `sgd` it even says who it was, as long as users
start from the public seed; then e, and so the rating, follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from fedmf.audit.attacks.sequential_step import Steps, follow, units
from fedmf.audit.opening import opened_tables
from fedmf.audit.row import Row, share
from fedmf.model.bayes import ITEMS
from fedmf.model.sgd import Sgd
from fedmf.protocol import ClosingMessage

if TYPE_CHECKING:
    from fedmf.audit.observables import Observables
    from fedmf.audit.truth import Truth
    from fedmf.model import FloatArray, PublicModel
    from fedmf.protocol import Int64Array

NAME = "rows of opened sums"
Claims = Mapping[int, tuple[int, float]]
"""Item -> the participant that is said to have rated it, and the rating."""


def attempt(seen: Observables) -> Claims:
    """Return a claim for every row that the first round of learning changed.

    The adversary takes the contributions of its own participants out first.
    """
    method, first = seen.plan.method, seen.plan.setup_rounds
    tables = opened_tables(seen)
    if not isinstance(method, Sgd) or first not in tables or first + 1 not in tables:
        return {}
    before, after = tables[first], tables[first + 1]
    place = seen.plan.codec.position(ITEMS)
    change = after.table[place] - before.table[place]
    suspects = []
    for participant in included_in(seen, first + 1):
        if participant in seen.ratings:
            change = change - own_change(seen, participant, before.model, change)
        else:
            suspects.append(participant)
    moves = real_moves(seen, change)
    steps = Steps(method.learning_rate, method.reg)
    claims: dict[int, tuple[int, float]] = {}
    if not suspects:
        return claims
    starts = np.concatenate([method.start_user_factors(seen.plan.members[one]) for one in suspects])
    items = np.flatnonzero(change.any(axis=1))
    vectors = before.model.item_factors[items]
    ys = steps.directions(moves[items], vectors)
    # Rows of one rater point along its u, which leaves the start slowly; others point anywhere.
    fits = np.abs(units(ys) @ units(starts).T)
    likeliest = fits.argmax(axis=1)
    for place_of_suspect, participant in enumerate(suspects):
        own = np.flatnonzero(likeliest == place_of_suspect)
        if len(own):
            walk = follow(starts[place_of_suspect], ys[own], vectors[own], steps)
            ratings = np.clip(walk.ratings, method.scale.lowest, method.scale.highest)
            for item, rating in zip(items[own].tolist(), ratings.tolist(), strict=True):
                claims[item] = (participant, rating)
    return claims


def judge(seen: Observables, claims: Claims, truth: Truth, *, setting: str = "") -> Row:
    """Count the ratings of the round that are claimed of the right participant, and right."""
    first = seen.plan.setup_rounds + 1
    suspects = [one for one in included_in(seen, first) if one not in seen.ratings]
    rated = ~np.isnan(truth.values[suspects])
    hits = sum(
        abs(truth.values[participant, item] - rating) < truth.step / 2
        for item, (participant, rating) in claims.items()
    )
    found = share(int(hits), int(rated.sum()))
    # Whoever names a participant by lot for every rated item, and the commonest rating.
    raters = rated.sum(axis=0)
    lucky = float(np.sum(raters[raters > 0] / len(suspects))) * truth.share_of_commonest(suspects)
    session = seen.plan.session
    return Row(
        session.protection,
        session.upload,
        seen.plan.method.name,
        seen.name,
        NAME,
        f"the ratings of the {len(suspects)} others in a round",
        "share of ratings recovered with the rater's name",
        found.value,
        found.low,
        found.high,
        lucky / max(1, int(rated.sum())),
        found.n,
        setting,
        f"{int(np.sum(raters == 1))} of {int(np.sum(raters > 0))} items have a single rater there",
    )


def included_in(seen: Observables, number: int) -> tuple[int, ...]:
    """Return whose uploads the closing of a round lists."""
    for entry in seen.entries:
        if entry.kind == "closing" and entry.data is not None:
            closing = ClosingMessage.from_bytes(entry.data, seen.plan.session)
            if closing.round == number:
                return closing.included
    return ()


def own_change(
    seen: Observables, participant: int, public: PublicModel, like: Int64Array
) -> Int64Array:
    """Return what one of the adversary's own participants added to the items, if it was new."""
    method, ratings = seen.plan.method, seen.ratings[participant]
    start = method.start_user_factors(ratings.users)
    step = method.participant_step(public, ratings, start, None)
    encoded = seen.plan.codec.encode_contribution(step.contribution, len(ratings.users))
    part = encoded[seen.plan.codec.position(ITEMS)]
    own = np.zeros_like(like)
    # Rows with too few raters stayed at home.
    kept = like[part.rows].any(axis=1)
    own[part.rows[kept]] = part.values[kept]
    return own


def real_moves(seen: Observables, change: Int64Array) -> FloatArray:
    """Return a change of the items as the real numbers that it stands for."""
    group = next(one for one in seen.plan.method.row_groups() if one.name == ITEMS)
    moves: FloatArray = np.ldexp(change.astype(np.float64), -group.fraction_bits)
    return moves
