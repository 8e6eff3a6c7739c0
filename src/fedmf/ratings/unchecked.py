"""One source as it was read: columns with unchecked cells, and all that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fedmf.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN = 10
"""About how many problems a message spells out; the others are counted."""


class Problems:
    """Gathers what is wrong with one input, kind by kind, and raises it all together.

    Parameters
    ----------
    source
        What the input is called in the message, such as a file name.
    row_name
        Says where a row (counted from 0) stands in the input, such as ``"line 7"``.
    """

    def __init__(self, source: str, row_name: Callable[[int], str]) -> None:
        self._source = source
        self._row_name = row_name
        # For each kind of problem, how many there are and the sentence for the k-th of them.
        self._kinds: list[tuple[int, Callable[[int], str]]] = []

    def add(self, *sentences: str) -> None:
        """Add problems of one kind that have a sentence of their own."""
        if sentences:
            self._kinds.append((len(sentences), sentences.__getitem__))

    def add_cells(
        self, column: str, rows: npt.NDArray[np.int64], sentence: Callable[[int], str]
    ) -> None:
        """Add one kind of problem in cells of a column; `sentence` is made from the row number."""
        if len(rows):
            self._kinds.append(
                (
                    len(rows),
                    lambda k: (
                        f"{self._row_name(int(rows[k]))}, column {column!r}: "
                        f"{sentence(int(rows[k]))}"
                    ),
                )
            )

    def raise_if_any(self) -> None:
        """Raise one `DataError` that lists the problems, if there are any."""
        total = sum(count for count, _ in self._kinds)
        if total == 0:
            return
        if total == 1:
            raise DataError(f"{self._source}: {self._kinds[0][1](0)}")
        # Every kind is shown, however many problems the first one has.
        quota = max(1, SHOWN // len(self._kinds))
        lines = [f"{self._source} has {total:,} problems:"]
        for count, sentence in self._kinds:
            shown = min(count, quota)
            lines += [f"  - {sentence(k)}" for k in range(shown)]
            if count > shown:
                lines.append(f"  - and {count - shown:,} more like this")
        raise DataError("\n".join(lines))


@dataclass(frozen=True, slots=True)
class UncheckedColumn:
    """One Arrow column of any type, and its name in the source."""

    name: str
    cells: pa.ChunkedArray


@dataclass(frozen=True, slots=True)
class UncheckedTable:
    """The columns of one source by their role, and the problems met while reading it.

    `problems` goes on gathering while the cells are checked, so that everything wrong with the
    source ends up in one message.
    """

    columns: Mapping[str, UncheckedColumn]
    problems: Problems


def listed(names: Sequence[str]) -> str:
    """Write names as a person would, ``'a', 'b' and 'c'``, cut short where there are many."""
    quoted = [repr(shortened(name)) for name in names[:12]]
    if len(names) > len(quoted):
        return f"{', '.join(quoted)} and {len(names) - len(quoted):,} more"
    if len(quoted) < 2:
        return "".join(quoted)
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def shortened(text: str, longest: int = 40) -> str:
    """Cut a text that would make a message unreadable."""
    return text if len(text) <= longest else text[: longest - 3] + "..."
