"""Records that are on disk before anybody acts upon them."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Sequence
from pathlib import Path

from fedmf.errors import RunDirectoryError
from fedmf.store.atomic import make_durable
from fedmf.store.faults import reading, writing

_HEADER = struct.Struct("<I8s")


class AppendLog:
    """An append-only file of records, each behind its length and the front of its SHA-256.

    A record that a crash cut short was never acted upon, and is dropped when the log is opened.

    Parameters
    ----------
    path
        The file; made if it is missing, readable only by its owner.

    Raises
    ------
    RunDirectoryError
        The file is damaged before its end, or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with reading(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "r+b") as file:
                self._records, end = _read(path, file.read())
                file.truncate(end)
            make_durable(path.parent)

    def records(self) -> Sequence[bytes]:
        """Return all records, oldest first."""
        return self._records

    def append(self, record: bytes) -> None:
        """Append a record; return when it would survive a power failure, not before.

        Raises
        ------
        RunDirectoryError
            It cannot be written; nobody may act upon it.
        """
        with writing(self._path), self._path.open("ab") as file:
            file.write(_HEADER.pack(len(record), _digest(record)) + record)
            file.flush()
            os.fsync(file.fileno())
        self._records.append(record)


def _read(path: Path, data: bytes) -> tuple[list[bytes], int]:
    records, at = [], 0
    while at + _HEADER.size <= len(data):
        length, digest = _HEADER.unpack_from(data, at)
        record = data[at + _HEADER.size : at + _HEADER.size + length]
        if len(record) < length:
            break
        if _digest(record) != digest:
            raise RunDirectoryError(
                f"{path} is damaged before its end: do not go on with what it recorded"
            )
        records.append(record)
        at += _HEADER.size + length
    return records, at


def _digest(record: bytes) -> bytes:
    return hashlib.sha256(record).digest()[:8]
