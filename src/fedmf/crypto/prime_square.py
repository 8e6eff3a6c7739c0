"""One half of Paillier: the arithmetic modulo the square of one prime factor of n.

With p and q known, an operation is computed modulo p^2 and modulo q^2 and the two results are put
together: two operations on half the digits cost less than one on all of them (Paillier, EUROCRYPT
1999, section 7).

**Powers of one base** come from a table, without squarings: one multiplication for every 8 bits of
exponent. The method is that of Brickell, Gordon, McCurley and Wilson (EUROCRYPT 1992) with every
digit tabulated. Digits of 8 bits are bytes, so a random exponent needs no cutting, and wider digits
pay for little speed with much memory. Both halves of a 3072-bit Paillier key, one thread of a
2-core machine, 95 values per encryption, only the powers:

==========  ===============  ========  ======  ============
digit bits  multiplications  to build  memory  per value
==========  ===============  ========  ======  ============
6           2 x 256          0.13 s    15 MB   17.1 us
7           2 x 220          0.23 s    26 MB   15.1 us
8           2 x 192          0.35 s    45 MB   13.0 us
9           2 x 171          0.50 s    80 MB   11.9 us
10          2 x 154          0.96 s    145 MB  10.8 us
==========  ===============  ========  ======  ============
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import gmpy2
from gmpy2 import mpz

from fedmf.crypto.secret_material import SecretMaterial

if TYPE_CHECKING:
    from collections.abc import Sequence


class FixedBase(SecretMaterial):
    """Precomputed powers of one base.

    Which entries are read depends on the exponent, so somebody who observes the cache of this very
    machine can learn about it.

    Parameters
    ----------
    base
        The base, from 0 up to, but not including, `modulus`.
    modulus
        The modulus. It may be secret.
    digits
        Length of every exponent in bytes.
    """

    __slots__ = ("_modulus", "_table")

    def __init__(self, base: mpz, modulus: mpz, digits: int) -> None:
        self._modulus = modulus
        self._table: list[list[mpz]] = []
        for _ in range(digits):
            row = [mpz(1)]
            for _ in range(255):
                row.append(row[-1] * base % modulus)
            self._table.append(row)
            base = row[-1] * base % modulus

    def times_powers(self, factors: Sequence[mpz], exponents: Sequence[bytes]) -> list[mpz]:
        """Return ``factor * base**exponent`` modulo the modulus for every pair of the two.

        Many at a time go digit by digit, not pair by pair: one row of the table fits into a cache,
        the whole table does not.

        Parameters
        ----------
        factors
            What to multiply with; 1 for only the power.
        exponents
            As many exponents of exactly `digits` bytes, little endian.
        """
        modulus = self._modulus
        products = list(factors)
        columns = zip(*exponents, strict=True) if products else [()] * len(self._table)
        for row, column in zip(self._table, columns, strict=True):
            products = [
                product * row[digit] % modulus
                for product, digit in zip(products, column, strict=True)
            ]
        return products


class PrimeSquare(SecretMaterial):
    """Encryption and decryption modulo p^2.

    Parameters
    ----------
    prime
        p, one prime factor of n.
    cofactor
        n / p.
    h
        Generator of the randomisers, see `fedmf.crypto.paillier.PrivateKey`.
    exponent_bytes
        Length of the random exponent in bytes.
    """

    __slots__ = (
        "_cofactor",
        "_exponent_bytes",
        "_generator",
        "_powers",
        "_prime",
        "_scale",
        "square",
    )

    def __init__(self, prime: mpz, cofactor: mpz, h: mpz, exponent_bytes: int) -> None:
        self.square = prime * prime
        self._prime = prime
        self._cofactor = cofactor
        self._exponent_bytes = exponent_bytes
        self._generator = gmpy2.powmod(h, prime * cofactor, self.square)
        self._powers: FixedBase | None = None
        # Paillier's h_p = L_p((n+1)^(p-1) mod p^2)^-1 mod p, worked out for the generator n+1:
        # (1 + n)^(p-1) = 1 + (p-1) n = 1 - n, so L_p of it is -q.
        self._scale = gmpy2.invert(-cofactor, prime)

    def encrypt(self, plaintexts: Sequence[mpz], exponents: Sequence[bytes]) -> list[mpz]:
        """Return ``(1 + n)**plaintext * h**(n * exponent)`` modulo p^2 for every pair of the two.

        The table of powers is built by the first call, as participants that only open never need
        it.
        """
        if self._powers is None:
            self._powers = FixedBase(self._generator, self.square, self._exponent_bytes)
        prime, cofactor = self._prime, self._cofactor
        # (1 + n)^m = 1 + m n modulo n^2, and here n = p q, so m q only counts modulo p.
        messages = [1 + plaintext * cofactor % prime * prime for plaintext in plaintexts]
        return self._powers.times_powers(messages, exponents)

    def decrypt(self, ciphertext: mpz) -> mpz:
        """Return the plaintext modulo p, from 0 up to p - 1; the ciphertext is coprime to n."""
        power = gmpy2.powmod(ciphertext, self._prime - 1, self.square)
        return (power - 1) // self._prime * self._scale % self._prime
