"""What the coordinator writes down of each round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RoundEntry:
    """A round as the coordinator saw it; it sees neither model nor errors of predictions."""

    round: int
    """Its number in the session; void rounds and the set-up round also have numbers."""
    void: bool
    """Whether it ended without anybody's upload."""
    included: tuple[int, ...]
    dropped: tuple[int, ...]
    """Silos of the cohort whose uploads count, and the others."""
    frozen: tuple[int, ...]
    """Silos whose contribution stays as it is: they were away for too long, and come back with
    others only."""
    waiting: tuple[int, ...]
    """Silos whose uploads were left out, because too few came of their lot."""
    seconds: float
    """Wall time until it was safely kept."""
    exchanges: int
    """How many times messages went out and came back."""
    bytes_sent: int
    bytes_received: int
    """All of them together."""
    errors: Mapping[int, str]
    """What silos said that they did not do, by silo."""
    refusals: Mapping[int, str]
    """What members of the committee gave as reasons, by member."""
    complaints: Mapping[int, tuple[int, ...]]
    """Whose uploads a member found unanswerable, by member."""

    def as_json(self) -> dict[str, Any]:
        """Return the entry as JSON values."""
        return asdict(self)
