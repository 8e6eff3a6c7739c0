from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import gmpy2
import pytest
from gmpy2 import mpz

from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.paillier_numbers import PrivateNumbers, WeakKeyWarning
from fedmf.crypto.secret_material import KeyRandomness
from fedmf.errors import KeyMaterialError

Numbers = tuple[mpz, mpz, mpz]


def next_prime(start: mpz, condition: Callable[[mpz], bool]) -> mpz:
    prime = gmpy2.next_prime(start)
    while not condition(prime):
        prime = gmpy2.next_prime(prime)
    return prime


def negative_square(p: mpz, q: mpz) -> mpz:
    return -(mpz(KeyRandomness().below(p * q)) ** 2) % (p * q)


def with_h(p: mpz, q: mpz, residue_p: mpz, residue_q: mpz) -> Numbers:
    """Return numbers whose h has the given residues modulo p and modulo q."""
    h = residue_p + p * ((residue_q - residue_p) * gmpy2.invert(p, q) % q)
    return p, q, h


def refusal(p: mpz, q: mpz, h: mpz) -> str:
    with pytest.raises(KeyMaterialError) as caught:
        PrivateNumbers(p, q, h, allow_weak=True)
    assert_reveals_nothing(caught.value, p, q, h)
    return str(caught.value)


def assert_reveals_nothing(error: BaseException, *secrets: mpz) -> None:
    text = "".join(traceback.format_exception(error)) + repr(error)
    for secret in secrets:
        for digits in (str(secret), secret.digits(16)):
            # Short numbers, such as a trivial h, are not secret and stand in any text.
            assert len(digits) < 20 or digits[:20] not in text


def test_generated_numbers_have_the_shape_that_the_security_needs(key: PrivateKey) -> None:
    p, q, h = key.numbers.p, key.numbers.q, key.numbers.h
    assert p != q
    for prime in (p, q):
        assert gmpy2.is_prime(prime, 64)
        assert prime % 4 == 3
        assert prime.bit_length() == 512
        assert prime >> 510 == 3
        assert gmpy2.legendre(-h, prime) == 1
    assert key.numbers.n == p * q
    assert key.numbers.n.bit_length() == key.numbers.key_bits == 1024
    assert gmpy2.gcd(p - 1, q - 1) == 2


def test_two_keys_share_no_prime(key: PrivateKey, other_key: PrivateKey) -> None:
    assert gmpy2.gcd(key.public.n, other_key.public.n) == 1


# Each of these breaks one condition, and keeps all others: the refusal names exactly that one.


def test_a_composite_p_is_refused(key: PrivateKey) -> None:
    q = key.numbers.q
    # Two large factors: small ones would break the conditions on h as well, now and then.
    factor = next_prime(mpz(7) << 253, lambda x: x % 4 == 1)

    def passes_everything_else(other: mpz) -> bool:
        composite = factor * other
        return bool(
            composite % 4 == 3
            and gmpy2.gcd(composite - 1, q - 1) == 2
            and gmpy2.gcd(composite * q, (composite - 1) * (q - 1)) == 1
        )

    composite = factor * next_prime(mpz(7) << 253, passes_everything_else)
    h = negative_square(composite, q)
    assert refusal(composite, q, h) == "this is not a Paillier key: p is not prime"
    assert refusal(q, composite, h) == "this is not a Paillier key: q is not prime"


def test_equal_primes_are_refused(key: PrivateKey) -> None:
    p = key.numbers.p
    message = refusal(p, p, negative_square(p, p))
    assert message == "this is not a Paillier key: p and q are equal"


def test_primes_that_fermat_finds_are_refused(key: PrivateKey) -> None:
    p = key.numbers.p
    q = next_prime(p, lambda x: x % 4 == 3 and gmpy2.gcd(p - 1, x - 1) == 2)
    message = refusal(p, q, negative_square(p, q))
    assert message == "this is not a Paillier key: p and q are too close to each other"


def test_primes_that_are_one_modulo_four_are_refused(key: PrivateKey) -> None:
    p = key.numbers.p
    q = next_prime(key.numbers.q, lambda x: x % 4 == 1 and gmpy2.gcd(p - 1, x - 1) == 2)
    expected = "this is not a Paillier key: p and q are not both 3 modulo 4"
    h = negative_square(p, q)
    assert refusal(p, q, h) == expected
    assert refusal(q, p, h) == expected


def test_primes_whose_groups_share_a_factor_are_refused(key: PrivateKey) -> None:
    p = next_prime(key.numbers.p, lambda x: x % 12 == 7)
    q = next_prime(key.numbers.q, lambda x: x % 12 == 7)
    message = refusal(p, q, negative_square(p, q))
    assert message == "this is not a Paillier key: p - 1 and q - 1 share more than the factor 2"


def test_a_modulus_that_is_not_coprime_to_phi_is_refused() -> None:
    # Equal lengths rule this out, so the lengths have to be wrong as well.
    p = next_prime(mpz(3) << 398, lambda x: x % 4 == 3)
    factor = mpz(3) << 222
    while True:
        factor += 1
        q = 2 * factor * p + 1
        if q % 4 == 3 and gmpy2.is_prime(q) and (p * q).bit_length() == 1024:
            break
    message = refusal(p, q, negative_square(p, q))
    assert "n shares a factor with (p - 1)(q - 1)" in message
    assert "p and q do not both have 512 bits" in message


def test_primes_of_unequal_length_are_refused() -> None:
    p = next_prime(mpz(3) << 499, lambda x: x % 4 == 3)
    q = next_prime(mpz(3) << 521, lambda x: x % 4 == 3 and gmpy2.gcd(p - 1, x - 1) == 2)
    message = refusal(p, q, negative_square(p, q))
    assert message == "this is not a Paillier key: p and q do not both have 512 bits"


def test_a_modulus_one_bit_short_is_refused() -> None:
    p = next_prime(mpz(1) << 511, lambda x: x % 4 == 3)
    q = next_prime(mpz(5) << 509, lambda x: x % 4 == 3)
    assert (p * q).bit_length() == 1023
    assert "not 1023" in refusal(p, q, negative_square(p, q))


def test_numbers_that_are_not_positive_are_refused(key: PrivateKey) -> None:
    p, q, h = key.numbers.p, key.numbers.q, key.numbers.h
    assert refusal(-p, -q, h) == "this is not a Paillier key: p and q are not both positive"
    assert refusal(mpz(0), q, h) == "this is not a Paillier key: p and q are not both positive"


def test_an_even_prime_candidate_is_refused_without_falling_over(key: PrivateKey) -> None:
    p, q, h = key.numbers.p, key.numbers.q, key.numbers.h
    message = refusal(p + 1, q, h)
    assert "p is not prime" in message
    assert "3 modulo 4" in message


@pytest.mark.parametrize("name", ["0", "1", "n", "n + h", "-h"])
def test_a_generator_out_of_range_is_refused(name: str, key: PrivateKey) -> None:
    p, q, h = key.numbers.p, key.numbers.q, key.numbers.h
    n = p * q
    bad = {"0": mpz(0), "1": mpz(1), "n": n, "n + h": n + h, "-h": -h}[name]
    assert refusal(p, q, bad) == "this is not a Paillier key: h is not between 1 and n"


def test_a_generator_that_shares_a_prime_is_refused(key: PrivateKey) -> None:
    p, q = key.numbers.p, key.numbers.q
    assert refusal(p, q, 5 * p) == "this is not a Paillier key: h shares a factor with n"
    assert refusal(p, q, 7 * q) == "this is not a Paillier key: h shares a factor with n"


def test_generators_of_order_two_are_refused(key: PrivateKey) -> None:
    p, q, h = key.numbers.p, key.numbers.q, key.numbers.h
    minus_one = mpz(-1)
    for numbers in (
        with_h(p, q, minus_one % p, minus_one % q),
        with_h(p, q, minus_one % p, h % q),
        with_h(p, q, h % p, minus_one % q),
    ):
        assert refusal(*numbers) == "this is not a Paillier key: h is trivial modulo p or q"
    assert "h is trivial modulo p or q" in refusal(*with_h(p, q, mpz(1), h % q))


def test_generators_that_are_no_negative_squares_are_refused(key: PrivateKey) -> None:
    p, q, h = key.numbers.p, key.numbers.q, key.numbers.h
    expected = "this is not a Paillier key: h is not the negative of a square"
    # -h is a square modulo both, so -1 times h is one as well, and no negative of one.
    assert refusal(p, q, -h % (p * q)) == expected
    assert refusal(*with_h(p, q, -h % p, h % q)) == expected
    assert refusal(*with_h(p, q, h % p, -h % q)) == expected


def test_all_problems_are_named_at_once(key: PrivateKey) -> None:
    p = key.numbers.p
    message = refusal(p, p + 2, mpz(1))
    for problem in ("q is not prime", "too close", "3 modulo 4", "h is not between"):
        assert problem in message


@pytest.mark.parametrize("position", [0, 1, 2])
def test_numbers_are_integers(position: int, key: PrivateKey) -> None:
    numbers: list[Any] = [key.numbers.p, key.numbers.q, key.numbers.h]
    numbers[position] = 3.0
    with pytest.raises(TypeError, match=f"{'pqh'[position]} is an integer, not float"):
        PrivateNumbers(*numbers)


def test_python_integers_are_as_good(key: PrivateKey) -> None:
    p, q, h = int(key.numbers.p), int(key.numbers.q), int(key.numbers.h)
    with pytest.warns(WeakKeyWarning):
        assert PrivateNumbers(p, q, h, allow_weak=True).n == key.public.n


@pytest.mark.parametrize("key_bits", [0, 512, 1536, 3071, 4096])
def test_other_key_sizes_are_refused(key_bits: int) -> None:
    with pytest.raises(KeyMaterialError, match=f"not {key_bits}$"):
        PrivateNumbers.generate(key_bits, KeyRandomness(), allow_weak=True)


def test_1024_bits_are_refused_unless_allowed(key: PrivateKey) -> None:
    with pytest.raises(KeyMaterialError, match=r"80 bits of security.*allow weak keys"):
        PrivateNumbers.generate(1024, KeyRandomness())
    with pytest.raises(KeyMaterialError, match=r"80 bits of security.*allow weak keys"):
        PrivateNumbers(key.numbers.p, key.numbers.q, key.numbers.h)


def test_1024_bits_warn_where_they_are_allowed(key: PrivateKey) -> None:
    with pytest.warns(WeakKeyWarning, match=r"80 bits of security.*never for real data") as warned:
        PrivateNumbers(key.numbers.p, key.numbers.q, key.numbers.h, allow_weak=True)
    assert [one.filename for one in warned] == [__file__]


def test_2048_bits_are_accepted_without_a_warning() -> None:
    assert PrivateKey.generate(2048).public.key_bits == 2048
