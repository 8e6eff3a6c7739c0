"""Everything that is wrong with one source, gathered and raised together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fedmf.errors import DataError

SHOWN = 3
"""How many problems of a kind a message spells out; the others are counted."""
LINES = 20
"""How many lines a message has at the most, so that it fits a screen."""


@dataclass(slots=True)
class _Kind:
    count: int = 0
    examples: list[tuple[int, Callable[[str], str]]] = field(default_factory=list)
    """Row in the source, -1 for none, and the sentence on it, given the name of its place."""


class Problems:
    """Gathers what is wrong with one input, kind by kind, and raises it all together.

    Parameters
    ----------
    source
        What the input is called in the message, such as a file name.
    places
        Says where rows (counted from 0) stand in the input, such as ``"line 7"``.
    """

    def __init__(self, source: str, places: Callable[[Sequence[int]], Sequence[str]]) -> None:
        self.source = source
        self._places = places
        self._kinds: dict[object, _Kind] = {}

    def __bool__(self) -> bool:
        return bool(self._kinds)

    def add(self, *sentences: str) -> None:
        """Add problems of one kind that have a sentence of their own."""
        if sentences:
            examples = [(-1, lambda _, one=one: one) for one in sentences[:SHOWN]]
            self._kinds[sentences] = _Kind(len(sentences), examples)  # type: ignore[arg-type]

    def add_rows(
        self, kind: object, rows: npt.NDArray[np.int64], sentence: Callable[[int], str]
    ) -> None:
        """Add problems of one kind, which may be added to again and again.

        Parameters
        ----------
        rows
            Where they stand in the source, counted from 0.
        sentence
            From the place in `rows` to what is wrong there.
        """
        if len(rows) == 0:
            return
        gathered = self._kinds.setdefault(kind, _Kind())
        gathered.count += len(rows)
        for place in range(min(len(rows), SHOWN - len(gathered.examples))):
            said = sentence(place)
            gathered.examples.append(
                (int(rows[place]), lambda where, said=said: _placed(where, said))  # type: ignore[misc]
            )

    def raise_if_any(self) -> None:
        """Raise one `DataError` that lists the problems, if there are any."""
        if not self._kinds:
            return
        kinds = sorted(self._kinds.values(), key=lambda one: one.examples[0][0])
        total = sum(one.count for one in kinds)
        quota = max(1, min(SHOWN, LINES // len(kinds) - 1))
        shown = [one.examples[:quota] for one in kinds]
        rows = sorted({row for examples in shown for row, _ in examples if row >= 0})
        named = dict(zip(rows, self._places(rows), strict=True))
        spelled = [
            [sentence(named.get(row, "")) for row, sentence in examples] for examples in shown
        ]
        if total == 1:
            raise DataError(f"{self.source}: {spelled[0][0]}")
        lines = [f"{self.source} has {total:,} problems:"]
        for kind, sentences in zip(kinds, spelled, strict=True):
            lines += [f"  - {sentence}" for sentence in sentences]
            if kind.count > len(sentences):
                lines.append(f"  - and {kind.count - len(sentences):,} more like this")
        raise DataError("\n".join(lines))


def _placed(where: str, said: str) -> str:
    return f"{where}{', ' if said.startswith('column ') else ': '}{said}"


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


def count_of(count: int, one: str, many: str | None = None) -> str:
    """Write ``1 row`` or ``2 rows``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
