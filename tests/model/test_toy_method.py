"""A method that this file makes up: one class is all that a new method takes."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from fedmf.model import (
    METHODS,
    Contribution,
    FloatArray,
    FloatTable,
    Method,
    PrivateStep,
    PublicModel,
    RowGroup,
    RowValues,
)
from fedmf.ratings import OwnedRatings, RatingScale
from tests.contracts.method_contract import MethodContract


@dataclass(frozen=True, slots=True, kw_only=True)
class Biases(Method):
    """A rating is the damped mean of its item, and of its user beyond that."""

    name: ClassVar[str] = "biases"
    predicts_ratings: ClassVar[bool] = True
    needs_raters: ClassVar[bool] = False
    renews_contribution: ClassVar[bool] = True
    damping: float = 5.0

    @property
    def vector_length(self) -> int:
        return 2

    def row_groups(self) -> tuple[RowGroup, ...]:
        return (RowGroup("items", self.items, 2, 8, 2 * self.scale.highest, 0.0, of_items=True),)

    def decode(
        self,
        table: FloatTable,
        previous: PublicModel | None,
        renewed: NDArray[np.int64] | None = None,
    ) -> PublicModel:
        del previous, renewed
        middle = (self.scale.lowest + self.scale.highest) / 2
        total, count = table["items"].T
        biases = (total + self.damping * middle) / (count + self.damping)
        return PublicModel(np.column_stack([np.ones(self.items), biases]))

    def participant_step(
        self,
        public: PublicModel,
        ratings: OwnedRatings,
        user_factors: FloatArray,
        previous: Contribution | None,
    ) -> PrivateStep:
        del previous
        vectors = self.user_factors(public, ratings, user_factors)
        own = np.repeat(vectors[:, 0], np.diff(ratings.starts))
        changes = np.column_stack([ratings.values - own, np.ones(len(ratings))])
        return PrivateStep(vectors, {"items": RowValues.summed_by_item(ratings, changes)})

    def fold_in(
        self, public: PublicModel, items: NDArray[np.int32], values: FloatArray
    ) -> FloatArray:
        left = values - public.item_factors[items, 1]
        return np.array([left.sum() / (len(left) + self.damping), 1.0])


class TestBiases(MethodContract):
    name: ClassVar[str] = "biases"
    quality_range: ClassVar[tuple[float, float]] = (0.80, 0.92)

    @pytest.fixture(autouse=True)
    def registered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(METHODS, "biases", Biases)


def test_a_method_without_its_mathematics_cannot_be_made() -> None:
    class Nothing(Method):
        name: ClassVar[str] = "nothing"

    with pytest.raises(TypeError, match="abstract"):
        Nothing(factors=1, users=1, items=1, scale=RatingScale(1, 5))  # type: ignore[abstract]
