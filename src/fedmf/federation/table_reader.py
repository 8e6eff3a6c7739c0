"""Reading opened tables, one after the other: public model, counts of raters, summed errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fedmf.errors import ProtocolError
from fedmf.federation.measurement import ERRORS, Fit
from fedmf.federation.plan import TrainingPlan
from fedmf.federation.ranking import Ranking
from fedmf.model import RATERS, PublicModel
from fedmf.protocol import Int64Array, IntegerTable

TURNS_FOR_ROWS = 3
"""For so many turns after the set-up those who missed it may still bring items enough raters."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Reading:
    """What the table of a round says, to everybody alike."""

    model: PublicModel
    """The public model."""
    raters: Int64Array | None
    """How many users rated each item, shape (items,), and 0 where they are, or have been in any
    round after the first `TURNS_FOR_ROWS`, fewer than `TrainingSettings.min_raters`; None in
    trainings that do not count."""
    errors: Fit | Ranking | None = None
    """The sum of what participants measured; None in trainings that hold nothing back."""


class TableReader:
    """Reads the tables of one training in turn, since a model may depend on the one before."""

    def __init__(self, plan: TrainingPlan) -> None:
        self._plan = plan
        self._round = 0
        self._table: IntegerTable | None = None
        self._reading: Reading | None = None
        self.previous: Reading | None = None
        """What the table before the last one said, which a checkpoint keeps."""

    def restore(self, previous: Reading, round_number: int) -> None:
        """Go on after the table of a round, of which a checkpoint holds what it said."""
        self.previous, self._round = previous, round_number
        self._table = self._reading = None

    def read(self, round_number: int, table: IntegerTable) -> Reading:
        """Return what the opened table of a round says; the same table is read once.

        Raises
        ------
        ProtocolError
            The table of a round before was never read.
        """
        if self._reading is not None and table is self._table and round_number == self._round:
            return self._reading
        if round_number == self._round + 1:
            if self._reading is not None:
                self.previous = self._reading
        elif round_number != self._round or self._reading is None:
            raise ProtocolError(
                f"the table of round {round_number} after that of round {self._round}: "
                "each is read in the light of the one before"
            )
        self._reading = self._read(table, round_number)
        self._table, self._round = table, round_number
        return self._reading

    def _read(self, table: IntegerTable, round_number: int) -> Reading:
        plan, before = self._plan, self.previous
        is_later = round_number > plan.setup_rounds + 1 + TURNS_FOR_ROWS * plan.rounds_for_all
        values = plan.codec.decode_table(table)
        raters: Int64Array | None = None
        if plan.counts_raters:
            counts = table[plan.codec.position(RATERS)][:, 0]
            enough = counts >= plan.settings.min_raters
            if before is not None and before.raters is not None and is_later:
                # A row that few raters kept at home stays there: whoever comes could choose which
                # few others it shows.
                enough &= before.raters > 0
            raters = np.where(enough, counts, 0)
            values = {**values, RATERS: raters[:, np.newaxis].astype(np.float64)}
        errors = None
        if plan.summed_errors is not None:
            errors = plan.summed_errors.from_row(values[ERRORS])
        light = None if before is None else before.model
        return Reading(
            plan.method.decode(values, light, self._renewed(round_number)), raters, errors
        )

    def _renewed(self, round_number: int) -> Int64Array | None:
        """Return the items whose rows the round before this one renewed; None: all of them."""
        session = self._plan.session
        if session.slices is None:
            return None
        items = self._plan.codec.position(session.slices.groups[0])
        rows = dict(session.schedule.load(round_number - 1).part.rows)
        return rows.get(items, np.zeros(0, dtype=np.int64))
