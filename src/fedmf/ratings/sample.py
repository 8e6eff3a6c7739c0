"""The first rows of a table, and what its columns seem to hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fedmf.ratings.times import is_moment

NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)*|[.,]\d+)([eE][+-]?\d+)?")
MOMENT = re.compile(r"\d{4}[-/.]\d\d?[-/.]\d\d?([T ].*)?|(19|20)\d{6}|\d{9,19}([.,]\d+)?")
MOMENTS = 10
"""How many cells of a column are tried as dates."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The names of the columns of a table, and its first rows as text."""

    names: tuple[str, ...]
    header: bool
    """Whether the names are the table's own."""
    rows: Sequence[Sequence[str]]
    ragged: bool = False
    """Whether rows differ so much in length that they must be lists."""

    def cells(self, place: int) -> list[str]:
        """Return the cells of a column that are not empty."""
        return [row[place] for row in self.rows if place < len(row) and row[place] != ""]

    def is_number(self, place: int) -> bool:
        """Whether a column holds numbers, but for mistakes."""
        return self._mostly(NUMBER, place)

    def is_time(self, place: int) -> bool:
        """Whether a column holds dates, or seconds since 1970, but for mistakes."""
        return self._mostly(MOMENT, place) or (
            not self._mostly(NUMBER, place) and all(map(is_moment, self.cells(place)[:MOMENTS]))
        )

    def is_date(self, place: int) -> bool:
        """Whether a column holds dates that are no numbers."""
        return self.is_time(place) and not self._mostly(NUMBER, place)

    def _mostly(self, kind: re.Pattern[str], place: int) -> bool:
        cells = self.cells(place)
        return sum(bool(kind.fullmatch(one)) for one in cells) * 2 > len(cells)

    def shown(self, place: int) -> str:
        """Return what to call a column."""
        return f"{self.names[place]!r}" if self.header else self.names[place]
