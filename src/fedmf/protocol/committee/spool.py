"""Where the server keeps the words of a round's uploads, in case that one has to come out again."""

from __future__ import annotations

from typing import Protocol


class Spool(Protocol):
    """Words by participant, of one round. Nothing in it is secret."""

    def keep(self, participant: int, words: bytes) -> None:
        """Keep a participant's words."""
        ...

    def take(self, participant: int) -> bytes:
        """Return a participant's words."""
        ...

    def clear(self) -> None:
        """Forget all of them: a round begins."""
        ...


class MemorySpool:
    """Keeps words in memory: for tests and small tables."""

    def __init__(self) -> None:
        self._words: dict[int, bytes] = {}

    def keep(self, participant: int, words: bytes) -> None:
        """Keep a participant's words."""
        self._words[participant] = words

    def take(self, participant: int) -> bytes:
        """Return a participant's words."""
        return self._words[participant]

    def clear(self) -> None:
        """Forget all of them."""
        self._words.clear()
