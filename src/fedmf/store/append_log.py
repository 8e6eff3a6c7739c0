"""Records that are on disk before anybody acts upon them, and are missed where they get lost.

A log is two files. ``NAME`` holds the records, ``NAME.mark`` how many of them there are and the
digest of the last one. A record is written and made durable, then the mark, and only then does
anybody act upon the record. So a log that lacks a record that its mark counts has lost it: it was
cut, or is an older copy. What follows behind the mark nobody acted upon: one whole record is kept,
the rest of one that a crash cut short is cut off.

::

    NAME        "fedmf log 1" and a line feed, then 16 random bytes: the log's own name
    record      length (u32), check (8 bytes), the record, digest (32 bytes)
    NAME.mark   number of records (u64), digest of the last one, check (8 bytes)

The digest is SHA-256 over the digest before it, the length and the record; before the first it is
SHA-256 over the head of the file. The check is the front of SHA-256 over all that stands before it,
in a record after the digest of the record before: a length is believed only if it fits.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import struct
from collections.abc import Sequence
from pathlib import Path

from fedmf.errors import RunDirectoryError
from fedmf.store.atomic import make_durable, write_file
from fedmf.store.faults import reading, writing

_MAGIC, _NAME_BYTES = b"fedmf log 1\n", 16
_START = len(_MAGIC) + _NAME_BYTES
_LENGTH, _MARK = struct.Struct("<I"), struct.Struct("<Q32s")
_CHECK_BYTES, _DIGEST_BYTES = 8, 32
_HEADER_BYTES = _LENGTH.size + _CHECK_BYTES
# Links are not followed: the log is this file and no other.
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class AppendLog:
    """An append-only file of records that was made by `create`; for one process at a time.

    Parameters
    ----------
    path
        The file with the records.

    Raises
    ------
    RunDirectoryError
        Log or mark is missing, damaged, a link, another user's or open to others, or the log lacks
        records that its mark counts: anyone who acted upon them must not go on.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._mark_path = path, _mark_of(path)
        self._is_broken = False
        data, mark = _read_own(path), _read_own(self._mark_path)
        with reading(path):
            self._records, self._digest, self._end = _understood(path, data, mark)
        if self._end < len(data):
            with writing(path):
                self._cut()
        if mark != _mark(len(self._records), self._digest):
            self._keep_mark()

    @classmethod
    def create(cls, path: Path) -> AppendLog:
        """Make an empty log, with its folder; raise RunDirectoryError if there is one already."""
        head = _MAGIC + secrets.token_bytes(_NAME_BYTES)
        with writing(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
            try:
                _write(descriptor, head)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            # Also makes the folder durable.
            write_file(_mark_of(path), _mark(0, _sha256(head)), private=True)
        return cls(path)

    def records(self) -> Sequence[bytes]:
        """Return all records, oldest first."""
        return self._records

    def append(self, record: bytes) -> None:
        """Append a record; return when it would survive a power failure, not before.

        Raises
        ------
        RunDirectoryError
            It cannot be written, or an earlier one left the file in a state that is not known;
            nobody may act upon it.
        """
        if self._is_broken:
            raise RunDirectoryError(
                f"{self._path} could not be written before, and what it holds is known only after "
                "a restart"
            )
        written, digest = _framed(self._digest, record)
        with writing(self._path):
            descriptor = os.open(self._path, os.O_WRONLY | _FLAGS)
            try:
                size = os.fstat(descriptor).st_size
                if size != self._end:
                    raise RunDirectoryError(
                        f"{self._path} has {size} bytes where this process left {self._end}: "
                        "another one has written it"
                    )
                self._is_broken = True
                try:
                    os.lseek(descriptor, self._end, os.SEEK_SET)
                    _write(descriptor, written)
                    os.fsync(descriptor)
                except OSError:
                    os.ftruncate(descriptor, self._end)
                    os.fsync(descriptor)
                    self._is_broken = False
                    raise
            finally:
                os.close(descriptor)
            # From here on the record may be there after a restart, whatever happens.
            self._records.append(record)
            self._digest, self._end = digest, self._end + len(written)
            self._keep_mark()
            self._is_broken = False

    def _keep_mark(self) -> None:
        mark = _mark(len(self._records), self._digest)
        with writing(self._mark_path):
            write_file(self._mark_path, mark, private=True)

    def _cut(self) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | _FLAGS)
        try:
            os.ftruncate(descriptor, self._end)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        make_durable(self._path.parent)


def _understood(path: Path, data: bytes, mark: bytes) -> tuple[list[bytes], bytes, int]:
    """Return records, the digest of the last one, and where it ends."""
    if len(mark) != _MARK.size + _CHECK_BYTES or _check(mark[: _MARK.size]) != mark[_MARK.size :]:
        raise RunDirectoryError(f"{_mark_of(path)} is damaged: it is not known what its log held")
    count, marked = _MARK.unpack_from(mark)
    records: list[bytes] = []
    digest, end = _sha256(data[:_START]), _START
    if not data.startswith(_MAGIC) or len(data) < _START:
        raise RunDirectoryError(f"{path} is damaged, or no log of this version of fedmf")
    while len(records) < count:
        read = _record_at(data, end, digest)
        if read is None:
            raise RunDirectoryError(
                f"{path} holds {len(records)} whole records of the {count} that its mark counts: "
                "it is damaged, cut or an older copy; do not go on with what it recorded"
            )
        records.append(read[0])
        digest, end = read[1], end + _framed_bytes(read[0])
    if digest != marked:
        raise RunDirectoryError(f"{path} and its mark are not of one log")
    ahead = _record_at(data, end, digest)
    if ahead is not None:
        records.append(ahead[0])
        digest, end = ahead[1], end + _framed_bytes(ahead[0])
        if end < len(data):
            raise RunDirectoryError(
                f"{path} is more than one record ahead of its mark: the mark is an older copy"
            )
    return records, digest, end


def _record_at(data: bytes, at: int, before: bytes) -> tuple[bytes, bytes] | None:
    """Return a record and its digest; None where there is none that is whole."""
    length = data[at : at + _LENGTH.size]
    start = at + _HEADER_BYTES
    if _check(before + length) != data[at + _LENGTH.size : start]:
        return None
    end = start + _LENGTH.unpack(length)[0]
    record = data[start:end]
    _, digest = _framed(before, record)
    return (record, digest) if data[end : end + _DIGEST_BYTES] == digest else None


def _framed(before: bytes, record: bytes) -> tuple[bytes, bytes]:
    """Return what is written for a record, and its digest."""
    length = _LENGTH.pack(len(record))
    digest = _sha256(before + length + record)
    return length + _check(before + length) + record + digest, digest


def _framed_bytes(record: bytes) -> int:
    return _HEADER_BYTES + len(record) + _DIGEST_BYTES


def _mark(count: int, digest: bytes) -> bytes:
    content = _MARK.pack(count, digest)
    return content + _check(content)


def _mark_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.mark")


def _read_own(path: Path) -> bytes:
    """Return the content of a file that is its user's alone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _FLAGS)
    except FileNotFoundError:
        raise RunDirectoryError(
            f"{path} is missing: without it nobody knows what its owner said before, so that the "
            "owner must not go on; begin a new session with another one"
        ) from None
    except OSError as error:
        raise RunDirectoryError(f"{path} cannot be read: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file, reading(path):
        found = os.fstat(file.fileno())
        mode = stat.S_IMODE(found.st_mode)
        if os.name == "posix" and (found.st_uid != os.geteuid() or mode & 0o077):
            raise RunDirectoryError(
                f"{path} may be changed or read by others (owner {found.st_uid}, mode {mode:03o})"
            )
        return file.read()


def _write(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _check(data: bytes) -> bytes:
    return _sha256(data)[:_CHECK_BYTES]
