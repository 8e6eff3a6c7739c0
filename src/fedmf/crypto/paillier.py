"""Paillier encryption, in which multiplying ciphertexts adds plaintexts.

P. Paillier, "Public-key cryptosystems based on composite degree residuosity classes", EUROCRYPT
1999, with the generator n + 1 and the faster randomisers of I. Damgard, M. Jurik and J. B. Nielsen,
"A generalization of Paillier's public-key system with applications to electronic voting",
International Journal of Information Security 9 (2010)::

    c = (1 + m n) (h^n)^r  mod n^2,        h = -x^2 mod n  for a random x,        r random

The server holds a `PublicKey` and can add; it never encrypts. Participants hold the `PrivateKey`.
Nothing here notices changes on the way that keep a ciphertext a ciphertext: that takes the tags of
the protocol. Nothing here runs in constant time: an attacker who can measure this machine closely
enough can learn from it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import gmpy2
from gmpy2 import mpz

from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.packing import HEADROOM_BITS
from fedmf.crypto.paillier_numbers import PrivateNumbers
from fedmf.crypto.paillier_public_key import PublicKey
from fedmf.crypto.prime_square import PrimeSquare
from fedmf.crypto.secret_material import KeyRandomness, SecretMaterial, key_randomness

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["PrivateKey", "PublicKey"]

_SECRET_LABEL = b"fedmf master secret of a paillier key v1\n"


class PrivateKey(SecretMaterial):
    """What participants share: encrypts and opens.

    Anyone of them who talks to the server opens everybody's contributions.

    Exponents r have half the size of the key. That nobody can tell such powers of h from all powers
    of h follows from the hardness of factoring (O. Goldreich and V. Rosen, Journal of Cryptology
    16, 2003).

    Parameters
    ----------
    numbers
        The checked numbers of the key.
    randomness
        Source of the exponents; a new one unless given.

    Attributes
    ----------
    public
        The `PublicKey` that belongs to it.
    numbers
        The numbers that make the key; for key files.
    """

    __slots__ = (
        "_exponent_bytes",
        "_modulo_p",
        "_modulo_q",
        "_p_inverse",
        "_p_square_inverse",
        "_randomness",
        "numbers",
        "public",
    )

    def __init__(
        self,
        numbers: PrivateNumbers,
        *,
        randomness: KeyRandomness | None = None,
    ) -> None:
        self._randomness = key_randomness(randomness)
        self.numbers = numbers
        self.public = PublicKey(numbers.n)
        self._exponent_bytes = numbers.key_bits // 16
        p, q, h = numbers.p, numbers.q, numbers.h
        self._modulo_p = PrimeSquare(p, q, h, self._exponent_bytes)
        self._modulo_q = PrimeSquare(q, p, h, self._exponent_bytes)
        self._p_inverse = gmpy2.invert(p, q)
        self._p_square_inverse = gmpy2.invert(p * p, q * q)

    @classmethod
    def generate(
        cls,
        key_bits: int = 3072,
        randomness: KeyRandomness | None = None,
        *,
        allow_weak: bool = False,
    ) -> PrivateKey:
        """Make a new key; half a second or so for 3072 bits.

        Parameters
        ----------
        key_bits
            3072, 2048 or, with `allow_weak`, 1024.
        allow_weak
            Accept 1024 bits, with a `WeakKeyWarning`.

        Raises
        ------
        KeyMaterialError
            If `key_bits` is not to be used.
        """
        source = key_randomness(randomness)
        numbers = PrivateNumbers.generate(key_bits, source, allow_weak=allow_weak)
        return cls(numbers, randomness=source)

    def master_secret(self) -> MasterSecret:
        """Return the secret that all who hold this key share beside it, such as for tags.

        SHA-256 over a label and both primes, the smaller one first, each big-endian in half the
        size of the key.
        """
        size = self.numbers.key_bits // 16
        primes = sorted((self.numbers.p, self.numbers.q))
        return MasterSecret(
            hashlib.sha256(
                _SECRET_LABEL + b"".join([prime.to_bytes(size, "big") for prime in primes])
            ).digest()
        )

    def encrypt(self, plaintext: mpz) -> mpz:
        """Encrypt one signed integer; see `encrypt_all`, which is quicker for many."""
        return self.encrypt_all([plaintext])[0]

    def encrypt_all(self, plaintexts: Iterable[mpz]) -> list[mpz]:
        """Encrypt signed integers.

        The first call builds the tables of powers.

        Parameters
        ----------
        plaintexts
            Each at most `PublicKey.largest_plaintext` in size.

        Returns
        -------
        list of gmpy2.mpz
            One ciphertext for each, between 0 and n^2; every call gives others.

        Raises
        ------
        FixedPointRangeError
            If any plaintext is larger. Nothing has been encrypted then.
        """
        plaintexts = list(plaintexts)
        for plaintext in plaintexts:
            self.public.check_plaintext(plaintext)
        exponents = [
            self._randomness.bytes(self._exponent_bytes, gmpy2.to_binary(mpz(plaintext)))
            for plaintext in plaintexts
        ]
        p_square, q_square = self._modulo_p.square, self._modulo_q.square
        inverse = self._p_square_inverse
        return [
            in_p + p_square * ((in_q - in_p) * inverse % q_square)
            for in_p, in_q in zip(
                self._modulo_p.encrypt(plaintexts, exponents),
                self._modulo_q.encrypt(plaintexts, exponents),
                strict=True,
            )
        ]

    def decrypt(self, ciphertext: mpz, *, value_bits: int | None = None) -> mpz:
        """Open a ciphertext.

        A plaintext that is known to be short is found modulo p only, in half the time. If it is
        not short after all, its remainder modulo p comes back, which is as good as random: with the
        headroom that is asked for here the caller notices as it does for full plaintexts.

        Every number that passes `PublicKey.check` decrypts to something. That it is what was
        encrypted is for the caller to find out: by the headroom of the packing against accidents,
        by tags against a server that means it.

        Parameters
        ----------
        ciphertext
            What `encrypt` or `PublicKey.add` returned.
        value_bits
            How many bits an honest plaintext takes at the most, sign included; None: any number.

        Returns
        -------
        gmpy2.mpz
            The plaintext, between -n/2 and n/2.

        Raises
        ------
        MessageError
            If the ciphertext does not lie between 0 and n^2, or is not coprime to n.
        """
        self.public.check([ciphertext])
        in_p = self._modulo_p.decrypt(ciphertext)
        p = self.numbers.p
        if value_bits is not None and value_bits + HEADROOM_BITS <= p.bit_length():
            return in_p - p if in_p > p // 2 else in_p
        in_q = self._modulo_q.decrypt(ciphertext)
        lift = (in_q - in_p) * self._p_inverse % self.numbers.q
        plaintext = in_p + p * lift
        return plaintext - self.public.n if plaintext > self.public.largest_plaintext else plaintext
