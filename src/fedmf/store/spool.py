"""The words of a round's uploads in a file without a name, in case that one has to come out."""

from __future__ import annotations

import tempfile
import weakref


class FileSpool:
    """Keeps words on disk, so that the server's memory does not grow with the participants."""

    def __init__(self) -> None:
        # It lives as long as the server and vanishes with it, also when the process is killed.
        self._file = tempfile.TemporaryFile(prefix="fedmf-spool-")  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._places: dict[int, tuple[int, int]] = {}
        self._end = 0

    def keep(self, participant: int, words: bytes) -> None:
        """Keep a participant's words."""
        self._file.seek(self._end)
        self._file.write(words)
        self._places[participant] = (self._end, len(words))
        self._end += len(words)

    def take(self, participant: int) -> bytes:
        """Return a participant's words."""
        start, length = self._places[participant]
        self._file.seek(start)
        return self._file.read(length)

    def clear(self) -> None:
        """Forget all of them: a round begins."""
        self._places.clear()
        self._end = 0
