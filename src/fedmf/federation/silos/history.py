"""The rounds so far as the coordinator hands them on: closings and tables, until all have them."""

from __future__ import annotations

import re
from pathlib import Path

from fedmf.errors import RunDirectoryError
from fedmf.federation.silos.messages import Part, Standing
from fedmf.store.atomic import write_file


class History:
    """Closings and tables on disk, for silos that come late.

    Each table is read in the light of the one before, and under a blind committee it is the sum of
    a round, which opens on top of the table before. So a silo that missed rounds is handed all of
    them, one after the other; it trusts nobody's word for what came in between.

    Parameters
    ----------
    path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(mode=0o700, exist_ok=True)
        self._path = path

    def keep_table(self, round_number: int, message: bytes) -> None:
        """Keep the table of a round, from 1 on."""
        write_file(self._file("table", round_number), message, private=True)

    def keep_closing(self, round_number: int, message: bytes) -> None:
        """Keep how a round ended."""
        write_file(self._file("closing", round_number), message, private=True)

    def missing(self, standing: Standing, closed: int) -> list[tuple[str, bytes]]:
        """Return what brings a silo to the table after this many closed rounds.

        Raises
        ------
        RunDirectoryError
            It is not there any more: the silo once had it.
        """
        parts: list[tuple[str, bytes]] = []
        for table in range(standing.table + 1, closed + 2):
            if standing.heard < table - 1:
                parts.append((Part.CLOSING, self._read("closing", table - 1)))
            parts.append((Part.TABLE, self._read("table", table)))
        return parts

    def forget(self, table: int) -> None:
        """Forget the tables up to that of a round, which all silos have, and what led to them."""
        for path in self._path.iterdir():
            match = re.fullmatch(r"(table|closing)-([0-9]+)\.bin", path.name)
            if match and int(match[2]) + (match[1] == "closing") <= table:
                path.unlink()

    def _read(self, kind: str, number: int) -> bytes:
        path = self._file(kind, number)
        try:
            return path.read_bytes()
        except OSError as error:
            raise RunDirectoryError(
                f"a silo asks for the {kind} of round {number}, which all silos had once and which "
                f"is gone ({error.strerror}): its state was lost or put back in time, and it "
                "cannot take part in this session any more"
            ) from None

    def _file(self, kind: str, number: int) -> Path:
        return self._path / f"{kind}-{number:09d}.bin"
