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
            limb_bits = w - uploads.bit_length()
            if limb_bits >= 2 or all(bits <= w for *_, bits in terms.groups):
                self.kept_bits, self.w, self.limb_bits = kept_bits, w, limb_bits
                count = sum(
                    rows * columns * self.limbs(bits) for _, rows, columns, bits in terms.groups
                )
                blocks = -(-count // DEGREE)
                choices.append((blocks * kept_bits, kept_bits, w, limb_bits, blocks))
        if not choices:
            raise RefusedError("too many uploads")
        _, self.kept_bits, self.w, self.limb_bits, self.blocks = min(choices)

    @cached_property
    def public(self) -> list[list[int]]:
        """The polynomials a_j."""
        seed = hashlib.sha256(b"fedmf rlwe public polynomials\n" + self.terms.digest()).digest()
        stream = keystream(seed, 6 * DEGREE * self.blocks)
        numbers = [
            int.from_bytes(stream[at : at + 3], "little") - 2**23 for at in range(0, len(stream), 3)
        ]
        coefficients = [
            low + 2**24 * high for low, high in zip(numbers[::2], numbers[1::2], strict=True)
        ]
        return [coefficients[DEGREE * j : DEGREE * (j + 1)] for j in range(self.blocks)]

    def limbs(self, bits: int) -> int:
        return 1 if bits <= self.w else 1 + -(-(bits - (self.w - 1)) // self.limb_bits)

    def split(self, values: list[int], bits: int) -> list[int]:
        base, limbs = 2**self.limb_bits, []
        for _ in range(self.limbs(bits) - 1):
            lowest = [(v + base // 2) % base - base // 2 for v in values]
            values = [(v - low) // base for v, low in zip(values, lowest, strict=True)]
            limbs += lowest
        return limbs + values

    def joined(self, limbs: list[int], count: int, bits: int) -> list[int]:
        """Return so many values of so many bits; takes their limbs off the front of the list."""
        each = self.limbs(bits)
        taken = limbs[: count * each]
        del limbs[: count * each]
        return [
            nearest_to_zero(
                sum(taken[k + place * count] << self.limb_bits * place for place in range(each)),
                bits,
            )
            for k in range(count)
        ]

    def table_limbs(self, table: Table) -> list[int]:
        limbs = []
        for (*_, bits), group in zip(self.terms.groups, table, strict=True):
            limbs += self.split([value for row in group for value in row], bits)
        return limbs

    def padded(self, integers: list[int]) -> list[int]:
        return integers + [0] * (self.blocks * DEGREE - len(integers))

    def rounded(self, exact: list[int]) -> list[int]:
        dropped = 48 - self.kept_bits
        return [(x + 2 ** (dropped - 1) >> dropped) % 2**self.kept_bits for x in exact]

    def write(self, words: list[int], tags: list[int]) -> bytes:
        written = b"".join(word.to_bytes(self.kept_bits // 8, "little") for word in words)
        return written + struct.pack("<2Q", *tags)

    def read(self, payload: bytes) -> tuple[list[int], list[int]]:
        """Return the words of a payload, and the two tags behind them."""
        size = self.kept_bits // 8
        end = self.blocks * DEGREE * size
        if len(payload) != end + 16:
            raise RefusedError("a payload of another size")
        words = [int.from_bytes(payload[at : at + size], "little") for at in range(0, end, size)]
        return words, list(struct.unpack("<2Q", payload[end:]))


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
        self._start = self._words.table_limbs(start)
        count = len(self._start)
        stream = keystream(self._prf(b"tag factors"), 2 * 8 * count)
        factors = struct.unpack(f"<{2 * count}Q", stream)
        self._factors = factors[:count], factors[count:]
        self._key, self._masks, self._uploads = [0] * DEGREE, [0, 0], 0

    def _prf(self, label: bytes, *parts: bytes) -> bytes:
        arguments = (label, self._terms.digest(), *parts)
        data = b"".join(struct.pack("<Q", len(part)) + part for part in arguments)
        return hmac.digest(self._secret, data, "sha256")

    def _upload_key(self, *upload: bytes) -> list[int]:
        stream = keystream(self._prf(b"upload key", *upload), 8 * DEGREE)
        return [word.bit_count() - 32 for word in struct.unpack(f"<{DEGREE}Q", stream)]

    def _beta(self, *upload: bytes) -> tuple[int, ...]:
        return struct.unpack("<2Q", self._prf(b"tag masks", *upload)[:16])

    def _tags(self, limbs: list[int]) -> list[int]:
        return [sum(map(int.__mul__, factors, limbs)) for factors in self._factors]

    def upload(self, round_number: int, change: Change) -> bytes:
        words, nonce = self._words, secrets.token_bytes(32)
        table = [
            [rows.get(row, [0] * columns) for row in range(count)]
            for rows, (_, count, columns, _) in zip(change, self._terms.groups, strict=True)
        ]
        limbs = words.table_limbs(table)
        upload = struct.pack("<I", round_number), struct.pack("<I", self._number), nonce
        beta = self._beta(*upload)
        tags = [(t + b) % 2**64 for t, b in zip(self._tags(limbs), beta, strict=True)]
        messages = words.padded(limbs)
        key = self._upload_key(*upload)
        exact: list[int] = []
        for public in words.public:
            for masked in product(public, key):
                noise = secrets.randbits(64).bit_count() - 32
                exact.append(masked + noise + 2 ** (48 - words.w) * messages[len(exact)])
        payload = words.write(words.rounded(exact), tags)
        return self._terms.framed(2, round_number, upload[1] + nonce + payload)

    def included(self, message: bytes) -> bool:
        round_number, body = self._terms.unframed(3, message)
        uploads = listed(body)
        for number, nonce in uploads:
            upload = struct.pack("<I", round_number), struct.pack("<I", number), nonce
            key, beta = self._upload_key(*upload), self._beta(*upload)
            self._key = [a + b for a, b in zip(self._key, key, strict=True)]
            self._masks = [a + b for a, b in zip(self._masks, beta, strict=True)]
            self._uploads += 1
        return self._number in dict(uploads)

    def open(self, message: bytes) -> tuple[int, Table]:
        round_number, payload = self._terms.unframed(1, message)
        words = self._words
        masks = [masked for public in words.public for masked in product(public, self._key)]
        step = 2 ** (words.kept_bits - words.w)
        mean = round((self._uploads - 1) * 2.0 ** (words.kept_bits - 49))
        limbs = []
        sums, found = words.read(payload)
        for word, mask in zip(sums, words.rounded(masks), strict=True):
            noisy = nearest_to_zero(word - mask - mean, words.kept_bits)
            opened = (noisy + step // 2) // step
            if abs(noisy - opened * step) > noise_bound(self._uploads, words.kept_bits):
                raise RefusedError("does not open")
            limbs.append(nearest_to_zero(opened, words.w))
        added = [m - start for m, start in zip(limbs, self._start, strict=False)]
        for tag, beta, due in zip(found, self._masks, self._tags(added), strict=True):
            if (tag - beta - due) % 2**64:
                raise RefusedError("does not open")
        table = []
        for _, rows, columns, bits in self._terms.groups:
            values = words.joined(limbs, rows * columns, bits)
            table.append([values[columns * row : columns * (row + 1)] for row in range(rows)])
        return round_number, table


class RlweServer:
    """Adds uploads of the round under way; everybody is in every cohort."""

    def __init__(self, terms: Terms, start: Table) -> None:
        self._terms, self._words = terms, Words(terms)
        step = 2 ** (self._words.kept_bits - self._words.w)
        self._modulus = 2**self._words.kept_bits
        limbs = self._words.padded(self._words.table_limbs(start))
        self._sum, self._tags = [step * limb % self._modulus for limb in limbs], [0, 0]
        self._round, self._included = 1, dict[int, bytes]()
        self._nonces = set[bytes]()

    def table(self) -> bytes:
        return self._terms.framed(1, self._round, self._words.write(self._sum, self._tags))

    def receive(self, message: bytes) -> None:
        round_number, body = self._terms.unframed(2, message)
        (participant,), nonce = struct.unpack("<I", body[:4]), body[4:36]
        if round_number != self._round or participant in self._included or nonce in self._nonces:
            raise RefusedError("not due")
        words, tags = self._words.read(body[36:])
        self._tags = [(a + b) % 2**64 for a, b in zip(self._tags, tags, strict=True)]
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
