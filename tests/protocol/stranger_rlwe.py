"""A stranger's side of protection rlwe, written from docs/reference/wire-format.md alone.

Like `stranger.py`, on which it builds, it knows the standard library and nothing of fedmf.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
import struct
from functools import cached_property

from tests.protocol.stranger import Change, RefusedError, Table, Terms
from tests.protocol.stranger_aes import keystream
from tests.protocol.stranger_slices import Part

DEGREE, Q = 2048, 2**48


def noise_bound(uploads: int, kept_bits: int) -> float:
    return 9.8 * math.sqrt(uploads * (1 / 12 + 16 * 4.0 ** (kept_bits - 48))) + 1.5


def nearest_to_zero(number: int, bits: int) -> int:
    half: int = 2 ** (bits - 1)
    return (number + half) % (2 * half) - half


def product(a: list[int], b: list[int]) -> list[int]:
    """Multiply in Z[X] / (X^2048 + 1) modulo 2^48: as two integers with room between places."""
    as_integers = [
        int.from_bytes(b"".join((x % Q).to_bytes(14, "little") for x in factor), "little")
        for factor in (a, b)
    ]
    written = math.prod(as_integers).to_bytes(2 * DEGREE * 14, "little")
    places = [int.from_bytes(written[at : at + 14], "little") for at in range(0, len(written), 14)]
    return [(low - high) % Q for low, high in zip(places[:DEGREE], places[DEGREE:], strict=True)]


class Words:
    """What a session's terms say about the words of a part, by default the whole table."""

    def __init__(
        self,
        terms: Terms,
        part: Part | None = None,
        number: int = 0,
        rounds: int | None = None,
    ) -> None:
        self.terms, self.number = terms, number
        self.part = terms.parts[0] if part is None else part
        self.groups = [(len(rows), *terms.groups[k][2:]) for k, rows in self.part]
        uploads = terms.participants * (terms.rounds if rounds is None else rounds)
        choices = []
        for kept_bits in (32, 40):
            noise = noise_bound(uploads, kept_bits)
            w = max(w for w in range(1, 33) if noise <= 2.0 ** (kept_bits - w - 1))
            counts = [0, 0]
            for rows, columns, bits in self.groups:
                counts[bits > w] += rows * columns
            blocks = max(1, -(-counts[0] // DEGREE))
            size = blocks * DEGREE * kept_bits // 8 + 8 * counts[1]
            choices.append((size, kept_bits, w, blocks, counts[1]))
        if uploads > 2**35:
            raise RefusedError("too many uploads")
        _, self.kept_bits, self.w, self.blocks, self.beside = min(choices)
        widest = max(bits for *_, bits in self.groups)
        self.tags = max(2, math.ceil(66 / (65 - widest)))
        self.numbers = self.tags + self.beside
        self.bytes = self.blocks * DEGREE * self.kept_bits // 8 + 8 * self.numbers

    @cached_property
    def public(self) -> list[list[int]]:
        """The polynomials a_j."""
        part = self.terms.digest() + struct.pack("<I", self.number)
        seed = hashlib.sha256(b"fedmf rlwe public polynomials\n" + part).digest()
        stream = keystream(seed, 6 * DEGREE * self.blocks)
        numbers = [
            int.from_bytes(stream[at : at + 3], "little") - 2**23 for at in range(0, len(stream), 3)
        ]
        coefficients = [
            low + 2**24 * high for low, high in zip(numbers[::2], numbers[1::2], strict=True)
        ]
        return [coefficients[DEGREE * j : DEGREE * (j + 1)] for j in range(self.blocks)]

    def places(self) -> list[tuple[int, int, bool]]:
        """Return the number of values of each group, their bits, and whether they lie beside."""
        return [(rows * columns, bits, bits > self.w) for rows, columns, bits in self.groups]

    def taken(self, table: Table) -> Table:
        """Return the rows of the part."""
        return [[table[k][row] for row in rows] for k, rows in self.part]

    def split(self, table: Table) -> tuple[list[int], list[int]]:
        """Return the values in words, and those beside."""
        parts: tuple[list[int], list[int]] = ([], [])
        for (_, _, beside), group in zip(self.places(), table, strict=True):
            parts[beside].extend(value for row in group for value in row)
        return parts

    def joined(self, messages: list[int], beside: list[int]) -> list[int]:
        """Return all values in the order of the table; refuse those that do not fit."""
        values = []
        sources = iter(messages), iter(beside)
        for count, bits, lies_beside in self.places():
            for _ in range(count):
                value = next(sources[lies_beside])
                if not lies_beside:
                    value = nearest_to_zero(value, bits)
                values.append(nearest_to_zero(value, 64))
        return values

    def fit(self, values: list[int]) -> bool:
        bits = [bits for count, bits, _ in self.places() for _ in range(count)]
        return all(v == nearest_to_zero(v, b) for v, b in zip(values, bits, strict=True))

    def padded(self, integers: list[int]) -> list[int]:
        return integers + [0] * (self.blocks * DEGREE - len(integers))

    def rounded(self, exact: list[int]) -> list[int]:
        dropped = 48 - self.kept_bits
        return [(x + 2 ** (dropped - 1) >> dropped) % 2**self.kept_bits for x in exact]

    def write(self, words: list[int], numbers: list[int]) -> bytes:
        written = b"".join(word.to_bytes(self.kept_bits // 8, "little") for word in words)
        return written + struct.pack(f"<{len(numbers)}Q", *numbers)

    def read(self, payload: bytes) -> tuple[list[int], list[int]]:
        """Return the words of a payload, and the tags and values behind them."""
        size = self.kept_bits // 8
        end = self.blocks * DEGREE * size
        if len(payload) != self.bytes:
            raise RefusedError("a payload of another size")
        words = [int.from_bytes(payload[at : at + size], "little") for at in range(0, end, size)]
        return words, list(struct.unpack(f"<{self.numbers}Q", payload[end:]))


def listed(body: bytes) -> list[tuple[int, bytes]]:
    """Return participants and nonces of a closing."""
    (count,) = struct.unpack("<I", body[:4])
    numbers = struct.unpack(f"<{count}I", body[4 : 4 + 4 * count])
    nonces = body[4 + 4 * count :]
    if len(nonces) != 32 * count:
        raise RefusedError("a closing of another size")
    return [(number, nonces[32 * k : 32 * (k + 1)]) for k, number in enumerate(numbers)]


def flat(table: Table) -> list[int]:
    return [value for group in table for row in group for value in row]


def words_of_parts(terms: Terms) -> list[Words]:
    """Return the words of every part, with room for the noise of the rounds that it travels in."""
    if terms.slices is None:
        return [Words(terms)]
    rounds = [terms.travelling(number) for number in range(1, terms.rounds + 1)]
    return [
        Words(terms, part, number, sum(number in due for due in rounds))
        for number, part in enumerate(terms.parts)
    ]


class RlwePart:
    """One part as participants know it."""

    def __init__(self, words: Words, secret: bytes, start: Table) -> None:
        self.words, self._start = words, flat(words.taken(start))
        count, tags = len(self._start), words.tags
        context = words.terms.digest() + struct.pack("<I", words.number)
        stream = keystream(prf(secret, b"tag factors", context), 8 * tags * count)
        factors = struct.unpack(f"<{tags * count}Q", stream)
        self._factors = [factors[count * j : count * (j + 1)] for j in range(tags)]
        self._pads, self._key, self._uploads = [0] * words.numbers, [0] * DEGREE, 0

    def tags_of(self, values: list[int]) -> list[int]:
        return [sum(map(int.__mul__, factors, values)) for factors in self._factors]

    def hear(self, key: list[int], pads: list[int]) -> None:
        self._key = [a + b for a, b in zip(self._key, key, strict=True)]
        self._pads = [a + b for a, b in zip(self._pads, pads, strict=True)]
        self._uploads += 1

    def protect(self, table: Table, key: list[int], pads: list[int]) -> bytes:
        words, own = self.words, self.words.taken(table)
        messages, beside = words.split(own)
        behind = zip(self.tags_of(flat(own)) + beside, pads, strict=True)
        numbers = [(number + pad) % 2**64 for number, pad in behind]
        messages = words.padded(messages)
        exact: list[int] = []
        for public in words.public:
            for masked in product(public, key):
                noise = secrets.randbits(64).bit_count() - 32
                exact.append(masked + noise + 2 ** (48 - words.w) * messages[len(exact)])
        return words.write(words.rounded(exact), numbers)

    def open(self, payload: bytes) -> list[int]:
        words = self.words
        masks = [masked for public in words.public for masked in product(public, self._key)]
        step = 2 ** (words.kept_bits - words.w)
        mean = round((self._uploads - 1) * 2.0 ** (words.kept_bits - 49))
        messages = []
        sums, found = words.read(payload)
        for word, mask in zip(sums, words.rounded(masks), strict=True):
            noisy = nearest_to_zero(word - mask - mean, words.kept_bits)
            opened = (noisy + step // 2) // step
            if abs(noisy - opened * step) > noise_bound(self._uploads, words.kept_bits):
                raise RefusedError("does not open")
            messages.append(opened)
        bare = [number - pad for number, pad in zip(found, self._pads, strict=True)]
        values = words.joined(messages, bare[words.tags :])
        added = [m - start for m, start in zip(values, self._start, strict=True)]
        for tag, due in zip(bare, self.tags_of(added), strict=False):
            if (tag - due) % 2**64:
                raise RefusedError("does not open")
        if not words.fit(values):
            raise RefusedError("does not open")
        return values


def prf(secret: bytes, *arguments: bytes) -> bytes:
    data = b"".join(struct.pack("<Q", len(part)) + part for part in arguments)
    return hmac.digest(secret, data, "sha256")


class RlweParticipant:
    """Opens tables and protects changes with the master secret."""

    def __init__(self, terms: Terms, number: int, secret: bytes, start: Table) -> None:
        self._terms, self._number, self._secret = terms, number, secret
        self._parts = [RlwePart(words, secret, start) for words in words_of_parts(terms)]

    def _travelling(self, round_number: int) -> list[RlwePart]:
        return [self._parts[number] for number in self._terms.travelling(round_number)]

    def _key_and_pads(
        self, parts: list[RlwePart], *upload: bytes
    ) -> tuple[list[int], list[list[int]]]:
        count = DEGREE + sum(part.words.numbers for part in parts)
        seed = prf(self._secret, b"upload key", self._terms.digest(), *upload)
        drawn = list(struct.unpack(f"<{count}Q", keystream(seed, 8 * count)))
        pads, rest = [], drawn[DEGREE:]
        for part in parts:
            pads.append(rest[: part.words.numbers])
            rest = rest[part.words.numbers :]
        return [word.bit_count() - 32 for word in drawn[:DEGREE]], pads

    def upload(self, round_number: int, change: Change) -> bytes:
        nonce, parts = secrets.token_bytes(32), self._travelling(round_number)
        table = [
            [rows.get(row, [0] * columns) for row in range(count)]
            for rows, (_, count, columns, _) in zip(change, self._terms.groups, strict=True)
        ]
        upload = struct.pack("<I", round_number), struct.pack("<I", self._number), nonce
        key, pads = self._key_and_pads(parts, *upload)
        payload = [part.protect(table, key, own) for part, own in zip(parts, pads, strict=True)]
        return self._terms.framed(2, round_number, upload[1] + nonce + b"".join(payload))

    def included(self, message: bytes) -> bool:
        round_number, body = self._terms.unframed(3, message)
        uploads, parts = listed(body), self._travelling(round_number)
        for number, nonce in uploads:
            upload = struct.pack("<I", round_number), struct.pack("<I", number), nonce
            key, pads = self._key_and_pads(parts, *upload)
            for part, own in zip(parts, pads, strict=True):
                part.hear(key, own)
        return self._number in dict(uploads)

    def open(self, message: bytes) -> tuple[int, Table]:
        round_number, payload = self._terms.unframed(1, message)
        table = [[[0] * columns for _ in range(rows)] for _, rows, columns, _ in self._terms.groups]
        for part in self._parts:
            rest = iter(part.open(payload[: part.words.bytes]))
            payload = payload[part.words.bytes :]
            for k, rows in part.words.part:
                for row in rows:
                    table[k][row] = [next(rest) for _ in table[k][row]]
        if payload:
            raise RefusedError("a payload of another size")
        return round_number, table


class RlweServer:
    """Adds uploads of the round under way; everybody is in every cohort."""

    def __init__(self, terms: Terms, start: Table) -> None:
        self._terms, self._words = terms, words_of_parts(terms)
        self._sums, self._numbers = list[list[int]](), list[list[int]]()
        for words in self._words:
            step = 2 ** (words.kept_bits - words.w)
            messages, beside = words.split(words.taken(start))
            padded = words.padded(messages)
            self._sums.append([step * message % 2**words.kept_bits for message in padded])
            self._numbers.append([0] * words.tags + [value % 2**64 for value in beside])
        self._round, self._included = 1, dict[int, bytes]()
        self._nonces = set[bytes]()

    def table(self) -> bytes:
        parts = zip(self._words, self._sums, self._numbers, strict=True)
        payload = b"".join(words.write(sums, numbers) for words, sums, numbers in parts)
        return self._terms.framed(1, self._round, payload)

    def receive(self, message: bytes) -> None:
        round_number, body = self._terms.unframed(2, message)
        (participant,), nonce = struct.unpack("<I", body[:4]), body[4:36]
        if round_number != self._round or participant in self._included or nonce in self._nonces:
            raise RefusedError("not due")
        payload = body[36:]
        due = self._terms.travelling(round_number)
        if len(payload) != sum(self._words[number].bytes for number in due):
            raise RefusedError("a payload of another size")
        for number in due:
            size, bits = self._words[number].bytes, self._words[number].kept_bits
            words, behind = self._words[number].read(payload[:size])
            payload = payload[size:]
            self._sums[number] = added(self._sums[number], words, bits)
            self._numbers[number] = added(self._numbers[number], behind, 64)
        self._included[participant] = nonce
        self._nonces.add(nonce)

    def close(self) -> bytes:
        numbers = sorted(self._included)
        body = struct.pack(f"<{1 + len(numbers)}I", len(numbers), *numbers)
        body += b"".join(self._included[number] for number in numbers)
        closing = self._terms.framed(3, self._round, body)
        self._round, self._included = self._round + 1, {}
        return closing


def added(some: list[int], others: list[int], bits: int) -> list[int]:
    return [(a + b) % 2**bits for a, b in zip(some, others, strict=True)]
