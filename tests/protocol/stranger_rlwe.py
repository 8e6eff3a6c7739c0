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
    """What a session's terms say about its words."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        uploads = terms.participants * terms.rounds
        choices = []
        for kept_bits in (32, 40):
            noise = noise_bound(uploads, kept_bits)
            w = max(w for w in range(1, 33) if noise <= 2.0 ** (kept_bits - w - 1))
            counts = [0, 0]
            for _, rows, columns, bits in terms.groups:
                counts[bits > w] += rows * columns
            blocks = max(1, -(-counts[0] // DEGREE))
            size = blocks * DEGREE * kept_bits // 8 + 8 * counts[1]
            choices.append((size, kept_bits, w, blocks, counts[1]))
        if uploads > 2**35:
            raise RefusedError("too many uploads")
        _, self.kept_bits, self.w, self.blocks, self.beside = min(choices)
        widest = max(bits for *_, bits in terms.groups)
        self.tags = max(2, math.ceil(66 / (65 - widest)))
        self.numbers = self.tags + self.beside
        self.bytes = self.blocks * DEGREE * self.kept_bits // 8 + 8 * self.numbers

    @cached_property
    def public(self) -> list[list[int]]:
        """The polynomials a_j."""
        part = self.terms.digest() + bytes(4)
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
        return [
            (rows * columns, bits, bits > self.w) for _, rows, columns, bits in self.terms.groups
        ]

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


class RlweParticipant:
    """Opens tables and protects changes with the master secret."""

    def __init__(self, terms: Terms, number: int, secret: bytes, start: Table) -> None:
        self._terms, self._number, self._secret = terms, number, secret
        self._words = Words(terms)
        self._start = [value for group in start for row in group for value in row]
        count, tags = len(self._start), self._words.tags
        factors = self._numbers(tags * count, b"tag factors")
        self._factors = [factors[count * j : count * (j + 1)] for j in range(tags)]
        self._pads = [0] * self._words.numbers
        self._key, self._uploads = [0] * DEGREE, 0

    def _prf(self, label: bytes, *parts: bytes) -> bytes:
        # Factors of tags are for one part of the table, of which there is one here.
        part = bytes(4) if label == b"tag factors" else b""
        arguments = (label, self._terms.digest() + part, *parts)
        data = b"".join(struct.pack("<Q", len(part)) + part for part in arguments)
        return hmac.digest(self._secret, data, "sha256")

    def _key_and_pads(self, *upload: bytes) -> tuple[list[int], list[int]]:
        drawn = self._numbers(DEGREE + self._words.numbers, b"upload key", *upload)
        return [word.bit_count() - 32 for word in drawn[:DEGREE]], drawn[DEGREE:]

    def _numbers(self, count: int, label: bytes, *parts: bytes) -> list[int]:
        return list(struct.unpack(f"<{count}Q", keystream(self._prf(label, *parts), 8 * count)))

    def _tags(self, values: list[int]) -> list[int]:
        return [sum(map(int.__mul__, factors, values)) for factors in self._factors]

    def upload(self, round_number: int, change: Change) -> bytes:
        words, nonce = self._words, secrets.token_bytes(32)
        table = [
            [rows.get(row, [0] * columns) for row in range(count)]
            for rows, (_, count, columns, _) in zip(change, self._terms.groups, strict=True)
        ]
        messages, beside = words.split(table)
        values = [value for group in table for row in group for value in row]
        upload = struct.pack("<I", round_number), struct.pack("<I", self._number), nonce
        key, pads = self._key_and_pads(*upload)
        behind = zip(self._tags(values) + beside, pads, strict=True)
        numbers = [(number + pad) % 2**64 for number, pad in behind]
        messages = words.padded(messages)
        exact: list[int] = []
        for public in words.public:
            for masked in product(public, key):
                noise = secrets.randbits(64).bit_count() - 32
                exact.append(masked + noise + 2 ** (48 - words.w) * messages[len(exact)])
        payload = words.write(words.rounded(exact), numbers)
        return self._terms.framed(2, round_number, upload[1] + nonce + payload)

    def included(self, message: bytes) -> bool:
        round_number, body = self._terms.unframed(3, message)
        uploads = listed(body)
        for number, nonce in uploads:
            upload = struct.pack("<I", round_number), struct.pack("<I", number), nonce
            key, pads = self._key_and_pads(*upload)
            self._key = [a + b for a, b in zip(self._key, key, strict=True)]
            self._pads = [a + b for a, b in zip(self._pads, pads, strict=True)]
            self._uploads += 1
        return self._number in dict(uploads)

    def open(self, message: bytes) -> tuple[int, Table]:
        round_number, payload = self._terms.unframed(1, message)
        words = self._words
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
        for tag, due in zip(bare, self._tags(added), strict=False):
            if (tag - due) % 2**64:
                raise RefusedError("does not open")
        if not words.fit(values):
            raise RefusedError("does not open")
        table, rest = [], iter(values)
        for _, rows, columns, _ in self._terms.groups:
            table.append([[next(rest) for _ in range(columns)] for _ in range(rows)])
        return round_number, table


class RlweServer:
    """Adds uploads of the round under way; everybody is in every cohort."""

    def __init__(self, terms: Terms, start: Table) -> None:
        self._terms, self._words = terms, Words(terms)
        step = 2 ** (self._words.kept_bits - self._words.w)
        self._modulus = 2**self._words.kept_bits
        messages, beside = self._words.split(start)
        padded = self._words.padded(messages)
        self._sum = [step * message % self._modulus for message in padded]
        self._numbers = [0] * self._words.tags + [value % 2**64 for value in beside]
        self._round, self._included = 1, dict[int, bytes]()
        self._nonces = set[bytes]()

    def table(self) -> bytes:
        return self._terms.framed(1, self._round, self._words.write(self._sum, self._numbers))

    def receive(self, message: bytes) -> None:
        round_number, body = self._terms.unframed(2, message)
        (participant,), nonce = struct.unpack("<I", body[:4]), body[4:36]
        if round_number != self._round or participant in self._included or nonce in self._nonces:
            raise RefusedError("not due")
        words, numbers = self._words.read(body[36:])
        self._numbers = [(a + b) % 2**64 for a, b in zip(self._numbers, numbers, strict=True)]
        self._sum = [(a + b) % self._modulus for a, b in zip(self._sum, words, strict=True)]
        self._included[participant] = nonce
        self._nonces.add(nonce)

    def close(self) -> bytes:
        numbers = sorted(self._included)
        body = struct.pack(f"<{1 + len(numbers)}I", len(numbers), *numbers)
        body += b"".join(self._included[number] for number in numbers)
        closing = self._terms.framed(3, self._round, body)
        self._round, self._included = self._round + 1, {}
        return closing
