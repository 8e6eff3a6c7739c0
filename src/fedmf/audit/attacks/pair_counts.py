"""Which items somebody met, from counts of pairs and a few of these items that are known.

With method `gram` anyone who opens the table sees how many users met each pair of items. Who knows
that a person met a, b and c looks for items j whose pairs with all three are counted: an item whose
pair with one of them nobody met is none of this person's. The others are ranked by the product of
their cosines with a, b and c, which did better than probabilities that take these for independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fedmf.audit.attacks.rated_items import Rankings, RatedItems
from fedmf.audit.opening import opened_tables
from fedmf.audit.row import Aim, Row
from fedmf.audit.truth import Truth
from fedmf.model.gram import PAIRS
from fedmf.model.symmetric_matrices import from_upper

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedmf.audit.observables import Observables
    from fedmf.model import FloatArray

KNOWN = 3
IMPOSSIBLE = -1e9


class PairCounts(RatedItems):
    """Ranks items by their counts with items that each victim is known to have met.

    Parameters
    ----------
    known
        Participant -> codes of these items: what the adversary knows from somewhere else.
    """

    aim = Aim("pair counts", "which other items each participant rated", "R-precision")

    def __init__(self, known: Mapping[int, Sequence[int]]) -> None:
        self._known = known

    def attempt(self, seen: Observables, victims: Sequence[int]) -> Rankings:
        """Return scores of all items; without a table that opens, none is above another."""
        tables = opened_tables(seen)
        items = seen.plan.items
        if not tables:
            return {victim: np.zeros(items) for victim in victims}
        last = tables[max(tables)]
        ranked = last.model.statistics["ranked"].astype(np.int64)
        counts = last.table[seen.plan.codec.position(PAIRS)][:, 0].astype(np.float64)
        size = seen.plan.method.vector_length - 1
        pairs = from_upper(counts, size)[: len(ranked), : len(ranked)]
        found = {}
        for victim in victims:
            met = np.flatnonzero(np.isin(ranked, self._known[victim]))
            scores = np.full(items, IMPOSSIBLE)
            scores[ranked] = _alike(pairs, met)
            found[victim] = scores
        return found

    def judge(self, seen: Observables, found: Rankings, truth: Truth, *, setting: str = "") -> Row:
        """Measure as for rated items, among the items that were not known before."""
        unknown = truth.values.copy()
        rankings = {victim: scores.copy() for victim, scores in found.items()}
        for victim, scores in rankings.items():
            unknown[victim, self._known[victim]] = np.nan
            scores[self._known[victim]] = -np.inf
        return super().judge(seen, rankings, Truth(unknown), setting=setting)


def _alike(pairs: FloatArray, met: NDArray[np.intp]) -> FloatArray:
    """Return sum over the known a of log(G_aj / sqrt(G_jj)) for each item j."""
    lengths = np.sqrt(np.maximum(np.diag(pairs), 1.0))
    together = pairs[met]
    # A pair that nobody met rules an item out, whatever the others say.
    logs = np.where(together > 0, np.log(np.maximum(together, 1.0) / lengths), IMPOSSIBLE)
    alike: FloatArray = logs.sum(axis=0)
    return alike
