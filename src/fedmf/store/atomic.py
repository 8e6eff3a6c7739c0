"""Files and folders that appear whole or not at all, even if the process is killed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fedmf.interrupts import HeldInterrupts


def write_file(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write a file, replacing what was there; a private one is its owner's alone from the start."""
    # mkstemp creates with mode 0600; other files get what the user's umask allows.
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if not private:
            Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    make_durable(path.parent)


def put_file(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write a new file into a folder that `new_folder` is filling, which makes all of it durable.

    A private file is readable by its owner alone, from its first byte on (mode 0600).
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


@contextmanager
def new_folder(path: Path, *, replace: bool = True, private: bool = False) -> Iterator[Path]:
    """Fill a folder under another name and give it its own at the end.

    Parameters
    ----------
    path
        Where the folder goes.
    replace
        Whether to replace a folder that is there; an empty one always gives way.
    private
        True: nobody but the owner may look into the folder (mode 0700).

    Yields
    ------
    Path
        The folder to fill. If the block raises, it is removed and nothing has changed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    filling = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield filling
        if not private:
            filling.chmod(0o777 & ~_umask())
        for file in filling.rglob("*"):
            make_durable(file)
        make_durable(filling)
        if replace and path.exists():
            # A folder cannot be replaced in one step: between these two renames a kill leaves the
            # old content under a hidden name, never a half-written folder under the real one.
            # Ctrl-C, after which a user goes on, waits.
            with HeldInterrupts():
                replaced = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
                path.rename(replaced / path.name)
                filling.rename(path)
                remove_tree(replaced)
        else:
            filling.rename(path)
    except BaseException:
        remove_tree(filling, ignore_errors=True)
        raise
    make_durable(path.parent)


def is_taken(path: Path) -> bool:
    """Return whether there is anything at a place; an empty folder is nothing."""
    return path.exists() and not (path.is_dir() and not any(path.iterdir()))


def remove_folder(path: Path) -> None:
    """Remove a folder, whole or not at all; one that is not there is no mistake.

    A kill in between leaves what is left of it under a hidden name.
    """
    if path.is_dir():
        gone = Path(tempfile.mkdtemp(prefix=f".{path.name}.gone.", dir=path.parent))
        path.rename(gone / path.name)
        remove_tree(gone)


def remove_tree(folder: Path, *, ignore_errors: bool = False) -> None:
    """Remove a folder, file by file."""
    # Interrupted, `rmtree` may close a descriptor twice and raise OSError instead.
    with HeldInterrupts():
        shutil.rmtree(folder, ignore_errors=ignore_errors)


def make_durable(path: Path) -> None:
    """Return when a file, or the names in a folder, would survive a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    # The umask can only be read by setting it.
    mask = os.umask(0)
    os.umask(mask)
    return mask
