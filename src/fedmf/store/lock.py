"""One process at a time in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fedmf.errors import RunDirectoryError

try:
    import fcntl
except ImportError:  # pragma: no cover - not on Windows, where nobody is kept from anything
    fcntl = None  # type: ignore[assignment]


@contextmanager
def locked(path: Path, taken: str) -> Iterator[None]:
    """Keep others from a folder as long as the block lasts, or until the process ends.

    The file is made if it is missing; `taken` is what to say where somebody else holds it.

    Raises
    ------
    RunDirectoryError
        Somebody else holds it.
    """
    with path.open("a") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunDirectoryError(taken) from None
        yield
