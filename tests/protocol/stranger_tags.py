"""The stranger's integrity tags of protection paillier, from docs/reference/wire-format.md alone.

Like `stranger.py` they know the standard library and nothing of fedmf.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Sequence

from tests.protocol.stranger_aes import keystream


class Tags:
    """The tags of one session, as anyone who shares the secret knows them.

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
        stream = keystream(key, 16 * count)
        return [int.from_bytes(stream[at : at + 16], "little") for at in range(0, 16 * count, 16)]

    def masks(self, round_number: int, participant: int, nonce: bytes) -> list[int]:
        when, who = struct.pack("<I", round_number), struct.pack("<I", participant)
        key = self._prf(b"piece tag masks", self._digest, when, who, nonce)
        return self._words(key, len(self._pieces))

    def of(self, piece: int, values: Sequence[int]) -> int:
        factors = [self._factors[number] for number in self._pieces[piece]]
        return sum(factor * value for factor, value in zip(factors, values, strict=True))

    def include(
        self, round_number: int, participant: int, nonce: bytes, pieces: Sequence[int]
    ) -> None:
        masks = self.masks(round_number, participant, nonce)
        for piece in pieces:
            self._included[piece] += masks[piece]

    def fits(self, piece: int, values: Sequence[int], tag: int) -> bool:
        start = [self._start[number] for number in self._pieces[piece]]
        due = self.of(piece, values) - self.of(piece, start) + self._included[piece]
        return (tag - due) % 2**128 == 0
