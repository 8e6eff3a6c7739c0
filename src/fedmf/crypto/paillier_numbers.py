"""The numbers of a Paillier key, and which of them are acceptable.

Sizes after NIST SP 800-57 part 1: 3072 bits have 128 bits of security, 2048 have 112, and 1024 have
80, which has been disallowed since 2014.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import gmpy2
from gmpy2 import mpz

from fedmf.crypto.secret_material import KeyRandomness, SecretMaterial
from fedmf.errors import KeyMaterialError

SECURITY_BITS = {3072: 128, 2048: 112, 1024: 80}
"""The key sizes there are, in bits, and their security level in bits."""

WEAK_KEY_BITS = 1024
"""The size that exists to reproduce the paper, and protects nothing today."""

# GMP (6.2 and later) takes this as one Baillie-PSW test, which no composite number is known to
# pass, and 40 Miller-Rabin rounds, each of which a composite number passes with probability 1/4.
_PRIMALITY_ROUNDS = 64


class WeakKeyWarning(UserWarning):
    """A key that is too short to protect real ratings."""


_WEAKNESS = (
    "a Paillier key of 1024 bits has only 80 bits of security, which NIST SP 800-57 disallows"
)


def check_key_bits(key_bits: int, *, allow_weak: bool) -> None:
    """Refuse key sizes that are not to be used.

    Raises
    ------
    KeyMaterialError
        If it is none of `SECURITY_BITS`, or `WEAK_KEY_BITS` without `allow_weak`.
    """
    if key_bits not in SECURITY_BITS:
        raise KeyMaterialError(
            f"a Paillier key has 3072 or 2048 bits (or 1024 to reproduce the paper), not {key_bits}"
        )
    if key_bits == WEAK_KEY_BITS and not allow_weak:
        raise KeyMaterialError(
            f"{_WEAKNESS}; choose 3072 bits, or allow weak keys to reproduce the paper"
        )


@dataclass(frozen=True, repr=False, eq=False)
class PrivateNumbers(SecretMaterial):
    """Two primes and a generator that have passed every check below.

    Raises
    ------
    KeyMaterialError
        If any check fails. All failures are named at once, and none of the numbers.
    """

    p: mpz
    q: mpz
    """Distinct primes of exactly half the key size, both 3 modulo 4, with ``gcd(p-1, q-1) = 2``.
    Then -1 is a non-square modulo both, and n is coprime to phi(n)."""
    h: mpz
    """``-x**2`` modulo n for a random x, which generates the randomisers (Damgard, Jurik and
    Nielsen, International Journal of Information Security 9, 2010, section 4.2)."""
    allow_weak: bool = False
    """Accept a key of 1024 bits, with a `WeakKeyWarning`."""

    def __post_init__(self) -> None:
        for name in ("p", "q", "h"):
            number = getattr(self, name)
            if not isinstance(number, int | mpz):
                raise TypeError(f"{name} is an integer, not {type(number).__name__}")
            object.__setattr__(self, name, mpz(number))
        # Sizes first: testing numbers of any other size could take forever.
        if self.p < 1 or self.q < 1:
            raise KeyMaterialError("this is not a Paillier key: p and q are not both positive")
        check_key_bits(self.key_bits, allow_weak=self.allow_weak)
        problems = _problems_of_primes(self.p, self.q) + _problems_of_generator(
            self.h, self.p, self.q
        )
        if problems:
            raise KeyMaterialError("this is not a Paillier key: " + "; ".join(problems))
        if self.key_bits == WEAK_KEY_BITS:
            warnings.warn(
                f"{_WEAKNESS}; use it to reproduce the paper, never for real data",
                WeakKeyWarning,
                stacklevel=3,  # past the generated __init__, at the caller that makes the key
            )

    @classmethod
    def generate(
        cls, key_bits: int, randomness: KeyRandomness, *, allow_weak: bool = False
    ) -> PrivateNumbers:
        """Draw the numbers of a new key.

        The primes are uniform among those of their size with both highest bits set and 3 modulo 4;
        every candidate is drawn afresh. The highest bits make the product exactly `key_bits` long.

        Raises
        ------
        KeyMaterialError
            If `key_bits` is not to be used.
        """
        check_key_bits(key_bits, allow_weak=allow_weak)
        p = _random_prime(key_bits // 2, randomness)
        q = p
        while gmpy2.gcd(p - 1, q - 1) != 2:
            q = _random_prime(key_bits // 2, randomness)
        n = p * q
        return cls(p, q, -(mpz(randomness.below(n)) ** 2) % n, allow_weak)

    @property
    def n(self) -> mpz:
        """The public modulus p q."""
        return self.p * self.q

    @property
    def key_bits(self) -> int:
        """Size of n in bits."""
        return int(self.n.bit_length())


def _random_prime(bits: int, randomness: KeyRandomness) -> mpz:
    pattern = mpz(3) << (bits - 2) | 3
    while True:
        candidate = randomness.integer(bits) | pattern
        # A quick test: numbers that pass it meet the thorough one among the checks.
        if gmpy2.is_prime(candidate):
            return candidate


def _problems_of_primes(p: mpz, q: mpz) -> list[str]:
    n = p * q
    half = n.bit_length() // 2
    checks = {
        f"p and q do not both have {half} bits": p.bit_length() == q.bit_length() == half,
        "p is not prime": gmpy2.is_prime(p, _PRIMALITY_ROUNDS),
        "q is not prime": gmpy2.is_prime(q, _PRIMALITY_ROUNDS),
        "p and q are equal": p != q,
        # FIPS 186-5, A.1.3, against Fermat's factoring method.
        "p and q are too close to each other": p == q or abs(p - q) >> (half - 100) > 0,
        "p and q are not both 3 modulo 4": p % 4 == q % 4 == 3,
        "p - 1 and q - 1 share more than the factor 2": p == q or gmpy2.gcd(p - 1, q - 1) == 2,
        "n shares a factor with (p - 1)(q - 1)": gmpy2.gcd(n, (p - 1) * (q - 1)) == 1,
    }
    return [problem for problem, passed in checks.items() if not passed]


def _problems_of_generator(h: mpz, p: mpz, q: mpz) -> list[str]:
    n = p * q
    if not 1 < h < n:
        return ["h is not between 1 and n"]
    if gmpy2.gcd(h, n) != 1:
        return ["h shares a factor with n"]
    checks = {
        # An h of 1 or -1 modulo either prime would leave plaintexts readable, or factor n.
        "h is trivial modulo p or q": gmpy2.gcd(h * h - 1, n) == 1,
        "h is not the negative of a square": p % 2 == q % 2 == 1
        and gmpy2.legendre(-h, p) == gmpy2.legendre(-h, q) == 1,
    }
    return [problem for problem, passed in checks.items() if not passed]
