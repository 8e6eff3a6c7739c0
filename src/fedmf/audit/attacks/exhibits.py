"""Exhibits: flaws that fedmf does not have, built anew, each with and without the flaw.

A key used twice: the masks of two uploads under one RLWE key are the same, so that their difference
has none.

Masks from a folded seed, as a public report has it on another framework's secure aggregation
(flwrlabs/flower#7522): 32 secret bytes are folded to 4 by exclusive or, and these seed numpy's old
generator, a Mersenne Twister, whose 32-bit outputs are the mask. There is no need to try all 2^32
seeds. The generator's state before its first output is made from the seed by a recurrence that runs
backwards as well as forwards, and outputs 0 and 227 together say what number 228 of that state is,
up to one bit. Most values of a participant's change are zero, so that most of an upload is the bare
mask: two such places give the seed, and the seed the whole mask.
"""

from __future__ import annotations

import numpy as np

from fedmf.audit.row import Aim, Attacked, Row, share
from fedmf.crypto.derivation import Keystream
from fedmf.crypto.rlwe import encrypt
from fedmf.crypto.rlwe_key import RlweKey
from fedmf.crypto.rlwe_ring import PublicPolynomials
from fedmf.crypto.rlwe_words import Words, plan_rlwe_words, subtract_words
from fedmf.crypto.secret_material import KeyRandomness
from fedmf.protocol import Int64Array

FULL = ("full", "any", "the server")
RECOVERED = "share of values recovered"
KEYED_VALUES, LARGEST = 2048, 8
MASKED_VALUES = 624
APART = 227
"""How far the state's recurrence reaches back around its end: 624 - 397."""
_WORD = (1 << 32) - 1
_MULTIPLIER = 1812433253
_INVERSE = pow(_MULTIPLIER, -1, 1 << 32)
_TWIST = 0x9908B0DF


def two_uploads(*, reused: bool) -> tuple[Words, Words, Int64Array]:
    """Protect two messages; return both and the true difference of the messages."""
    randomness = KeyRandomness()
    public = PublicPolynomials(randomness.bytes(32))
    size = plan_rlwe_words(uploads=2, kept_bits=32)
    # What is protected needs no secrecy here: it is made up.
    messages = np.random.default_rng(0).integers(-LARGEST, LARGEST + 1, (2, KEYED_VALUES))
    first = RlweKey.from_seed(randomness.bytes(32))
    keys = (first, first if reused else RlweKey.from_seed(randomness.bytes(32)))
    words = [
        encrypt(message, public=public, key=key, noise_seed=randomness.bytes(32), size=size)
        for message, key in zip(messages, keys, strict=True)
    ]
    return words[0], words[1], messages[0] - messages[1]


def difference_of_uploads(first: Words, second: Words) -> Int64Array:
    """Return what the difference of two uploads says of the difference of their messages."""
    size = plan_rlwe_words(uploads=2, kept_bits=32)
    apart = first.copy()
    subtract_words(apart, second, size)
    signed = apart.view(np.int32).astype(np.int64).reshape(-1)[:KEYED_VALUES]
    step = 1 << size.noise_bits
    return (signed + step // 2) >> size.noise_bits


def judge_reused_key(found: Int64Array, truth: Int64Array, *, reused: bool) -> Row:
    """Count the values whose difference came out."""
    _, often = np.unique(truth, return_counts=True)
    fresh = "a key for every upload, as fedmf has it"
    return Row.of(
        Attacked("rlwe", *FULL),
        Aim("a key used twice", "the difference of two uploads", RECOVERED),
        share(int(np.sum(found == truth)), len(truth)),
        chance=float(often.max() / len(truth)),
        setting="two uploads under one key" if reused else fresh,
        note="an exhibit: fedmf derives every key from a fresh nonce",
    )


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
    change = rng.integers(-500, 501, MASKED_VALUES) * (rng.random(MASKED_VALUES) < 0.1)
    change[0] = change[APART] = 0
    secret = KeyRandomness().bytes(32)
    mask = folded_mask(secret, MASKED_VALUES) if folded else whole_mask(secret, MASKED_VALUES)
    return (change + mask) & _WORD, change


def unmasked(upload: Int64Array) -> Int64Array:
    """Return the change behind an upload, guessing that values 0 and 227 of it are zero."""
    for seed in _seeds(int(upload[0]), int(upload[APART])):
        mask = folded_mask(seed.to_bytes(4, "little"), len(upload))
        if mask[0] == upload[0] and mask[APART] == upload[APART]:
            return _centred(upload - mask)
    return _centred(upload)


def judge_folded_masks(found: Int64Array, truth: Int64Array, *, folded: bool) -> Row:
    """Count the values that are not zero and came out."""
    rated, whole = truth != 0, "whole seed, AES in counter mode"
    return Row.of(
        Attacked("masks", *FULL),
        Aim("folded masks", "the values of an upload", RECOVERED),
        share(int(np.sum(found[rated] == truth[rated])), int(rated.sum())),
        chance=1 / 1000,
        setting="seed folded to 32 bits, Mersenne Twister" if folded else whole,
        note="an exhibit: fedmf has no such masks; two known zeros are enough",
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
