"""The words of a round's uploads in a file, until the round is over."""

from __future__ import annotations

import os
import struct
import tempfile
import weakref
from pathlib import Path
from typing import BinaryIO

from fedmf.store.atomic import make_durable

_PLACE = struct.Struct("<IQ")


class FileSpool:
    """Keeps words on disk, so that the server's memory does not grow with the participants.

    Parameters
    ----------
    path
        A file that is there while it holds anything. After a kill it still has the words that
        `sync` made durable. None: a file without a name, which vanishes with the
        process.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        # By participant: where its words begin, and how many bytes they are.
        self._places: dict[int, tuple[int, int]] = {}
        self._end = 0
        if path is not None and path.exists():
            self._find(self._opened())

    def keep(self, participant: int, words: bytes) -> None:
        """Keep a participant's words."""
        file = self._opened()
        file.seek(self._end)
        file.write(_PLACE.pack(participant, len(words)))
        file.write(words)
        self._places[participant] = (self._end + _PLACE.size, len(words))
        self._end += _PLACE.size + len(words)

    def take(self, participant: int) -> bytes:
        """Return a participant's words; KeyError: there are none."""
        start, length = self._places[participant]
        file = self._opened()
        file.seek(start)
        return file.read(length)

    def sync(self) -> None:
        """Make durable what was kept so far, where the file has a name."""
        if self._path is not None:
            file = self._opened()
            file.flush()
            os.fsync(file.fileno())
            make_durable(self._path.parent)

    def clear(self) -> None:
        """Forget everything, and remove the file."""
        self._places.clear()
        self._end = 0
        if self._path is None or self._file is None:
            return
        self._file.close()
        self._file = None
        self._path.unlink(missing_ok=True)

    def _opened(self) -> BinaryIO:
        if self._file is None:
            if self._path is None:
                self._file = tempfile.TemporaryFile(prefix="fedmf-spool-")  # noqa: SIM115
            else:
                flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
                self._file = os.fdopen(os.open(self._path, flags, 0o600), "r+b")
            weakref.finalize(self, self._file.close)
        return self._file

    def _find(self, file: BinaryIO) -> None:
        """Find the places of the words in a file; a last record that was cut short is none."""
        size = file.seek(0, os.SEEK_END)
        while self._end + _PLACE.size <= size:
            file.seek(self._end)
            participant, length = _PLACE.unpack(file.read(_PLACE.size))
            start = self._end + _PLACE.size
            if start + length > size:
                break
            self._places[participant] = (start, length)
            self._end = start + length
