"""AES-256 in counter mode for the stranger, from FIPS 197 alone: the standard library has none."""

from __future__ import annotations

import struct
from functools import lru_cache


def doubled(byte: int) -> int:
    return (byte << 1 ^ (0x11B if byte & 0x80 else 0)) & 0xFF


def substitutions() -> list[int]:
    """Return the S-box: the inverse in GF(2^8), and then an affine map (5.1.1)."""
    box, power, inverse = [0x63] * 256, 1, 1
    while True:
        power ^= doubled(power)  # times 3, which generates the field
        for shift in (1, 2, 4):  # divided by 3
            inverse ^= inverse << shift & 0xFF
        inverse ^= 0x09 if inverse & 0x80 else 0
        spread = inverse * 0x101  # rotations of a byte are shifts of the byte written twice
        box[power] = 0x63 ^ inverse
        for turned in (4, 5, 6, 7):
            box[power] ^= spread >> turned & 0xFF
        if power == 1:
            return box


S_BOX = substitutions()
# What a byte in the first row of a column does to the column: S-box, then the mixing of columns.
FIRST = [doubled(s) << 24 | s << 16 | s << 8 | doubled(s) ^ s for s in S_BOX]
SECOND, THIRD, FOURTH = (
    [column >> turned | column << 32 - turned & 0xFFFFFFFF for column in FIRST]
    for turned in (8, 16, 24)
)


def substituted(word: int) -> int:
    return int.from_bytes(bytes(S_BOX[byte] for byte in word.to_bytes(4, "big")), "big")


def round_keys(key: bytes) -> list[int]:
    """Return the 60 words of the key schedule (5.2)."""
    words, constant = list(struct.unpack(">8I", key)), 1
    for number in range(8, 60):
        word = words[-1]
        if number % 8 == 0:
            word = substituted(word << 8 & 0xFFFFFFFF | word >> 24) ^ constant << 24
            constant = doubled(constant)
        elif number % 8 == 4:
            word = substituted(word)
        words.append(words[-8] ^ word)
    return words


def encrypted(keys: list[int], block: bytes) -> bytes:
    a, b, c, d = (x ^ k for x, k in zip(struct.unpack(">4I", block), keys, strict=False))
    for at in range(4, 56, 4):
        a, b, c, d = (
            FIRST[p >> 24]
            ^ SECOND[q >> 16 & 255]
            ^ THIRD[r >> 8 & 255]
            ^ FOURTH[s & 255]
            ^ keys[at + column]
            for column, (p, q, r, s) in enumerate(
                ((a, b, c, d), (b, c, d, a), (c, d, a, b), (d, a, b, c))
            )
        )
    rows = [word.to_bytes(4, "big") for word in (a, b, c, d)]
    last = bytes(S_BOX[rows[(column + row) % 4][row]] for column in range(4) for row in range(4))
    return bytes(x ^ y for x, y in zip(last, struct.pack(">4I", *keys[56:]), strict=True))


@lru_cache(maxsize=64)
def keystream(key: bytes, length: int) -> bytes:
    keys = round_keys(key)
    blocks = (encrypted(keys, n.to_bytes(16, "big")) for n in range(-(-length // 16)))
    return b"".join(blocks)[:length]
