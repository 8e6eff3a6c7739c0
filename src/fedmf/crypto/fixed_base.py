"""Powers of one base from a table: no squarings, one multiplication for every 8 bits of exponent.

The method is that of Brickell, Gordon, McCurley and Wilson (EUROCRYPT 1992) with every digit
tabulated. Digits of 8 bits are bytes, so a random exponent needs no cutting, and wider digits pay
for little speed with much memory. Both halves of a 3072-bit Paillier key, one thread of a 2-core
machine, 95 values per encryption, the powers alone:

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
            What to multiply with; 1 for the power alone.
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
