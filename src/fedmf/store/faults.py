"""What a file can do wrong, as one error that names the file and the reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fedmf.errors import FedmfError, RunDirectoryError


@contextmanager
def reading(what: Path | str, error: type[FedmfError] = RunDirectoryError) -> Iterator[None]:
    """Raise `error` for anything that goes wrong while a file is read and understood.

    The error names the file as `what`; where the block raises it by itself, its sentence stays.
    """
    try:
        yield
    except error:
        raise
    except OSError as cause:
        raise error(f"{what} cannot be read: {cause.strerror}") from cause
    except KeyError as cause:
        raise error(
            f"{what} is damaged, or comes from another version of fedmf: it has no {cause}"
        ) from cause
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as cause:
        raise error(f"{what} is damaged: {cause}") from cause
    except FedmfError as cause:
        raise error(f"{what} is damaged: {cause}") from cause


@contextmanager
def writing(what: Path | str, error: type[FedmfError] = RunDirectoryError) -> Iterator[None]:
    """Raise `error` where the disk does not take what is written; what is named `what`."""
    try:
        yield
    except OSError as cause:
        raise error(f"{what} cannot be written: {cause.strerror}") from cause
