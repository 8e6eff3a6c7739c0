"""The public half of a Paillier key: adds, checks and carries ciphertexts; never opens one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import gmpy2
from gmpy2 import mpz

from fedmf.crypto.paillier_numbers import SECURITY_BITS
from fedmf.errors import FixedPointRangeError, KeyMaterialError, MessageError

if TYPE_CHECKING:
    from collections.abc import Iterable

_FINGERPRINT_LABEL = b"fedmf paillier public key v1"


@dataclass(frozen=True, slots=True, repr=False)
class PublicKey:
    """What the server holds: enough to add, not to open.

    A public key of 1024 bits is taken without a warning, because its `PrivateKey` gave one.

    Raises
    ------
    KeyMaterialError
        If n is even or of any other size.
    """

    n: mpz
    """The modulus, odd, of one of the key sizes."""
    n_squared: mpz = field(init=False, compare=False)
    largest_plaintext: mpz = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.n, int | mpz):
            raise TypeError(f"n is an integer, not {type(self.n).__name__}")
        n = mpz(self.n)
        if n < 1 or n.bit_length() not in SECURITY_BITS or n % 2 == 0:
            sizes = ", ".join(str(size) for size in SECURITY_BITS)
            raise KeyMaterialError(f"a public Paillier key is an odd number of {sizes} bits")
        object.__setattr__(self, "n", n)
        object.__setattr__(self, "n_squared", n * n)
        object.__setattr__(self, "largest_plaintext", n // 2)

    def __repr__(self) -> str:
        return f"<PublicKey of {self.key_bits} bits, {self.fingerprint().hex()[:16]}>"

    @property
    def key_bits(self) -> int:
        """Size of n in bits."""
        return int(self.n.bit_length())

    @property
    def ciphertext_bytes(self) -> int:
        """Size of every ciphertext in bytes."""
        return 2 * self.key_bits // 8

    def fingerprint(self) -> bytes:
        """Return the 32 bytes by which people and messages name this key."""
        number = self.n.to_bytes(self.key_bits // 8, "big")
        return hashlib.sha256(_FINGERPRINT_LABEL + number).digest()

    def trivial(self, plaintext: mpz) -> mpz:
        """Return a ciphertext of a **public** value: anybody can read it.

        Raises
        ------
        FixedPointRangeError
            If the plaintext is larger.
        """
        self.check_plaintext(plaintext)
        return (1 + plaintext * self.n) % self.n_squared

    def add(self, a: mpz, b: mpz) -> mpz:
        """Return a ciphertext of the sum of two plaintexts. Both must have passed `check`."""
        return a * b % self.n_squared

    def check(self, ciphertexts: Iterable[mpz]) -> None:
        """Refuse numbers that are no ciphertexts.

        Raises
        ------
        MessageError
            Unless every one lies between 0 and n^2 and is coprime to n.
        """
        ciphertexts = list(ciphertexts)
        product = mpz(1)
        for position, ciphertext in enumerate(ciphertexts):
            if not 0 < ciphertext < self.n_squared:
                raise MessageError(
                    f"ciphertext {position} of {len(ciphertexts)} does not lie between 0 and n^2"
                )
            product = product * ciphertext % self.n
        # A product is coprime to n exactly when all its factors are.
        if gmpy2.gcd(product, self.n) != 1:
            shared = (gmpy2.gcd(ciphertext, self.n) != 1 for ciphertext in ciphertexts)
            position = next(index for index, found in enumerate(shared) if found)
            raise MessageError(
                f"ciphertext {position} of {len(ciphertexts)} shares a factor with n"
            )

    def check_plaintext(self, plaintext: mpz) -> None:
        """Refuse plaintexts that would come back as something else; the message hides the value.

        Raises
        ------
        FixedPointRangeError
            If the plaintext exceeds `largest_plaintext` in size.
        TypeError
            If it is no integer.
        """
        if not isinstance(plaintext, int | mpz):
            raise TypeError(f"a plaintext is an integer, not {type(plaintext).__name__}")
        if abs(plaintext) > self.largest_plaintext:
            raise FixedPointRangeError(
                f"a plaintext of {plaintext.bit_length()} bits does not fit under a key of "
                f"{self.key_bits} bits; pack fewer or smaller slots"
            )

    def to_bytes(self, ciphertexts: Iterable[mpz]) -> bytes:
        """Write ciphertexts one after the other, each in `ciphertext_bytes`, big endian."""
        size = self.ciphertext_bytes
        return b"".join([ciphertext.to_bytes(size, "big") for ciphertext in ciphertexts])

    def from_bytes(self, data: bytes, count: int) -> list[mpz]:
        """Read what `to_bytes` wrote. What comes from outside needs `check` before it is used.

        Raises
        ------
        MessageError
            If `data` is not exactly `count` ciphertexts long.
        """
        size = self.ciphertext_bytes
        if len(data) != count * size:
            raise MessageError(
                f"{count} ciphertexts of {size} bytes take {count * size:,} bytes, "
                f"and the message has {len(data):,}"
            )
        return [mpz.from_bytes(data[at : at + size], "big") for at in range(0, len(data), size)]
