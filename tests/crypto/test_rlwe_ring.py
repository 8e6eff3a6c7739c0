"""Products against schoolbook multiplication with Python's own integers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from fedmf.crypto import rlwe_ring
from fedmf.crypto.rlwe_ring import DEGREE, SmallFactor, limb_spectra

LOWEST_LIMB = -(2**23)
HIGHEST_LIMB = 2**23 - 1
PARTICIPANTS = 2**20


def schoolbook(a: NDArray[np.integer], k: NDArray[np.integer]) -> NDArray[np.object_]:
    """Multiply modulo X^2048 + 1, exactly."""
    full = np.convolve(a.astype(object), k.astype(object))
    product = full[:DEGREE].copy()
    product[: DEGREE - 1] -= full[DEGREE:]
    return product


def check_product(limbs: NDArray[np.int32], key: NDArray[np.int64], parts: int) -> None:
    factor = SmallFactor(key)
    assert len(factor._parts) == parts
    product = np.empty((limbs.shape[1], DEGREE), dtype=np.int64)
    factor.times(limb_spectra(limbs), product)
    for block in range(limbs.shape[1]):
        low, high = limbs[:, block].astype(object)
        expected = schoolbook(low + high * 2**24, key)
        assert ((product[block].astype(object) - expected) % 2**48 == 0).all()


def uniform_limbs(blocks: int) -> NDArray[np.int32]:
    generator = np.random.default_rng(1)
    return generator.integers(
        LOWEST_LIMB, HIGHEST_LIMB, (2, blocks, DEGREE), dtype=np.int32, endpoint=True
    )


def largest_inputs(size: int) -> dict[str, tuple[NDArray[np.int32], NDArray[np.int64]]]:
    """Return inputs in which everything is as large as it can be, in several arrangements."""
    ones = np.ones(DEGREE, dtype=np.int64)
    signs = np.random.default_rng(2).choice([-1, 1], DEGREE)
    lowest = np.full((2, 1, DEGREE), LOWEST_LIMB, dtype=np.int32)
    highest = np.full((2, 1, DEGREE), HIGHEST_LIMB, dtype=np.int32)
    mixed = np.where(signs > 0, highest, lowest).astype(np.int32)
    # Coefficient 0 of this product has all its 2048 terms of one sign.
    matching = -np.roll(signs[::-1], 1) * size
    matching[0] = -matching[0]
    return {
        "lowest times largest": (lowest, ones * size),
        "highest times smallest": (highest, ones * -size),
        "random signs": (mixed, signs[::-1] * size),
        "matching signs": (mixed, matching),
        "alternating signs": (lowest, ones * size * (-1) ** np.arange(DEGREE)),
    }


@pytest.mark.parametrize("arrangement", largest_inputs(1))
def test_the_largest_key_of_one_participant_multiplies_exactly(arrangement: str) -> None:
    limbs, key = largest_inputs(32)[arrangement]
    check_product(limbs, key, parts=1)


@pytest.mark.parametrize("arrangement", largest_inputs(1))
def test_the_largest_sum_of_2_to_the_20_keys_multiplies_exactly(arrangement: str) -> None:
    limbs, key = largest_inputs(32 * PARTICIPANTS)[arrangement]
    check_product(limbs, key, parts=3)


@pytest.mark.parametrize("arrangement", largest_inputs(1))
@pytest.mark.parametrize(("shares", "parts"), [(6, 3), (252, 4)])
def test_the_largest_sum_of_keys_shared_out_in_a_committee_multiplies_exactly(
    arrangement: str, shares: int, parts: int
) -> None:
    # 6 seeds for each upload with four members, 252 with ten.
    limbs, key = largest_inputs(shares * 32 * PARTICIPANTS)[arrangement]
    check_product(limbs, key, parts)


def test_a_typical_sum_of_2_to_the_20_keys_multiplies_exactly() -> None:
    deviation = 4 * PARTICIPANTS**0.5
    key = np.rint(np.random.default_rng(3).normal(0, deviation, DEGREE)).astype(np.int64)
    check_product(uniform_limbs(2), key, parts=2)


@pytest.mark.parametrize("size", [32, 32 * PARTICIPANTS])
@pytest.mark.parametrize("plus", [-(2**48), -1, 2**15, 2**48])
def test_what_is_added_on_the_way_is_added_exactly(size: int, plus: int) -> None:
    for limbs, key in largest_inputs(size).values():
        factor, spectra = SmallFactor(key), limb_spectra(limbs)
        without, with_it = np.empty((2, 1, DEGREE), dtype=np.int64)
        factor.times(spectra, without)
        factor.times(spectra, with_it, plus=plus)
        np.testing.assert_array_equal((with_it - without) % 2**48, plus % 2**48)


def test_a_key_just_short_enough_stays_in_one_piece() -> None:
    norm = rlwe_ring.LONGEST_FACTOR
    key = np.zeros(DEGREE, dtype=np.int64)
    key[7] = norm
    check_product(uniform_limbs(1), key, parts=1)
    key[8] = 1
    check_product(uniform_limbs(1), key, parts=2)


def test_a_larger_batch_may_follow_a_smaller_one() -> None:
    key = np.random.default_rng(4).integers(-32, 33, DEGREE)
    factor = SmallFactor(key)
    spectra = limb_spectra(uniform_limbs(3))
    together = np.empty((3, DEGREE), dtype=np.int64)
    alone = np.empty((3, DEGREE), dtype=np.int64)
    factor.times(spectra[:, :1], alone[:1])
    factor.times(spectra, together)
    factor.times(spectra[:, 1:], alone[1:])
    np.testing.assert_array_equal(alone % 2**48, together % 2**48)


def product_error_bound(norm: float) -> float:
    """Return the most by which a coefficient can be off before rounding, as the ring derives it."""
    return math.ldexp(norm * math.sqrt(2), -18)


def test_the_bound_for_one_participant_is_2_to_the_minus_7() -> None:
    largest_key = np.full(DEGREE, 32)
    assert product_error_bound(float(np.linalg.norm(largest_key))) == pytest.approx(2**-7)
    assert product_error_bound(rlwe_ring.LONGEST_FACTOR) < 1 / 4


@pytest.mark.parametrize("arrangement", largest_inputs(1))
@pytest.mark.parametrize("size", [1, 32, 700])
def test_errors_before_rounding_stay_within_the_bound(arrangement: str, size: int) -> None:
    limbs, key = largest_inputs(size)[arrangement]
    norm = float(np.linalg.norm(key))
    assert norm <= rlwe_ring.LONGEST_FACTOR
    values = np.fft.fft(limb_spectra(limbs) * rlwe_ring._transform(key)) * rlwe_ring._UNTWIST
    for limb in (0, 1):
        computed = np.concatenate([values[limb, 0].real, values[limb, 0].imag])
        error = np.abs(computed - schoolbook(limbs[limb, 0], key).astype(np.float64)).max()
        assert error <= product_error_bound(norm)


def test_coefficients_are_a_multiple_of_x_to_the_n_shifted_with_a_sign() -> None:
    limbs = uniform_limbs(1)
    key = np.zeros(DEGREE, dtype=np.int64)
    key[-1] = 1
    product = np.empty((1, DEGREE), dtype=np.int64)
    SmallFactor(key).times(limb_spectra(limbs), product)
    a = limbs[0, 0] + (limbs[1, 0].astype(np.int64) << 24)
    # X^2047 is -1 divided by X.
    np.testing.assert_array_equal(product[0] % 2**48, np.append(-a[1:], a[0]) % 2**48)
