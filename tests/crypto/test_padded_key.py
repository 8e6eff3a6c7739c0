from __future__ import annotations

import numpy as np
import pytest

from fedmf.crypto.keystream import Keystream
from fedmf.crypto.padded_key import PaddedKey, expand_seeds
from fedmf.crypto.rlwe_key import SEEDS_AT_A_TIME, RlweKey
from fedmf.crypto.rlwe_ring import DEGREE
from fedmf.errors import KeyMaterialError

PADS = 5
SEEDS = [bytes([number, 7]) * 16 for number in range(SEEDS_AT_A_TIME + 3)]


def test_keys_are_those_of_the_seeds_and_pads_follow_in_their_keystreams() -> None:
    keys, pads = expand_seeds(SEEDS, PADS)
    assert pads.shape == (len(SEEDS), PADS)
    for seed, key, own in zip(SEEDS, keys, pads.tolist(), strict=True):
        np.testing.assert_array_equal(key, RlweKey.from_seed(seed).coefficients)
        after = Keystream(seed, skipped=8 * DEGREE).take(8 * PADS).tobytes()
        words = [after[8 * place : 8 * place + 8] for place in range(PADS)]
        assert own == [int.from_bytes(word, "little") for word in words]


def test_pads_add_modulo_two_to_the_64() -> None:
    pads = expand_seeds(SEEDS, PADS)[1].astype(object).sum(axis=0)
    assert min(pads) > 2**64
    padded = PaddedKey.sum_of_seeds(iter(SEEDS), PADS)
    assert padded.pads.tolist() == [pad % 2**64 for pad in pads]
    np.testing.assert_array_equal(padded.key.coefficients, RlweKey.sum_of_seeds(SEEDS).coefficients)


def test_without_seeds_everything_is_zero() -> None:
    padded = PaddedKey.sum_of_seeds([], PADS)
    assert not padded.key.coefficients.any()
    assert padded.pads.tolist() == [0] * PADS


def test_keys_and_pads_add_like_those_of_their_seeds() -> None:
    whole = PaddedKey.sum_of_seeds(SEEDS, PADS)
    added = PaddedKey.sum_of_seeds(SEEDS[:2], PADS) + PaddedKey.sum_of_seeds(SEEDS[2:], PADS)
    np.testing.assert_array_equal(added.key.coefficients, whole.key.coefficients)
    assert added.pads.tolist() == whole.pads.tolist()
    with pytest.raises(TypeError):
        added + whole.key  # type: ignore[operator]


def test_pads_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        PaddedKey.sum_of_seeds(SEEDS, PADS).pads[0] = 1


def test_a_seed_of_another_length_is_refused() -> None:
    with pytest.raises(KeyMaterialError, match="32 bytes"):
        PaddedKey.sum_of_seeds([bytes(31)], PADS)
