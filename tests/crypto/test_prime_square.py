from __future__ import annotations

import pytest
from gmpy2 import mpz
from hypothesis import given
from hypothesis import strategies as st

from fedmf.crypto.prime_square import FixedBase


@given(
    st.integers(2, 2**80).flatmap(lambda m: st.tuples(st.just(m), st.integers(0, m - 1))),
    st.lists(st.tuples(st.integers(0, 2**80), st.binary(min_size=3, max_size=3)), max_size=5),
)
def test_powers_agree_with_python(pair: tuple[int, int], work: list[tuple[int, bytes]]) -> None:
    modulus, base = pair
    expected = [
        factor * pow(base, int.from_bytes(exponent, "little"), modulus) % modulus
        for factor, exponent in work
    ]
    factors = [mpz(factor) for factor, _ in work]
    exponents = [exponent for _, exponent in work]
    assert FixedBase(mpz(base), mpz(modulus), 3).times_powers(factors, exponents) == expected


def test_every_factor_takes_one_exponent() -> None:
    with pytest.raises(ValueError, match="zip"):
        FixedBase(mpz(3), mpz(49), 3).times_powers([mpz(1)], [bytes(3), bytes(3)])


@pytest.mark.parametrize("size", [2, 4])
def test_exponents_of_another_length_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="zip"):
        FixedBase(mpz(3), mpz(49), 3).times_powers([mpz(1)], [bytes(size)])
