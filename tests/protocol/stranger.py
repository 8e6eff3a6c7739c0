"""A stranger's server and participant, written from docs/reference/wire-format.md alone.

Only the standard library is imported (and the tags beside this file, for which the same goes), and
nothing of fedmf: that is what makes it a witness. It is slow and plain, and leaves out whatever a
real implementation needs beyond the wire.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import secrets
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.protocol.stranger_slices import Part, Slices, parts_of, travelling
from tests.protocol.stranger_tags import Tags

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
    slices: Slices | None = None

    def canonical(self) -> bytes:
        groups = ",".join(
            f"[{json.dumps(name, ensure_ascii=False)},{rows},{columns},{bits}]"
            for name, rows, columns, bits in self.groups
        )
        key = "null" if self.public_key is None else f'"{self.public_key:x}"'
        cut = "" if self.slices is None else f'"slices":{self.slices.canonical()},'
        return (
            f'{{"groups":[{groups}],"learning_sha256":"{self.learning_sha256.hex()}",'
            f'"participants":{self.participants},"protection":"{self.protection}",'
            f'"public_key":{key},"rounds":{self.rounds},"session_id":"{self.session_id.hex()}",'
            f'{cut}"upload":"{self.upload}"}}'
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

    def nonce_bytes(self) -> int:
        return 0 if self.protection == "none" else 32

    @property
    def parts(self) -> list[Part]:
        """All parts of the table."""
        return parts_of(self.groups, self.slices)

    def travelling(self, counted_round: int) -> list[int]:
        """Return the numbers of the parts that travel in a round."""
        return travelling(self.groups, self.slices, counted_round)

    def cells(self, per_cell: Sequence[int], part: Part) -> list[Cell]:
        """Return the cells of some rows of some groups, in the order of a payload."""
        found = []
        for k, rows in part:
            columns = self.groups[k][2]
            runs = [[(k, row, column) for column in range(columns)] for row in rows]
            if self.upload != "part":
                runs = [[place for run in runs for place in run]]
            for run in runs:
                found += [run[at : at + per_cell[k]] for at in range(0, len(run), per_cell[k])]
        return found

    def table_cells(self, per_cell: Sequence[int]) -> list[Cell]:
        """Return the cells of a table; under `none` they are in the order of its groups."""
        parts = self.parts
        if self.protection == "none":
            parts = [[(k, list(range(rows))) for k, (_, rows, _, _) in enumerate(self.groups)]]
        return [cell for part in parts for cell in self.cells(per_cell, part)]

    def sent_cells(
        self, per_cell: Sequence[int], counted_round: int, rows: Sequence[Iterable[int]] | None
    ) -> list[Cell]:
        """Return the cells of an upload that lists these rows; None: it lists none."""
        if rows is not None:
            return self.cells(per_cell, [(k, list(listed)) for k, listed in enumerate(rows)])
        due = [self.parts[number] for number in self.travelling(counted_round)]
        return [cell for part in due for cell in self.cells(per_cell, part)]


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

    tag_bits = 0

    def __init__(self, terms: Terms) -> None:
        self.per_cell = [1] * len(terms.groups)
        self._sizes = [
            min(size for size in (1, 2, 4, 8) if 8 * size >= bits) for *_, bits in terms.groups
        ]

    def tags(self, start: Table) -> None:
        del start

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
        self._terms = terms
        self.tag_bits = 192 + len(f"{terms.participants * terms.rounds:b}")
        self.per_cell = [
            (self._n.bit_length() - 32 - self.tag_bits) // bits for *_, bits in terms.groups
        ]

    def tags(self, start: Table) -> Tags:
        assert self._primes is not None
        size = self._n.bit_length() // 16
        secret = hashlib.sha256(
            b"fedmf master secret of a paillier key v1\n"
            + min(self._primes).to_bytes(size, "big")
            + max(self._primes).to_bytes(size, "big")
        ).digest()
        numbers = itertools.count()
        number_of = {
            (k, row, column): next(numbers)
            for part in self._terms.parts
            for k, rows in part
            for row in rows
            for column in range(self._terms.groups[k][2])
        }
        return Tags(
            self._terms.digest(),
            secret,
            [[number_of[at] for at in cell] for cell in self._terms.table_cells(self.per_cell)],
            [start[k][row][column] for k, row, column in number_of],
        )

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

    def __init__(
        self, terms: Terms, number: int, protection: Plain | Paillier, start: Table
    ) -> None:
        self._terms, self._number, self._protection = terms, number, protection
        self._tags, self._sliced = protection.tags(start), terms.slices is not None
        self._cells = terms.table_cells(protection.per_cell)

    def open(self, message: bytes) -> tuple[int, Table]:
        round_number, payload = self._terms.unframed(1, message)
        table = [[[0] * columns for _ in range(rows)] for _, rows, columns, _ in self._terms.groups]
        numbers = read_numbers(self._protection, self._cells, payload)
        for piece, (cell, number) in enumerate(zip(self._cells, numbers, strict=True)):
            bits = self._terms.groups[cell[0][0]][3]
            packed, tag = divmod(self._protection.reveal(number), 2**self._protection.tag_bits)
            values = unpack(packed, len(cell), bits)
            if self._tags is not None and not self._tags.fits(piece, values, tag):
                raise RefusedError("does not open")
            for (k, row, column), value in zip(cell, values, strict=True):
                table[k][row][column] = value
        return round_number, table

    def upload(self, round_number: int, change: Change) -> bytes:
        nonce = secrets.token_bytes(self._terms.nonce_bytes())
        body = struct.pack("<I", self._number) + nonce
        rows = None
        if self._terms.upload == "part":
            rows = [sorted(group) for group in change]
            for listed in rows:
                body += struct.pack(f"<{1 + len(listed)}I", len(listed), *listed)
        sent = self._terms.sent_cells(self._protection.per_cell, round_number, rows)
        masks = self._tags and self._tags.masks(round_number, self._number, nonce)
        plain, written = b"", dict[tuple[int, int, int], bytes]()
        for piece, cell in enumerate(self._cells):
            values = [change[k][row][column] if row in change[k] else 0 for k, row, column in cell]
            tag = 0
            if self._tags and masks:
                tag = (self._tags.of(piece, values) + masks[piece]) % 2**128
                tag += 2**128 * secrets.randbits(64)
            if cell in sent:
                packed = pack(values, self._terms.groups[cell[0][0]][3])
                number = self._protection.protect(packed * 2**self._protection.tag_bits + tag)
                written[cell[0]] = self._protection.write(cell[0][0], number)
            elif self._tags and rows is not None:
                plain += tag.to_bytes(24, "little")
        body += b"".join(written[cell[0]] for cell in sent)
        return self._terms.framed(2, round_number, body + plain)

    def included(self, message: bytes) -> bool:
        round_number, body = self._terms.unframed(3, message)
        (count,) = struct.unpack("<I", body[:4])
        listed = struct.unpack(f"<{count}I", body[4 : 4 + 4 * count])
        size = self._terms.nonce_bytes()
        due = self._terms.sent_cells(self._protection.per_cell, round_number, None)
        # Plain tags of a part upload stand for the rows that it does not list.
        pieces = [n for n, cell in enumerate(self._cells) if cell in due or not self._sliced]
        for k, participant in enumerate(listed):
            nonce = body[4 + 4 * count + k * size :][:size]
            if self._tags is not None:
                self._tags.include(round_number, participant, nonce, pieces)
        return self._number in listed


class Server:
    """Adds uploads of the round under way; everybody is in every cohort."""

    def __init__(self, terms: Terms, protection: Plain | Paillier, start: Table) -> None:
        self._terms, self._protection = terms, protection
        self._round, self._included, self._nonces = 1, dict[int, bytes](), set[bytes]()
        self._cells = terms.table_cells(protection.per_cell)
        self._numbers = {}
        for cell in self._cells:
            values = [start[k][row][column] for k, row, column in cell]
            packed = pack(values, terms.groups[cell[0][0]][3])
            self._numbers[cell[0]] = protection.trivial(packed * 2**protection.tag_bits)

    def table(self) -> bytes:
        payload = b"".join(
            self._protection.write(cell[0][0], self._numbers[cell[0]]) for cell in self._cells
        )
        return self._terms.framed(1, self._round, payload)

    def receive(self, message: bytes) -> None:
        round_number, body = self._terms.unframed(2, message)
        size = self._terms.nonce_bytes()
        (participant,), nonce, body = (
            struct.unpack("<I", body[:4]),
            body[4 : 4 + size],
            body[4 + size :],
        )
        if round_number != self._round or participant in self._included or nonce in self._nonces:
            raise RefusedError("not due")
        rows: list[list[int]] | None = None
        if self._terms.upload == "part":
            rows = []
            for _ in self._terms.groups:
                (count,) = struct.unpack("<I", body[:4])
                rows.append(list(struct.unpack(f"<{count}I", body[4 : 4 + 4 * count])))
                body = body[4 + 4 * count :]
        sent = self._terms.sent_cells(self._protection.per_cell, round_number, rows)
        unsent = []
        if rows is not None and self._protection.tag_bits:
            unsent = [cell for cell in self._cells if cell not in sent]
        end = len(body) - 24 * len(unsent)
        added = read_numbers(self._protection, sent, body[:end])
        for at in range(end, len(body), 24):
            added.append(self._protection.trivial(int.from_bytes(body[at : at + 24], "little")))
        for cell, number in zip(sent + unsent, added, strict=True):
            self._numbers[cell[0]] = self._protection.add(self._numbers[cell[0]], number)
        self._included[participant] = nonce
        self._nonces |= {nonce} if nonce else set()

    def close(self) -> bytes:
        listed = sorted(self._included)
        body = struct.pack(f"<{1 + len(listed)}I", len(listed), *listed)
        body += b"".join(self._included[participant] for participant in listed)
        closing = self._terms.framed(3, self._round, body)
        self._round, self._included = self._round + 1, {}
        return closing


def table_sha256(table: Table) -> str:
    values = (value for group in table for row in group for value in row)
    words = b"".join(value.to_bytes(8, "little", signed=True) for value in values)
    return hashlib.sha256(words).hexdigest()
