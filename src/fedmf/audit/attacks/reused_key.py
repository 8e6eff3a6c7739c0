"""Exhibit: two uploads under one RLWE key. The mask is the same, so their difference has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedmf.audit.row import Row, share
from fedmf.crypto.randomness import KeyRandomness
from fedmf.crypto.rlwe import encrypt
from fedmf.crypto.rlwe_key import RlweKey
from fedmf.crypto.rlwe_public import PublicPolynomials
from fedmf.crypto.rlwe_sizes import plan_rlwe_words
from fedmf.crypto.rlwe_words import subtract_words
from fedmf.protocol import Int64Array

if TYPE_CHECKING:
    from fedmf.crypto.rlwe_words import Words

VALUES = 2048
LARGEST = 8


def two_uploads(*, reused: bool) -> tuple[Words, Words, Int64Array]:
    """Protect two messages; return both and the true difference of the messages."""
    randomness = KeyRandomness()
    public = PublicPolynomials(randomness.bytes(32))
    size = plan_rlwe_words(uploads=2, kept_bits=32)
    # What is protected needs no secrecy here: it is made up.
    messages = np.random.default_rng(0).integers(-LARGEST, LARGEST + 1, (2, VALUES))
    first = RlweKey.from_seed(randomness.bytes(32))
    keys = (first, first if reused else RlweKey.from_seed(randomness.bytes(32)))
    words = [
        encrypt(message, public=public, key=key, noise_seed=randomness.bytes(32), size=size)
        for message, key in zip(messages, keys, strict=True)
    ]
    return words[0], words[1], messages[0] - messages[1]


def attempt(first: Words, second: Words) -> Int64Array:
    """Return what the difference of two uploads says of the difference of their messages."""
    size = plan_rlwe_words(uploads=2, kept_bits=32)
    apart = first.copy()
    subtract_words(apart, second, size)
    signed = apart.view(np.int32).astype(np.int64).reshape(-1)[:VALUES]
    step = 1 << size.noise_bits
    return (signed + step // 2) >> size.noise_bits


def judge(found: Int64Array, truth: Int64Array, *, reused: bool) -> Row:
    """Count the values whose difference came out."""
    interval = share(int(np.sum(found == truth)), len(truth))
    _, often = np.unique(truth, return_counts=True)
    return Row(
        "rlwe",
        "full",
        "any",
        "the server",
        "a key used twice",
        "the difference of two uploads",
        "share of values recovered",
        interval.value,
        interval.low,
        interval.high,
        float(often.max() / len(truth)),
        interval.n,
        "two uploads under one key" if reused else "a key for every upload, as fedmf has it",
        "an exhibit: fedmf derives every key from a fresh nonce",
    )
