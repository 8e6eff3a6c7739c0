"""The stranger's integrity tags, and the AES-256 in counter mode below them.

With Python's standard library alone, from docs/reference/wire-format.md, NIST FIPS 197 and SP
800-38A. Slow, and open to anybody who measures time.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Sequence


def _sbox() -> list[int]:
    """Return the substitution of FIPS 197, 5.1.1: inverses in GF(2^8) under an affine map."""
    box = [0x63] * 256
    power = inverse = 1
    while True:
        power ^= _doubled(power)  # times 3, which generates all that is not zero
        for shift in (1, 2, 4):  # divided by 3
            inverse ^= inverse << shift & 0xFF
        inverse ^= 0x09 if inverse & 0x80 else 0
        turned = inverse
        for shift in (1, 2, 3, 4):
            turned ^= (inverse << shift | inverse >> (8 - shift)) & 0xFF
        box[power] = turned ^ 0x63
        if power == 1:
            return box


def _doubled(byte: int) -> int:
    return (byte << 1 ^ (0x11B if byte & 0x80 else 0)) & 0xFF


SBOX = _sbox()


def round_keys(key: bytes) -> list[list[int]]:
    words = [list(key[at : at + 4]) for at in range(0, 32, 4)]
    constant = 1
    for at in range(8, 60):
        word = words[-1]
        if at % 8 == 0:
            word = [SBOX[byte] for byte in word[1:] + word[:1]]
            word[0] ^= constant
            constant = _doubled(constant)
        elif at % 8 == 4:
            word = [SBOX[byte] for byte in word]
        words.append([a ^ b for a, b in zip(words[-8], word, strict=True)])
    return [[byte for word in words[at : at + 4] for byte in word] for at in range(0, 60, 4)]


def _mixed(column: list[int]) -> list[int]:
    a, b, c, d = column
    return [
        _doubled(w) ^ _doubled(x) ^ x ^ y ^ z
        for w, x, y, z in ((a, b, c, d), (b, c, d, a), (c, d, a, b), (d, a, b, c))
    ]


def encrypted(keys: list[list[int]], block: bytes) -> bytes:
    """Return one block of 16 bytes under the round keys."""
    state = [a ^ b for a, b in zip(block, keys[0], strict=True)]
    for number, key in enumerate(keys[1:], start=1):
        state = [SBOX[state[5 * at % 16]] for at in range(16)]  # substitutes and shifts rows
        if number < 14:
            state = [byte for at in range(0, 16, 4) for byte in _mixed(state[at : at + 4])]
        state = [a ^ b for a, b in zip(state, key, strict=True)]
    return bytes(state)


def keystream(key: bytes, blocks: int) -> list[bytes]:
    """Return the first blocks of the stream, whose counter starts at zero."""
    keys = round_keys(key)
    return [encrypted(keys, number.to_bytes(16, "big")) for number in range(blocks)]


class Tags:
    """The tags of one session, as whoever shares the secret knows them.

    `pieces` are the numbers of the values of each piece, `start` all values of the start table.
    """

    def __init__(
        self, digest: bytes, secret: bytes, pieces: Sequence[Sequence[int]], start: Sequence[int]
    ) -> None:
        self._digest, self._secret, self._pieces, self._start = digest, secret, pieces, start
        self._factors = self._words(self._prf(b"piece tag factors", digest), len(start))
        self._included = [0] * len(pieces)

    def _prf(self, *parts: bytes) -> bytes:
        hashed = b"".join(struct.pack("<Q", len(part)) + part for part in parts)
        return hmac.new(self._secret, hashed, hashlib.sha256).digest()

    def _words(self, key: bytes, count: int) -> list[int]:
        return [int.from_bytes(block, "little") for block in keystream(key, count)]

    def masks(self, round_number: int, participant: int, nonce: bytes) -> list[int]:
        when, who = struct.pack("<I", round_number), struct.pack("<I", participant)
        key = self._prf(b"piece tag masks", self._digest, when, who, nonce)
        return self._words(key, len(self._pieces))

    def of(self, piece: int, values: Sequence[int]) -> int:
        factors = [self._factors[number] for number in self._pieces[piece]]
        return sum(factor * value for factor, value in zip(factors, values, strict=True))

    def include(self, round_number: int, participant: int, nonce: bytes) -> None:
        masks = self.masks(round_number, participant, nonce)
        self._included = [a + b for a, b in zip(self._included, masks, strict=True)]

    def fits(self, piece: int, values: Sequence[int], tag: int) -> bool:
        start = [self._start[number] for number in self._pieces[piece]]
        due = self.of(piece, values) - self.of(piece, start) + self._included[piece]
        return (tag - due) % 2**128 == 0
