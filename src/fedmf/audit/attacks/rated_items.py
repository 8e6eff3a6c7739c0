"""Which items a participant rated: from what an upload names, holds, or merely looks like.

The attack ranks all items for each participant. R-precision is the share of the participant's n
rated items among the n that stand first; a blind ranking reaches n / items on average.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fedmf.audit.attacks.attack import Attack
from fedmf.audit.opening import bytes_by_item, opened, uploads
from fedmf.audit.row import CONFIDENCE, Aim, Row, Z
from fedmf.evaluation import Interval
from fedmf.model.bayes_table import ITEMS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedmf.audit.observables import Observables
    from fedmf.audit.truth import Truth
    from fedmf.model import FloatArray

POPULARITY = "popularity alone"
Rankings = Mapping[int, "FloatArray"]
"""Participant -> a score for every item, shape (items,); the highest are taken to be rated."""


class RatedItems(Attack[Rankings]):
    """Ranks items by the uploads of the rounds that learn."""

    aim = Aim("rated items", "which items each participant rated", "R-precision")

    def attempt(self, seen: Observables, victims: Sequence[int]) -> Rankings:
        """Return scores of all items."""
        items = seen.plan.codec.position(ITEMS)
        rows = seen.plan.session.shape.groups[items].rows
        scores = {victim: np.zeros(rows) for victim in victims}
        for upload in uploads(seen):
            if upload.round <= seen.plan.setup_rounds or upload.participant not in scores:
                continue
            score = scores[upload.participant]
            found = opened(seen, upload)
            if found is not None:
                score += found.change[items].any(axis=1)
            elif upload.rows is not None:
                score[upload.rows[items]] += 1.0
            else:
                score += looks(bytes_by_item(seen, upload))
        return scores

    def judge(self, seen: Observables, found: Rankings, truth: Truth, *, setting: str = "") -> Row:
        """Measure R-precision over the participants; popularity alone stands beside it.

        The interval is as wide as blind rankings scatter, which is known exactly: the number of
        hits of each participant is hypergeometric.
        """
        figures, chances, variances = _precisions(found, truth)
        popular, _, _ = _precisions(popularity(truth, found), truth)
        mean, half = float(figures.mean()), Z * float(np.sqrt(variances.sum())) / len(figures)
        return Row.of(
            seen.attacked,
            self.aim,
            Interval(max(0.0, mean - half), mean, min(1.0, mean + half), CONFIDENCE, len(figures)),
            chance=float(chances.mean()),
            setting=setting,
            note=f"{POPULARITY} reaches {popular.mean():.3f}",
        )


def popularity(truth: Truth, victims: Iterable[int]) -> Rankings:
    """Return the ranking of everybody by how many of the others rated an item.

    No attack, but what a guess reaches without any upload: counts of raters are opened anyway.
    """
    rated = ~np.isnan(truth.values)
    everybody = rated.sum(axis=0).astype(np.float64)
    return {victim: everybody - rated[victim] for victim in victims}


def _precisions(rankings: Rankings, truth: Truth) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return R-precision, chance and its variance of every participant; ties broken by lot."""
    rng = np.random.default_rng(0)
    found = []
    for victim, scores in rankings.items():
        rated = ~np.isnan(truth.values[victim])
        count, items = int(rated.sum()), len(scores)
        if count:
            first = np.lexsort((rng.random(items), -scores))[:count]
            chance = count / items
            variance = chance * (1 - chance) * (items - count) / (max(1, items - 1) * count)
            found.append((float(rated[first].mean()), chance, variance))
    figures, chances, variances = np.array(found).T
    return figures, chances, variances


def looks(by_item: NDArray[np.uint8]) -> FloatArray:
    """Return how many different bytes stand where each item's values are.

    An item that nobody rated is a row of zeros. Wherever a protection let that through, its bytes
    would be fewer kinds than those of a full row.

    Parameters
    ----------
    by_item
        The same number of bytes for each item, shape (items, bytes): else the longer ones would
        look alike.
    """
    return np.array([len(np.unique(row)) for row in by_item], dtype=np.float64)
