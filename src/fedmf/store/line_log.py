"""Lines of text that a snapshot knows up to some place."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

from fedmf.errors import RunDirectoryError
from fedmf.store.atomic import make_durable
from fedmf.store.faults import reading, writing

_PIECE = 2**20


class Place(TypedDict):
    """A place in a log, to be written into a snapshot."""

    bytes: int
    """How long the log is up to there."""
    sha256: str
    """SHA-256 of the log up to there, in hex."""


class LineLog:
    """An append-only file of lines; what is behind the place that a snapshot knows is cut off.

    Parameters
    ----------
    path
        The file; it comes to be with its first line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._bytes, self._digest = 0, hashlib.sha256()

    def append(self, lines: Iterable[str]) -> Place:
        """Append lines; return the place behind them when they would survive a power failure.

        Raises
        ------
        RunDirectoryError
            They cannot be written.
        """
        data = "".join(f"{line}\n" for line in lines).encode()
        if data:
            with writing(self._path):
                with self._path.open("ab") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                if not self._bytes:
                    make_durable(self._path.parent)
            self._bytes += len(data)
            self._digest.update(data)
        return Place(bytes=self._bytes, sha256=self._digest.hexdigest())

    def cut(self, place: Place | None) -> None:
        """Cut off what is behind a place; None: everything.

        Raises
        ------
        RunDirectoryError
            What is before it is not what was written.
        """
        self._check(place or Place(bytes=0, sha256=hashlib.sha256().hexdigest()))
        if self._path.exists():
            with writing(self._path):
                os.truncate(self._path, self._bytes)

    def read(self, place: Place) -> list[str]:
        """Return the lines before a place.

        Raises
        ------
        RunDirectoryError
            They are not what was written.
        """
        self._check(place)
        if not self._bytes:
            return []
        with reading(self._path), self._path.open("rb") as file:
            return file.read(self._bytes).decode().splitlines()

    def _check(self, place: Place) -> None:
        """Read up to a place, a piece at a time: a log may be larger than the memory."""
        self._bytes, self._digest = 0, hashlib.sha256()
        if not place["bytes"]:
            return
        with reading(self._path), self._path.open("rb") as file:
            while self._bytes < place["bytes"]:
                data = file.read(min(place["bytes"] - self._bytes, _PIECE))
                if not data:
                    raise RunDirectoryError(f"{self._path} is shorter than it was")
                self._bytes += len(data)
                self._digest.update(data)
            if self._digest.hexdigest() != place["sha256"]:
                raise ValueError("it does not match its SHA-256")
