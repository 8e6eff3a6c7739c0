from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fedmf.errors import ProtocolError
from fedmf.federation import TableReader, TrainingPlan, TrainingSettings
from fedmf.federation.participant_states import read_public_model, write_public_model
from fedmf.model import RATERS, FloatTable, PublicModel
from fedmf.model.sgd import Sgd
from fedmf.protocol import IntegerTable
from fedmf.ratings import load_ratings


class Listening(Sgd):
    """Keeps what it was asked to decode."""

    __slots__ = ()
    heard: list[tuple[FloatTable, PublicModel | None]] = []  # noqa: RUF012 - one test, one list

    def decode(
        self,
        table: FloatTable,
        previous: PublicModel | None,
        renewed: NDArray[np.int64] | None = None,
    ) -> PublicModel:
        del renewed
        self.heard.append((table, previous))
        return PublicModel(table["items"])


@pytest.fixture
def plan() -> TrainingPlan:
    settings = TrainingSettings(protection="none", method="sgd", factors=2, rounds=3, min_raters=3)
    ratings = load_ratings("movielens-small").take(users=9, items=6)
    return TrainingPlan.make(settings, ratings, public_key=None)


def table(plan: TrainingPlan, counts: list[int]) -> IntegerTable:
    parts = list(plan.start_table())
    parts[plan.codec.position(RATERS)] = np.array(counts)[:, np.newaxis]
    return parts


def test_counts_below_the_least_are_zero_for_everybody(plan: TrainingPlan) -> None:
    reading = TableReader(plan).read(1, table(plan, [0, 1, 2, 3, 4, 9]))
    assert reading.raters is not None
    assert reading.raters.tolist() == [0, 0, 0, 3, 4, 9]


def raters(reader: TableReader, number: int, opened: IntegerTable) -> list[int]:
    found = reader.read(number, opened).raters
    assert found is not None
    return [int(count) for count in found]


def test_rows_that_leave_participants_are_fixed_after_three_rounds_and_only_shrink(
    plan: TrainingPlan, tmp_path: Path
) -> None:
    """Who comes later cannot open the row of a single other; without the rule its row is at 3."""
    assert plan.setup_rounds == 1
    reader = TableReader(plan)
    assert raters(reader, 1, plan.start_table()) == [0] * 6
    assert raters(reader, 2, table(plan, [0, 1, 2, 3, 4, 9])) == [0, 0, 0, 3, 4, 9]
    # Who missed the set-up still counts.
    assert raters(reader, 3, table(plan, [0, 1, 3, 2, 4, 9])) == [0, 0, 3, 0, 4, 9]
    assert raters(reader, 4, table(plan, [0, 1, 3, 3, 4, 9])) == [0, 0, 3, 3, 4, 9]
    assert raters(reader, 5, table(plan, [0, 1, 3, 3, 4, 9])) == [0, 0, 3, 3, 4, 9]
    assert raters(reader, 6, table(plan, [3, 3, 3, 2, 4, 8])) == [0, 0, 3, 0, 4, 8]
    assert raters(reader, 7, table(plan, [3, 3, 3, 3, 3, 8])) == [0, 0, 3, 0, 3, 8]
    # After a restart, too, which reads the last table again.
    assert reader.previous is not None
    write_public_model(tmp_path, reader.previous)
    restored = TableReader(plan)
    restored.restore(read_public_model(tmp_path), 6)
    assert raters(restored, 7, table(plan, [3, 3, 3, 3, 3, 8])) == [0, 0, 3, 0, 3, 8]
    assert raters(restored, 8, table(plan, [9, 9, 9, 9, 9, 9])) == [0, 0, 9, 0, 9, 9]


def test_tables_are_read_in_turn(plan: TrainingPlan) -> None:
    reader = TableReader(plan)
    with pytest.raises(ProtocolError, match="round 2 after that of round 0"):
        reader.read(2, plan.start_table())
    reader.read(1, plan.start_table())
    with pytest.raises(ProtocolError, match="round 3 after that of round 1"):
        reader.read(3, plan.start_table())
    reader.read(2, plan.start_table())
    with pytest.raises(ProtocolError, match="round 1 after that of round 2"):
        reader.read(1, plan.start_table())


def test_a_table_is_read_in_the_light_of_the_one_before(plan: TrainingPlan) -> None:
    settings = {**plan.method.settings(), "scale": plan.method.scale}
    del settings["name"]
    object.__setattr__(plan, "method", Listening(**settings))  # type: ignore[arg-type]
    Listening.heard.clear()
    reader = TableReader(plan)
    start, second = plan.start_table(), plan.start_table()
    first = reader.read(1, start)
    first_model = first.model
    assert reader.read(1, start).model is first_model
    second_model = reader.read(2, second).model
    # Opened anew, it is read anew, in the same light.
    again = reader.read(2, plan.start_table()).model
    np.testing.assert_array_equal(again.item_factors, second_model.item_factors)
    restored = TableReader(plan)
    restored.restore(first, 1)
    restored.read(2, second)
    assert [previous for _, previous in Listening.heard] == [
        None,
        first_model,
        first_model,
        first_model,
    ]
