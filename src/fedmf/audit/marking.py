"""The role of participants that poison rows: see `fedmf.audit.attacks.marker_rows`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedmf.audit.attacks.marker_rows import APART, FIRST, POISON, marker_rows
from fedmf.federation import Participant
from fedmf.model import PrivateStep, PublicModel, RowValues
from fedmf.model.bayes_table import ITEMS

if TYPE_CHECKING:
    from fedmf.protocol import Int64Array


class Marking(Participant):
    """Takes part without ratings of its own; from some round on it poisons rows."""

    def _own_raters(self) -> tuple[Int64Array, Int64Array]:
        items = np.arange(self._plan.items)
        return items, np.ones_like(items)

    def _step(self, round_number: int, public: PublicModel) -> PrivateStep:
        step = super()._step(round_number, public)
        if round_number <= self._plan.setup_rounds:
            return step
        counts = public.statistics["raters"].astype(np.int64)
        marked = (round_number - self._plan.setup_rounds - FIRST) // APART + 1
        rows = marker_rows(counts, self._plan.settings.min_raters)[: max(0, marked)]
        values = np.zeros((len(rows), self._plan.method.row_groups()[0].columns))
        values[:, -1] = POISON if self._role.number == 0 else 0.0
        return PrivateStep(step.user_factors, {ITEMS: RowValues(np.sort(rows), values)})
