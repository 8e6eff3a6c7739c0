from __future__ import annotations

import numpy as np
import pytest

from fedmf.crypto.derivation import Keystream
from fedmf.crypto.rlwe_key import SEEDS_AT_A_TIME, PaddedKey, RlweKey, expand_seeds
from fedmf.crypto.rlwe_ring import DEGREE
from fedmf.crypto.rlwe_words import MOST_KEYS
from fedmf.errors import KeyMaterialError

PADS = 5
SEEDS = [bytes([number]) * 32 for number in range(1, 6)]
MANY = [bytes([number, 7]) * 16 for number in range(SEEDS_AT_A_TIME + 3)]


def test_the_sum_of_keys_is_the_key_of_all_their_seeds() -> None:
    total = RlweKey.from_seed(SEEDS[0])
    for seed in SEEDS[1:]:
        total = total + RlweKey.from_seed(seed)
    np.testing.assert_array_equal(
        total.coefficients, PaddedKey.sum_of_seeds(SEEDS, 0).key.coefficients
    )


def test_a_long_sum_is_the_sum_of_all_its_keys() -> None:
    seeds = [bytes([number]) * 32 for number in range(2 * SEEDS_AT_A_TIME + 5)]
    keys, _ = expand_seeds(seeds, 0)
    assert keys.dtype == np.int8
    for seed, key in zip(seeds, keys, strict=True):
        np.testing.assert_array_equal(RlweKey.from_seed(seed).coefficients, key)
    total = PaddedKey.sum_of_seeds(iter(seeds), 0).key.coefficients
    np.testing.assert_array_equal(total, keys.sum(axis=0, dtype=np.int64))


def test_no_seeds_expand_to_no_keys() -> None:
    keys, pads = expand_seeds([], PADS)
    assert (keys.shape, pads.shape) == ((0, DEGREE), (0, PADS))


def test_the_sum_of_no_keys_is_zero() -> None:
    assert not PaddedKey.sum_of_seeds([], 0).key.coefficients.any()


def test_different_seeds_give_unrelated_keys() -> None:
    first, second = (RlweKey.from_seed(seed).coefficients for seed in SEEDS[:2])
    correlation = float(np.corrcoef(first, second)[0, 1])
    assert abs(correlation) < 5 / DEGREE**0.5


def test_norms_of_sums_grow_with_the_square_root() -> None:
    seeds = [number.to_bytes(32, "big") for number in range(400)]
    norm = np.linalg.norm(PaddedKey.sum_of_seeds(seeds, 0).key.coefficients)
    assert norm == pytest.approx(4 * (400 * DEGREE) ** 0.5, rel=0.08)


def test_a_key_keeps_its_own_coefficients() -> None:
    given = np.arange(DEGREE, dtype=np.int64)
    key = RlweKey(given)
    given[:] = 0
    np.testing.assert_array_equal(key.coefficients, np.arange(DEGREE))
    with pytest.raises(ValueError, match="read-only"):
        key.coefficients[0] = 1


@pytest.mark.parametrize(
    "coefficients",
    [np.zeros(DEGREE - 1, dtype=np.int64), np.zeros((1, DEGREE), np.int64), np.zeros(DEGREE)],
    ids=["too short", "two dimensions", "no integers"],
)
def test_other_arrays_are_no_keys(coefficients: np.ndarray) -> None:
    with pytest.raises(KeyMaterialError, match="an array of 2048 integers"):
        RlweKey(coefficients)


@pytest.mark.parametrize("extreme", [-(2**63), -32 * MOST_KEYS - 1, 32 * MOST_KEYS + 1])
def test_coefficients_beyond_every_sum_are_refused(extreme: int) -> None:
    coefficients = np.zeros(DEGREE, dtype=np.int64)
    coefficients[5] = extreme
    with pytest.raises(KeyMaterialError, match="no sum of keys reaches") as caught:
        RlweKey(coefficients)
    assert str(extreme) not in str(caught.value).replace(str(32 * MOST_KEYS), "")


def test_a_seed_of_another_length_is_refused() -> None:
    with pytest.raises(KeyMaterialError, match="32 bytes"):
        RlweKey.from_seed(bytes(31))
    with pytest.raises(KeyMaterialError, match="32 bytes"):
        PaddedKey.sum_of_seeds([bytes(31)], PADS)


def test_a_key_adds_to_keys_alone() -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        RlweKey.from_seed(SEEDS[0]) + 1  # type: ignore[operator]


def test_keys_are_those_of_the_seeds_and_pads_follow_in_their_keystreams() -> None:
    keys, pads = expand_seeds(MANY, PADS)
    assert pads.shape == (len(MANY), PADS)
    for seed, key, own in zip(MANY, keys, pads.tolist(), strict=True):
        np.testing.assert_array_equal(key, RlweKey.from_seed(seed).coefficients)
        after = Keystream(seed, skipped=8 * DEGREE).take(8 * PADS).tobytes()
        words = [after[8 * place : 8 * place + 8] for place in range(PADS)]
        assert own == [int.from_bytes(word, "little") for word in words]


def test_pads_add_modulo_two_to_the_64() -> None:
    pads = expand_seeds(MANY, PADS)[1].astype(object).sum(axis=0)
    assert min(pads) > 2**64
    padded = PaddedKey.sum_of_seeds(iter(MANY), PADS)
    assert padded.pads.tolist() == [pad % 2**64 for pad in pads]
    np.testing.assert_array_equal(
        padded.key.coefficients, PaddedKey.sum_of_seeds(MANY, 0).key.coefficients
    )


def test_without_seeds_everything_is_zero() -> None:
    padded = PaddedKey.sum_of_seeds([], PADS)
    assert not padded.key.coefficients.any()
    assert padded.pads.tolist() == [0] * PADS


def test_keys_and_pads_add_like_those_of_their_seeds() -> None:
    whole = PaddedKey.sum_of_seeds(MANY, PADS)
    added = PaddedKey.sum_of_seeds(MANY[:2], PADS) + PaddedKey.sum_of_seeds(MANY[2:], PADS)
    np.testing.assert_array_equal(added.key.coefficients, whole.key.coefficients)
    assert added.pads.tolist() == whole.pads.tolist()
    with pytest.raises(TypeError):
        added + whole.key  # type: ignore[operator]


def test_pads_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        PaddedKey.sum_of_seeds(MANY, PADS).pads[0] = 1
