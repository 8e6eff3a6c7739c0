"""One digest for all messages of a round, which anybody with the transcript can compute again."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fedmf.errors import RunDirectoryError


@dataclass(slots=True)
class RoundOfTranscript:
    """The messages of a round."""

    round: int
    """Number in the session: a set-up round and void rounds count."""
    kinds: Counter[str] = field(default_factory=Counter)
    """How many messages of each kind."""
    size: int = 0
    """Bytes of all of them."""
    digest: Any = field(default_factory=hashlib.sha256, repr=False)
    """SHA-256 of the round's lines in the file, line ends included."""


def read_transcript(path: Path, at_most: int | None = None) -> tuple[RoundOfTranscript, ...]:
    """Return the rounds of a ``transcript.jsonl``, ascending; none if there is no such file.

    Parameters
    ----------
    path
        The file.
    at_most
        Read so many bytes, which end with a line; None: all.

    Raises
    ------
    RunDirectoryError
        A line is none of a transcript.
    """
    if not path.exists():
        return ()
    rounds: dict[int, RoundOfTranscript] = {}
    left = path.stat().st_size if at_most is None else at_most
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            left -= len(line)
            if left < 0:
                break
            try:
                entry = json.loads(line)
                one = rounds.setdefault(entry["round"], RoundOfTranscript(int(entry["round"])))
                one.kinds[str(entry["kind"])] += 1
                one.size += int(entry["bytes"])
            except (ValueError, KeyError, TypeError) as error:
                raise RunDirectoryError(
                    f"{path} is damaged: line {number} is none of a transcript; restore the file "
                    "from a copy"
                ) from error
            one.digest.update(line)
    return tuple(rounds[number] for number in sorted(rounds))
