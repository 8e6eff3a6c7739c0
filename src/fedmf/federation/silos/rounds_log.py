"""What the coordinator writes down of each round, a line of JSON each."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RoundEntry:
    """A round as the coordinator saw it; it sees neither model nor errors of predictions."""

    round: int
    """Its number in the session; void rounds and the set-up have numbers, too."""
    void: bool
    """Whether it ended without anybody's upload."""
    included: tuple[int, ...]
    dropped: tuple[int, ...]
    """Silos of the cohort whose uploads count, and the others."""
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

    def as_json_line(self) -> str:
        """Return the entry as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)


class RoundsLog:
    """An append-only file of entries, cut back to what a checkpoint knows of.

    Parameters
    ----------
    path
        The file.
    size
        Its size at the checkpoint; what is behind that is of rounds that never counted.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        with path.open("ab") as file:
            file.truncate(min(size, file.tell()))

    def append(self, entry: RoundEntry) -> int:
        """Append an entry; return the size of the file then."""
        with self._path.open("ab") as file:
            file.write(entry.as_json_line().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
            return file.tell()
