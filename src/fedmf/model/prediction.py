"""What a model says to a person: predictions, recommendations, and how sure it is of them."""

from __future__ import annotations

from dataclasses import dataclass

from fedmf.ratings import Id

CONFIDENCE = 0.9
"""Probability of the intervals unless another one is asked for."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One recommended item."""

    item: Id
    title: str
    """Its original id, and its title."""
    score: float
    """Its predicted rating, or its score with methods that only rank."""
    low: float | None = None
    high: float | None = None
    """Ends of the interval that holds the user's rating with a probability of 0.9; None with
    methods that do not know how sure they are."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A prediction, and how sure it is."""

    value: float
    """The predicted rating, or the score with methods that only rank."""
    low: float | None
    high: float | None
    """Ends of the interval that holds the rating with a probability of `confidence`; None with
    methods that do not know how sure they are."""
    confidence: float
    """Strictly between 0 and 1."""
