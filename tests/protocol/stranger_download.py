"""A stranger's side of tables in few bits, written from docs/reference/wire-format.md alone.

Like `stranger.py` it knows the standard library and nothing of fedmf. Python's floats are float64,
its operations those of IEEE 754, and `round` goes to the nearest integer, ties to the even one.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

Table = list[list[list[int]]]
WORD_BYTES = (1, 2, 4, 8)


class RefusedError(Exception):
    """The bytes are no table."""


@dataclass(frozen=True)
class Download:
    groups: tuple[tuple[str, int, int, int], ...]
    bits: int
    group: str
    counts: str | None
    prior: int

    @property
    def m(self) -> int:
        largest: int = 2 ** (self.bits - 1) - 1
        return largest

    @property
    def place(self) -> int:
        return [name for name, *_ in self.groups].index(self.group)

    def weights(self, table: Table) -> list[float]:
        rows = self.groups[self.place][1]
        if self.counts is None:
            return [1.0] * rows
        names = [name for name, *_ in self.groups]
        return [float(max(0, row[0])) + self.prior for row in table[names.index(self.counts)]]

    def sent(self, table: Table) -> bytes:
        plain = b"".join(
            value.to_bytes(word_bytes(bits), "little", signed=True)
            for (name, _, _, bits), group in zip(self.groups, table, strict=True)
            if name != self.group
            for row in group
            for value in row
        )
        weights = self.weights(table)
        weighted = [
            [float(value) / weight for value in row]
            for row, weight in zip(table[self.place], weights, strict=True)
        ]
        scales = [float32(max(map(abs, column))) for column in zip(*weighted, strict=True)]
        packed, place = 0, 0
        for row in weighted:
            for t, scale in zip(row, scales, strict=True):
                packed |= (round(t / scale * self.m) + self.m if scale else self.m) << place
                place += self.bits
        return (
            plain
            + b"".join(struct.pack("<f", scale) for scale in scales)
            + packed.to_bytes(-(-place // 8), "little")
        )

    def opened(self, data: bytes) -> Table:
        table: Table = []
        at = 0
        for name, rows, columns, bits in self.groups:
            if name == self.group:
                table.append([])
                continue
            size = word_bytes(bits)
            words = [
                int.from_bytes(data[at + k * size : at + (k + 1) * size], "little", signed=True)
                for k in range(rows * columns)
            ]
            table.append([words[k * columns : (k + 1) * columns] for k in range(rows)])
            at += rows * columns * size
        _, rows, columns, word_bits = self.groups[self.place]
        if len(data) != at + 4 * columns - (-rows * columns * self.bits // 8):
            raise RefusedError("size")
        scales = struct.unpack_from(f"<{columns}f", data, at)
        if any(not math.isfinite(c) or math.copysign(1.0, c) < 0 for c in scales):
            raise RefusedError("scale")
        packed = int.from_bytes(data[at + 4 * columns :], "little")
        for weight in self.weights(table):
            row = []
            for scale in scales:
                packed, u = divmod(packed, 2**self.bits)
                if u > 2 * self.m:
                    raise RefusedError("value")
                value = round((u - self.m) * scale * weight / self.m)
                row.append(max(-(2 ** (word_bits - 1)), min(2 ** (word_bits - 1) - 1, value)))
            table[self.place].append(row)
        if packed:
            raise RefusedError("bits behind the values")
        return table


def word_bytes(bits: int) -> int:
    return next(size for size in WORD_BYTES if 8 * size >= bits)


def float32(value: float) -> float:
    (rounded,) = struct.unpack("<f", struct.pack("<f", value))
    return float(rounded)
