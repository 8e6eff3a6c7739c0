from __future__ import annotations

import numpy as np
import pytest

from fedmf.crypto.rlwe_key import MOST_KEYS, SEEDS_AT_A_TIME, RlweKey, expand_keys
from fedmf.crypto.rlwe_ring import DEGREE
from fedmf.errors import KeyMaterialError

SEEDS = [bytes([number]) * 32 for number in range(1, 6)]


def test_the_sum_of_keys_is_the_key_of_all_their_seeds() -> None:
    total = RlweKey.from_seed(SEEDS[0])
    for seed in SEEDS[1:]:
        total = total + RlweKey.from_seed(seed)
    np.testing.assert_array_equal(total.coefficients, RlweKey.sum_of_seeds(SEEDS).coefficients)


def test_a_long_sum_is_the_sum_of_all_its_keys() -> None:
    seeds = [bytes([number]) * 32 for number in range(2 * SEEDS_AT_A_TIME + 5)]
    keys = expand_keys(seeds)
    assert keys.dtype == np.int8
    for seed, key in zip(seeds, keys, strict=True):
        np.testing.assert_array_equal(RlweKey.from_seed(seed).coefficients, key)
    total = RlweKey.sum_of_seeds(iter(seeds)).coefficients
    np.testing.assert_array_equal(total, keys.sum(axis=0, dtype=np.int64))


def test_no_seeds_expand_to_no_keys() -> None:
    assert expand_keys([]).shape == (0, DEGREE)


def test_the_sum_of_no_keys_is_zero() -> None:
    assert not RlweKey.sum_of_seeds([]).coefficients.any()


def test_different_seeds_give_unrelated_keys() -> None:
    first, second = (RlweKey.from_seed(seed).coefficients for seed in SEEDS[:2])
    correlation = float(np.corrcoef(first, second)[0, 1])
    assert abs(correlation) < 5 / DEGREE**0.5


def test_the_norm_is_the_euclidean_length() -> None:
    coefficients = np.zeros(DEGREE, dtype=np.int64)
    coefficients[[3, 900]] = 3, -4
    assert RlweKey(coefficients).norm == 5.0


def test_norms_of_sums_grow_with_the_square_root() -> None:
    seeds = [number.to_bytes(32, "big") for number in range(400)]
    assert RlweKey.sum_of_seeds(seeds).norm == pytest.approx(4 * (400 * DEGREE) ** 0.5, rel=0.08)


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


def test_a_key_adds_to_keys_alone() -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        RlweKey.from_seed(SEEDS[0]) + 1  # type: ignore[operator]
