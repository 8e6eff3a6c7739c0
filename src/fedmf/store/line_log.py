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

    def cut(self, place: Place | None) -> list[str]:
        """Cut off what is behind a place; None: everything. Return the lines before it.

        Raises
        ------
        RunDirectoryError
            They are not what was written.
        """
        if place is None:
            with writing(self._path):
                self._path.unlink(missing_ok=True)
            return []
        lines = self.read(place)
        if self._path.exists():
            with writing(self._path):
                os.truncate(self._path, place["bytes"])
        return lines

    def read(self, place: Place) -> list[str]:
        """Return the lines before a place.

        Raises
        ------
        RunDirectoryError
            They are not what was written.
        """
        with reading(self._path):
            data = b""
            if place["bytes"]:
                with self._path.open("rb") as file:
                    data = file.read(place["bytes"])
            if len(data) < place["bytes"]:
                raise RunDirectoryError(f"{self._path} is shorter than it was")
            self._bytes, self._digest = len(data), hashlib.sha256(data)
            if self._digest.hexdigest() != place["sha256"]:
                raise ValueError("it does not match its SHA-256")
            return data.decode().splitlines()
