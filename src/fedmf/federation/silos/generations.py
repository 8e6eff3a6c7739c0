"""A folder whose content changes as a whole: numbered generations, of which the newest counts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fedmf.protocol.framing import BodyReader
from fedmf.store.atomic import new_folder, remove_folder

_PREFIX = "generation-"


class Generations:
    """Keeps the newest state of something; a kill at any moment leaves the last whole one.

    Parameters
    ----------
    path
        The folder that holds the generations.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def newest(self) -> Path | None:
        """Return the folder of the newest generation; None before the first.

        What a killed process left unfinished is removed.
        """
        for unfinished in self._path.glob(f".{_PREFIX}*"):
            shutil.rmtree(unfinished)
        folders = self._folders()
        return folders[-1] if folders else None

    @contextmanager
    def next(self) -> Iterator[Path]:
        """Yield the folder of a new generation to fill; older ones go when it is whole."""
        older = self._folders()
        number = _number(older[-1]) + 1 if older else 1
        with new_folder(self._path / f"{_PREFIX}{number:09d}", private=True) as filling:
            yield filling
        for folder in older:
            remove_folder(folder)

    def _folders(self) -> list[Path]:
        return sorted(self._path.glob(f"{_PREFIX}*"), key=_number)


def read_sized(data: bytes) -> list[bytes]:
    """Return the pieces of a file, each of which stands behind its length."""
    reader, pieces, at = BodyReader(data), [], 0
    while at < len(data):
        pieces.append(reader.sized(at_most=len(data)))
        at += 4 + len(pieces[-1])
    return pieces


def _number(folder: Path) -> int:
    return int(folder.name.removeprefix(_PREFIX))
