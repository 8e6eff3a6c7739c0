"""Files that hold keys: whole or not at all, never over another, readable only by their owner."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

from fedmf.errors import KeyMaterialError

# Anyone who can put a link there chooses which file is read; binary, for Windows.
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
MOST_BYTES = 16_384
"""No key file is larger."""


def write_key_file(path: Path | str, content: bytes) -> None:
    """Write a new key file that only its owner can read.

    The file appears under its name complete or not at all, and never replaces another.

    Raises
    ------
    KeyMaterialError
        If there is something of that name already, or the file cannot be written.
    """
    path = Path(path)
    try:
        # mkstemp makes the file readable only by its owner from the start, not some time later.
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".key-", suffix=".new")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            # A hard link fails where the name is taken; os.replace would destroy a key that
            # somebody else put there a moment ago.
            os.link(temporary, path)
        finally:
            Path(temporary).unlink()
        _make_durable(path.parent)
    except FileExistsError:
        raise KeyMaterialError(
            f"{path} exists already, and a key file is never overwritten; choose another name"
        ) from None
    except OSError as error:
        raise KeyMaterialError(f"cannot write the key file {path}: {error.strerror}") from None


def read_key_file(path: Path | str) -> bytes:
    """Return the content of a key file.

    Raises
    ------
    KeyMaterialError
        If the file is missing, a link, somebody else's or readable by others.
    """
    path = Path(path)
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | _FLAGS), "rb") as file:
            found = os.fstat(file.fileno())
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        reason = "it is a link" if error.errno == errno.ELOOP else error.strerror
        raise KeyMaterialError(f"cannot read the key file {path}: {reason}") from None
    mode = found.st_mode
    if os.name == "posix" and found.st_uid != os.geteuid():
        raise KeyMaterialError(
            f"{path} belongs to another user (number {found.st_uid}), who can change it; have it "
            "given to you with 'chown' if nobody else has seen it"
        )
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise KeyMaterialError(
            f"{path} may be used by others (mode {stat.S_IMODE(mode):03o}), so its key is not "
            f"secret any more; make a new one, or run 'chmod 600' on it if nobody else has seen it"
        )
    return data


def _make_durable(folder: Path) -> None:
    """Make the name survive a power failure, where folders can be opened to ask for that."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
