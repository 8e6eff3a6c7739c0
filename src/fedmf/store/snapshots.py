"""The newest state of something: numbered folders, of which the newest counts."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fedmf.errors import RunDirectoryError
from fedmf.store.atomic import new_folder, put_file, remove_folder, remove_tree
from fedmf.store.faults import reading, writing

FORMAT = "fedmf snapshot 1"
DIGESTS = "sha256.json"
"""The format, and SHA-256 of the other files of a snapshot, by name, in hex."""
_TRIES = 5


class Snapshots:
    """Keeps the newest state of something; a kill at any moment leaves the last whole one.

    Parameters
    ----------
    path
        The folder that holds the snapshots; made with the first of them. Nobody but its owner may
        look into it (mode 0700).
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def newest(self) -> Path | None:
        """Return the folder of the newest snapshot; None before the first.

        What a killed process left unfinished is removed.

        Raises
        ------
        RunDirectoryError
            A file in it is missing, or is not what was written; or there is something else, such
            as the state that another version of fedmf left, which nobody may forget.
        """
        for unfinished in self._path.glob(".snapshot-*"):
            remove_tree(unfinished)
        folders = self._folders()
        if self._path.is_dir() and (others := set(self._path.iterdir()) - set(folders)):
            raise RunDirectoryError(
                f"{min(others)} does not belong there, or comes from another version of fedmf"
            )
        if not folders:
            return None
        newest = folders[-1]
        with reading(newest / DIGESTS):
            listed = json.loads((newest / DIGESTS).read_bytes())
            if listed["format"] != FORMAT:
                raise RunDirectoryError(f"{newest} was written by another version of fedmf")
            digests = dict(listed["files"])
        for name, digest in digests.items():
            with reading(newest / name):
                if _sha256(newest / name) != digest:
                    raise ValueError("it does not match its SHA-256")
        return newest

    @contextmanager
    def next(self) -> Iterator[Path]:
        """Yield the folder of a new snapshot to fill; older ones go when it is whole and durable.

        Raises
        ------
        RunDirectoryError
            It cannot be written; the one before it stays.
        """
        older = self._folders()
        number = _number(older[-1]) + 1 if older else 1
        with writing(self._path):
            self._path.mkdir(mode=0o700, exist_ok=True)
            with new_folder(self._path / f"snapshot-{number:09d}", private=True) as filling:
                yield filling
                digests = {path.name: _sha256(path) for path in sorted(filling.iterdir())}
                listed = json.dumps({"format": FORMAT, "files": digests})
                put_file(filling / DIGESTS, listed.encode(), private=True)
            for folder in older:
                remove_folder(folder)

    def clear(self) -> None:
        """Remove all snapshots."""
        for folder in self._folders():
            remove_folder(folder)

    def glance(self, name: str) -> bytes | None:
        """Return a file of the newest snapshot, which somebody else may replace meanwhile.

        Returns
        -------
        bytes or None
            None before the first snapshot. Its digest is not checked.

        Raises
        ------
        RunDirectoryError
            The file is missing.
        """
        for _ in range(_TRIES):
            folders = self._folders()
            if not folders:
                return None
            path = folders[-1] / name
            with suppress(FileNotFoundError):
                return path.read_bytes()
        raise RunDirectoryError(f"{path} is missing: restore the directory from a copy")

    def _folders(self) -> list[Path]:
        found = (path for path in self._path.glob("snapshot-*") if _NAME.fullmatch(path.name))
        return sorted(found, key=_number)


_NAME = re.compile(r"snapshot-([0-9]+)")


def _number(folder: Path) -> int:
    return int(folder.name.removeprefix("snapshot-"))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
