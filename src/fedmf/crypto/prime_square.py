"""One half of Paillier: the arithmetic modulo the square of one prime factor of n.

Whoever knows n = p q computes modulo p^2 and modulo q^2 and puts the two results together: two
operations on half the digits cost less than one on all of them (Paillier, EUROCRYPT 1999,
section 7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import gmpy2
from gmpy2 import mpz

from fedmf.crypto.fixed_base import FixedBase
from fedmf.crypto.secret_material import SecretMaterial

if TYPE_CHECKING:
    from collections.abc import Sequence


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
        # (1 + n)^m = 1 + m n modulo n^2, and here n = p q, so m q counts modulo p alone.
        messages = [1 + plaintext * cofactor % prime * prime for plaintext in plaintexts]
        return self._powers.times_powers(messages, exponents)

    def decrypt(self, ciphertext: mpz) -> mpz:
        """Return the plaintext modulo p, from 0 up to p - 1; the ciphertext is coprime to n."""
        power = gmpy2.powmod(ciphertext, self._prime - 1, self.square)
        return (power - 1) // self._prime * self._scale % self._prime
