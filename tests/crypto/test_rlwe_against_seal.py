"""Sums under lattice words are those of Microsoft SEAL's BFV on the same integers."""

import numpy as np
import pytest

from fedmf.benchmarking.peers import SealBfv
from fedmf.crypto.rlwe import encrypt, open_sum
from fedmf.crypto.rlwe_key import PaddedKey, RlweKey
from fedmf.crypto.rlwe_ring import PublicPolynomials
from fedmf.crypto.rlwe_words import add_words, blocks_for, plan_rlwe_words, zero_words

seal = pytest.importorskip("seal", reason="the oracle is seal-python, of the extra bench")

VALUES, UPLOADS = 5000, 60


def test_sums_equal_those_of_seal() -> None:
    # Room for many more, so that words hold 24 bits, as SEAL does here.
    size = plan_rlwe_words(uploads=1000, kept_bits=32)
    largest = (2 ** (size.word_bits - 1) - 1) // UPLOADS
    changes = np.random.default_rng(7).integers(-largest, largest + 1, (UPLOADS, VALUES))
    changes[:, 0], changes[:, 1] = largest, -largest
    public = PublicPolynomials(bytes(32))
    key, total = PaddedKey.sum_of_seeds([], 0).key, zero_words(blocks_for(VALUES), size)
    theirs = SealBfv(seal, VALUES)
    ciphertexts = theirs.encrypt(np.zeros(VALUES, dtype=np.int64))
    for number, change in enumerate(changes):
        own = RlweKey.from_seed(number.to_bytes(32))
        noise = (UPLOADS + number).to_bytes(32)
        words = encrypt(change, public=public, key=own, noise_seed=noise, size=size)
        add_words(total, words, size)
        key += own
        theirs.add(ciphertexts, theirs.encrypt(change))
    opened = open_sum(total, public=public, key=key, size=size, uploads=UPLOADS).reshape(-1)
    expected = changes.sum(axis=0)
    np.testing.assert_array_equal(opened[:VALUES], expected)
    np.testing.assert_array_equal(theirs.decrypt(ciphertexts)[:VALUES], expected)
