"""Who joins or leaves alone: the difference of two opened tables under method `bayes`.

All others' counts and totals stay as they were, so that the difference of these rows is the
joiner's own (the leaver's, with its sign turned): *which* items it rated and the sum of its
ratings, exactly. The others' contributions to the items move with the model, less and less the
further the training has come; what is left of the difference is the joiner's contribution, and
one contribution is enough (`fedmf.audit.attacks.bayes_step`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fedmf.audit.attacks.bayes_step import ratings_of_bayes
from fedmf.audit.attacks.ratings_from_uploads import Estimates
from fedmf.audit.attacks.ratings_from_uploads import judge as judge_ratings
from fedmf.audit.opening import opened_tables
from fedmf.model import RATERS
from fedmf.model.bayes import ITEMS, TOTALS, Bayes
from fedmf.protocol import ClosingMessage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fedmf.audit.observables import Observables
    from fedmf.audit.row import Row
    from fedmf.audit.truth import Truth

JOINS, LEAVES = "who joins alone", "who leaves alone"


def attempt(seen: Observables, victims: Iterable[int], *, leaving: bool) -> Estimates:
    """Return estimated ratings of each victim, shape (items,), NaN where there is no claim.

    Parameters
    ----------
    victims
        Participants whose first upload is looked for in the closings, or, if they are `leaving`,
        whose last.
    """
    method, codec = seen.plan.method, seen.plan.codec
    rows = seen.plan.session.shape.groups[codec.position(ITEMS)].rows
    found = {victim: np.full(rows, np.nan) for victim in victims}
    tables, rounds = opened_tables(seen), _included_by_round(seen)
    if not isinstance(method, Bayes):
        return found
    for victim, estimates in found.items():
        own = [number for number, included in enumerate(rounds, 1) if victim in included]
        if not own:
            continue
        number = own[-1] if leaving else own[0]
        # A contribution that is taken back was made with the model of the round before.
        made_with = number - 2 if leaving else number - 1
        if (
            number not in tables
            or made_with not in tables
            or _company(rounds, number, leaving=leaving)
        ):
            continue
        after, before = (codec.decode_table(tables[n].table) for n in (number, number - 1))
        sign = -1.0 if leaving else 1.0
        change = {name: sign * (after[name] - before[name]) for name in (ITEMS, RATERS, TOTALS)}
        rated = np.flatnonzero(change[RATERS][:, 0] > 0)
        if len(rated):
            estimates[rated] = ratings_of_bayes(
                method,
                tables[made_with].model,
                rated,
                change[ITEMS][rated],
                change[TOTALS][0],
            )
    return found


def judge(
    seen: Observables, estimates: Estimates, truth: Truth, *, leaving: bool, setting: str = ""
) -> Row:
    """Count the victims' ratings that came out."""
    row = judge_ratings(seen, estimates, truth, setting=setting)
    return replace(
        row,
        attack=LEAVES if leaving else JOINS,
        target="the ratings of participants who come or go",
    )


def _company(rounds: list[tuple[int, ...]], number: int, *, leaving: bool) -> bool:
    """Return whether others came, or went, in the same round."""
    elsewhere = rounds[number:] if leaving else rounds[: number - 1]
    there = {one for included in elsewhere for one in included}
    return len(set(rounds[number - 1]) - there) > 1


def _included_by_round(seen: Observables) -> list[tuple[int, ...]]:
    closings = [
        ClosingMessage.from_bytes(entry.data, seen.plan.session)
        for entry in seen.entries
        if entry.kind == "closing" and entry.data is not None
    ]
    return [one.included for one in closings if one.counts(seen.plan.session)]
