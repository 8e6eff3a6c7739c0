"""Which items a participant rated: from what an upload names, holds, or merely looks like.

The attack ranks all items for each participant. R-precision is the share of the participant's n
rated items among the n that stand first; a blind ranking reaches n / items on average.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from fedmf.audit.opening import opened, uploads, without_known_seeds
from fedmf.audit.row import Row, mean_over_participants
from fedmf.model.bayes import ITEMS

if TYPE_CHECKING:
    from fedmf.audit.observables import Observables
    from fedmf.audit.truth import Truth
    from fedmf.model import FloatArray

NAME = "rated items"
POPULARITY = "popularity alone"
Rankings = Mapping[int, "FloatArray"]
"""Participant -> a score for every item, shape (items,); the highest are taken to be rated."""


def attempt(seen: Observables, victims: Iterable[int]) -> Rankings:
    """Return scores from the uploads of the rounds that learn."""
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
            score += _looks(without_known_seeds(seen, upload), seen)
    return scores


def popularity(truth: Truth, victims: Iterable[int]) -> Rankings:
    """Return the ranking of everybody by how many of the others rated an item.

    No attack, but what a guess reaches without any upload: counts of raters are opened anyway.
    """
    rated = ~np.isnan(truth.values)
    everybody = rated.sum(axis=0).astype(np.float64)
    return {victim: everybody - rated[victim] for victim in victims}


def judge(seen: Observables, rankings: Rankings, truth: Truth) -> Row:
    """Measure R-precision over the participants; popularity alone stands beside it."""
    figures, chances = _precisions(rankings, truth)
    popular, _ = _precisions(popularity(truth, rankings), truth)
    # What is uncertain is how far a participant's figure lies above its own chance.
    above = mean_over_participants(figures - chances)
    chance = float(chances.mean()) if len(chances) else 0.0
    session = seen.plan.session
    return Row(
        session.protection,
        session.upload,
        seen.plan.method.name,
        seen.name,
        NAME,
        "which items each participant rated",
        "R-precision",
        min(1.0, above.value + chance),
        above.low + chance,
        above.high + chance,
        chance,
        len(figures),
        note=f"popularity alone reaches {popular.mean():.3f}" if len(popular) else "",
    )


def _precisions(rankings: Rankings, truth: Truth) -> tuple[FloatArray, FloatArray]:
    """Return each participant's R-precision, ties broken by lot, and its chance level."""
    rng = np.random.default_rng(0)
    figures, chances = [], []
    for victim, scores in rankings.items():
        rated = ~np.isnan(truth.values[victim])
        count = int(rated.sum())
        if count:
            first = np.lexsort((rng.random(len(scores)), -scores))[:count]
            figures.append(float(rated[first].mean()))
            chances.append(count / len(scores))
    return np.array(figures), np.array(chances)


def _looks(words: bytes, seen: Observables) -> FloatArray:
    """Return how unevenly the bytes lie that stand where an item's values are.

    An item that nobody rated is a row of zeros; wherever a protection let that through, its bytes
    would be fewer kinds than those of a full row.
    """
    shape = seen.plan.session.shape
    values = shape.groups[0].values
    share = values / shape.values
    data = np.frombuffer(words, dtype=np.uint8)[: int(len(words) * share)]
    cut = np.array_split(data, shape.groups[0].rows)
    return np.array([len(np.unique(part)) / max(1, len(part)) for part in cut])
