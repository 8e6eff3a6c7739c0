"""A stranger's server and participant, written from docs/reference/wire-format.md alone.

Only the standard library is imported, and nothing of fedmf: that is what makes it a witness. It is
slow and plain, and leaves out whatever a real implementation needs beyond the wire.
"""

from __future__ import annotations

import hashlib
import json
import math
import secrets
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Table = list[list[list[int]]]
"""Group, row, column."""
Change = list[dict[int, list[int]]]
"""For each group the changed rows by their numbers."""
Cell = list[tuple[int, int, int]]
"""The places (group, row, column) whose values travel as one number."""


class RefusedError(ValueError):
    """Something that the page says is to be refused."""


@dataclass(frozen=True)
class Terms:
    """A session; `groups` are (name, rows, columns, word bits)."""

    session_id: bytes
    protection: str
    upload: str
    groups: tuple[tuple[str, int, int, int], ...]
    participants: int
    rounds: int
    public_key: int | None
    learning_sha256: bytes

    def canonical(self) -> bytes:
        groups = ",".join(
            f"[{json.dumps(name, ensure_ascii=False)},{rows},{columns},{bits}]"
            for name, rows, columns, bits in self.groups
        )
        key = "null" if self.public_key is None else f'"{self.public_key:x}"'
        return (
            f'{{"groups":[{groups}],"learning_sha256":"{self.learning_sha256.hex()}",'
            f'"participants":{self.participants},"protection":"{self.protection}",'
            f'"public_key":{key},"rounds":{self.rounds},"session_id":"{self.session_id.hex()}",'
            f'"upload":"{self.upload}"}}'
        ).encode()

    def digest(self) -> bytes:
        return hashlib.sha256(b"fedmf session 1\n" + self.canonical()).digest()

    def framed(self, kind: int, round_number: int, body: bytes) -> bytes:
        head = b"FDMF" + bytes([1, kind]) + self.digest()
        frame = head + struct.pack("<IQ", round_number, len(body)) + body
        return frame + hashlib.sha256(frame).digest()

    def unframed(self, kind: int, data: bytes) -> tuple[int, bytes]:
        if len(data) < 82:
            raise RefusedError("too short")
        (round_number,) = struct.unpack("<I", data[38:42])
        body = data[50:-32]
        if (
            data != self.framed(kind, round_number, body)
            or not 1 <= round_number <= self.rounds + 1
        ):
            raise RefusedError("not a message of this kind and session")
        return round_number, body

    def cells(self, per_cell: Sequence[int], rows: Sequence[Iterable[int]] | None) -> list[Cell]:
        """Return the cells of these rows, in the order of a payload; None: of the table."""
        found = []
        for k, (_, all_rows, columns, _) in enumerate(self.groups):
            runs = [
                [(k, row, column) for column in range(columns)]
                for row in (range(all_rows) if rows is None else rows[k])
            ]
            if self.upload == "full":
                runs = [[place for run in runs for place in run]]
            for run in runs:
                found += [run[at : at + per_cell[k]] for at in range(0, len(run), per_cell[k])]
        return found


def pack(values: Sequence[int], bits: int) -> int:
    return sum(value * 2 ** (bits * slot) for slot, value in enumerate(values))


def unpack(packed: int, count: int, bits: int) -> list[int]:
    half = 2 ** (bits - 1)
    shifted = packed + pack([half] * count, bits)
    if not 0 <= shifted < 2 ** (bits * count):
        raise RefusedError("does not open")
    return [(shifted >> (bits * slot)) % 2**bits - half for slot in range(count)]


class Plain:
    """Protection none: one word a cell."""

    def __init__(self, terms: Terms) -> None:
        self.per_cell = [1] * len(terms.groups)
        self._sizes = [
            min(size for size in (1, 2, 4, 8) if 8 * size >= bits) for *_, bits in terms.groups
        ]

    def protect(self, plaintext: int) -> int:
        return plaintext

    def trivial(self, plaintext: int) -> int:
        return plaintext

    def reveal(self, number: int) -> int:
        return number

    def add(self, a: int, b: int) -> int:
        return a + b

    def size(self, group: int) -> int:
        return self._sizes[group]

    def write(self, group: int, number: int) -> bytes:
        return number.to_bytes(self._sizes[group], "little", signed=True)

    def read(self, data: bytes) -> int:
        return int.from_bytes(data, "little", signed=True)


class Paillier:
    """Protection paillier from the textbook; a server has no primes."""

    def __init__(self, terms: Terms, primes: tuple[int, int] | None = None) -> None:
        assert terms.public_key is not None
        self._n, self._square, self._primes = terms.public_key, terms.public_key**2, primes
        self._bytes = 2 * self._n.bit_length() // 8
        self.per_cell = [(self._n.bit_length() - 32) // bits for *_, bits in terms.groups]

    def protect(self, plaintext: int) -> int:
        x = 1 + secrets.randbelow(self._n - 1)
        return self.trivial(plaintext) * pow(x, self._n, self._square) % self._square

    def trivial(self, plaintext: int) -> int:
        return (1 + plaintext * self._n) % self._square

    def reveal(self, number: int) -> int:
        assert self._primes is not None
        order = (self._primes[0] - 1) * (self._primes[1] - 1)
        power = pow(number, order, self._square)
        plaintext = (power - 1) // self._n * pow(order, -1, self._n) % self._n
        return plaintext - self._n if plaintext > self._n // 2 else plaintext

    def add(self, a: int, b: int) -> int:
        return a * b % self._square

    def size(self, group: int) -> int:
        del group
        return self._bytes

    def write(self, group: int, number: int) -> bytes:
        return number.to_bytes(self.size(group), "big")

    def read(self, data: bytes) -> int:
        number = int.from_bytes(data, "big")
        if not 0 < number < self._square or math.gcd(number, self._n) != 1:
            raise RefusedError("no ciphertext")
        return number


def read_numbers(protection: Plain | Paillier, cells: Sequence[Cell], payload: bytes) -> list[int]:
    sizes = [protection.size(cell[0][0]) for cell in cells]
    if len(payload) != sum(sizes):
        raise RefusedError("a payload of another size")
    numbers = []
    for size in sizes:
        numbers.append(protection.read(payload[:size]))
        payload = payload[size:]
    return numbers


class Participant:
    """Opens tables and protects changes."""

    def __init__(self, terms: Terms, number: int, protection: Plain | Paillier) -> None:
        self._terms, self._number, self._protection = terms, number, protection

    def open(self, message: bytes) -> tuple[int, Table]:
        round_number, payload = self._terms.unframed(1, message)
        cells = self._terms.cells(self._protection.per_cell, None)
        table = [[[0] * columns for _ in range(rows)] for _, rows, columns, _ in self._terms.groups]
        for cell, number in zip(cells, read_numbers(self._protection, cells, payload), strict=True):
            bits = self._terms.groups[cell[0][0]][3]
            values = unpack(self._protection.reveal(number), len(cell), bits)
            for (k, row, column), value in zip(cell, values, strict=True):
                table[k][row][column] = value
        return round_number, table

    def upload(self, round_number: int, change: Change) -> bytes:
        body = struct.pack("<I", self._number)
        rows = None
        if self._terms.upload == "part":
            rows = [sorted(group) for group in change]
            for listed in rows:
                body += struct.pack(f"<{1 + len(listed)}I", len(listed), *listed)
        for cell in self._terms.cells(self._protection.per_cell, rows):
            values = [change[k][row][column] if row in change[k] else 0 for k, row, column in cell]
            number = self._protection.protect(pack(values, self._terms.groups[cell[0][0]][3]))
            body += self._protection.write(cell[0][0], number)
        return self._terms.framed(2, round_number, body)

    def included(self, message: bytes) -> bool:
        _, body = self._terms.unframed(3, message)
        (count,) = struct.unpack("<I", body[:4])
        return self._number in struct.unpack(f"<{count}I", body[4:])


class Server:
    """Adds uploads of the round under way; everybody is in every cohort."""

    def __init__(self, terms: Terms, protection: Plain | Paillier, start: Table) -> None:
        self._terms, self._protection = terms, protection
        self._round, self._included = 1, set[int]()
        self._cells = terms.cells(protection.per_cell, None)
        self._numbers = {
            cell[0]: protection.trivial(
                pack(
                    [start[k][row][column] for k, row, column in cell], terms.groups[cell[0][0]][3]
                )
            )
            for cell in self._cells
        }

    def table(self) -> bytes:
        payload = b"".join(
            self._protection.write(cell[0][0], self._numbers[cell[0]]) for cell in self._cells
        )
        return self._terms.framed(1, self._round, payload)

    def receive(self, message: bytes) -> None:
        round_number, body = self._terms.unframed(2, message)
        (participant,), body = struct.unpack("<I", body[:4]), body[4:]
        if round_number != self._round or participant in self._included:
            raise RefusedError("not due")
        rows: list[list[int]] | None = None
        if self._terms.upload == "part":
            rows = []
            for _ in self._terms.groups:
                (count,) = struct.unpack("<I", body[:4])
                rows.append(list(struct.unpack(f"<{count}I", body[4 : 4 + 4 * count])))
                body = body[4 + 4 * count :]
        cells = self._terms.cells(self._protection.per_cell, rows)
        for cell, number in zip(cells, read_numbers(self._protection, cells, body), strict=True):
            self._numbers[cell[0]] = self._protection.add(self._numbers[cell[0]], number)
        self._included.add(participant)

    def close(self) -> bytes:
        listed = sorted(self._included)
        closing = self._terms.framed(
            3, self._round, struct.pack(f"<{1 + len(listed)}I", len(listed), *listed)
        )
        self._round, self._included = self._round + 1, set()
        return closing


def table_sha256(table: Table) -> str:
    values = (value for group in table for row in group for value in row)
    words = b"".join(value.to_bytes(8, "little", signed=True) for value in values)
    return hashlib.sha256(words).hexdigest()
