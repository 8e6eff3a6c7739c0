"""How a stranger cuts tables into slices, from docs/reference/wire-format.md alone.

Like `stranger.py` it knows the standard library and nothing of fedmf.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from tests.protocol.stranger_aes import keystream

Part = list[tuple[int, list[int]]]
"""Groups by their place in the table, and of each the rows of the part."""


@dataclass(frozen=True)
class Slices:
    """The session's object `slices`."""

    count: int
    groups: tuple[str, ...]
    seed: int
    setup_rounds: int
    whole_at_setup: tuple[str, ...]

    def canonical(self) -> str:
        """Return the object as it stands in the session."""
        groups, whole = (
            "[" + ",".join(json.dumps(name, ensure_ascii=False) for name in names) + "]"
            for names in (self.groups, self.whole_at_setup)
        )
        return (
            f'{{"count":{self.count},"groups":{groups},"seed":{self.seed},'
            f'"setup_rounds":{self.setup_rounds},"whole_at_setup":{whole}}}'
        )

    def slice_of_rows(self, rows: int) -> list[int]:
        """Return the slice of each row."""
        labelled = b"fedmf 1" + b"".join(
            struct.pack("<Q", len(part)) + part
            for part in (b"slices", struct.pack("<Q", self.seed))
        )
        stream = keystream(hashlib.sha256(labelled).digest(), 8 * rows)
        drawn = struct.unpack(f"<{rows}Q", stream)
        slices = [0] * rows
        for place, (_, row) in enumerate(sorted((x, row) for row, x in enumerate(drawn))):
            slices[row] = place % self.count
        return slices


def parts_of(groups: Sequence[tuple[str, int, int, int]], slices: Slices | None) -> list[Part]:
    """Return all parts of a table."""
    names = [name for name, *_ in groups]
    if slices is None:
        return [[(k, list(range(rows))) for k, (_, rows, _, _) in enumerate(groups)]]
    cut = [names.index(name) for name in slices.groups]
    slice_of = slices.slice_of_rows(groups[cut[0]][1])
    parts: list[Part] = [
        [(k, [row for row, its in enumerate(slice_of) if its == number])]
        for number in range(slices.count)
        for k in cut
    ]
    rest = [(k, list(range(groups[k][1]))) for k in range(len(groups)) if k not in cut]
    return parts + [rest] * bool(rest)


def travelling(
    groups: Sequence[tuple[str, int, int, int]], slices: Slices | None, counted_round: int
) -> list[int]:
    """Return the numbers of the parts that travel in a round; void rounds do not count."""
    if slices is None:
        return [0]
    each = len(slices.groups)
    cut, last = slices.count * each, len(parts_of(groups, slices))
    if counted_round <= slices.setup_rounds:
        due = [n for n in range(cut) if slices.groups[n % each] in slices.whole_at_setup]
    else:
        turn = (counted_round - slices.setup_rounds - 1) % slices.count
        due = list(range(turn * each, (turn + 1) * each))
    return due + list(range(cut, last))
