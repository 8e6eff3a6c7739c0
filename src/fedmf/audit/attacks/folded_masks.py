"""Exhibit: masks from a seed that is folded to 32 bits and fed to a Mersenne Twister.

The flaw of a public report on another framework's secure aggregation (flwrlabs/flower#7522), built
anew: 32 secret bytes are folded to 4 by exclusive or, and these seed numpy's old generator, whose
32-bit outputs are the mask.

There is no need to try all 2^32 seeds. The generator's state before its first output is made from
the seed by a recurrence that runs backwards as well as forwards, and outputs 0 and 227 together
say what number 228 of that state is, up to one bit. Most values of a participant's change are
zero, so that most of an upload is the bare mask: two such places give the seed, and the seed the
whole mask.
"""

from __future__ import annotations

import numpy as np

from fedmf.audit.row import Row, share
from fedmf.crypto.keystream import Keystream
from fedmf.crypto.randomness import KeyRandomness
from fedmf.protocol import Int64Array

VALUES = 624
APART = 227
"""How far the state's recurrence reaches back around its end: 624 - 397."""
_WORD = (1 << 32) - 1
_MULTIPLIER = 1812433253
_INVERSE = pow(_MULTIPLIER, -1, 1 << 32)
_TWIST = 0x9908B0DF


def folded_mask(secret: bytes, count: int) -> Int64Array:
    """Return a mask of 32-bit words from a secret folded to 32 bits."""
    words = np.frombuffer(secret, dtype="<u4")
    generator = np.random.RandomState(int(np.bitwise_xor.reduce(words)))
    return generator.randint(0, 1 << 32, count, dtype=np.uint32).astype(np.int64)


def whole_mask(secret: bytes, count: int) -> Int64Array:
    """Return a mask of 32-bit words from the whole secret, by the keystream that fedmf uses."""
    data = np.zeros(4 * count, dtype=np.uint8)
    Keystream(secret).fill(data)
    return data.view("<u4").astype(np.int64)


def masked_upload(*, folded: bool) -> tuple[Int64Array, Int64Array]:
    """Return an upload of which nine values in ten are zero, and what it hides."""
    rng = np.random.default_rng(0)
    change = rng.integers(-500, 501, VALUES) * (rng.random(VALUES) < 0.1)
    change[0] = change[APART] = 0
    secret = KeyRandomness().bytes(32)
    mask = folded_mask(secret, VALUES) if folded else whole_mask(secret, VALUES)
    return (change + mask) & _WORD, change


def attempt(upload: Int64Array) -> Int64Array:
    """Return the change behind an upload, guessing that values 0 and 227 of it are zero."""
    for seed in _seeds(int(upload[0]), int(upload[APART])):
        mask = folded_mask(seed.to_bytes(4, "little"), len(upload))
        if mask[0] == upload[0] and mask[APART] == upload[APART]:
            return _centred(upload - mask)
    return _centred(upload)


def judge(found: Int64Array, truth: Int64Array, *, folded: bool) -> Row:
    """Count the values that are not zero and came out."""
    rated = truth != 0
    interval = share(int(np.sum(found[rated] == truth[rated])), int(rated.sum()))
    return Row(
        "masks",
        "full",
        "any",
        "the server",
        "folded masks",
        "the values of an upload",
        "share of values recovered",
        interval.value,
        interval.low,
        interval.high,
        1 / 1000,
        interval.n,
        "seed folded to 32 bits, Mersenne Twister" if folded else "whole seed, AES in counter mode",
        "an exhibit: fedmf has no such masks; two known zeros are enough",
    )


def _seeds(first: int, later: int) -> list[int]:
    """Return the seeds under which outputs 0 and 227 can be these."""
    # state'[0] = state[397] ^ t(state[0], state[1]); state'[227] = state'[0] ^ t(state[227], ...).
    twisted = _untempered(first) ^ _untempered(later)
    odd = twisted >> 31
    mixed = ((twisted ^ (_TWIST if odd else 0)) << 1 | odd) & _WORD
    seeds = []
    for top in (0, 1 << 31):
        state = top | (mixed & (_WORD >> 1))
        for place in range(APART + 1, 0, -1):
            # state[k] = 1812433253 (state[k-1] ^ state[k-1] >> 30) + k, undone.
            state = (state - place) * _INVERSE & _WORD
            state ^= state >> 30
        seeds.append(state)
    return seeds


def _untempered(output: int) -> int:
    """Undo what the generator does to a number of its state before it hands it out."""
    output ^= output >> 18
    output ^= output << 15 & 0xEFC60000
    state = output
    for _ in range(5):
        state = output ^ (state << 7 & 0x9D2C5680)
    output = state
    for _ in range(3):
        state = output ^ state >> 11
    return state & _WORD


def _centred(values: Int64Array) -> Int64Array:
    centred: Int64Array = ((values + (1 << 31)) & _WORD) - (1 << 31)
    return centred
