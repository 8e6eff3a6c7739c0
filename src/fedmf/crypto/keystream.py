"""Long streams of bytes that a 32-byte key determines: AES-256 in counter mode.

The same key always gives the same stream. Under a secret key nobody else can tell it from uniform
bytes; under a public one everybody can recompute it, from any place on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from fedmf.crypto.secret_material import SecretMaterial, check_secret

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEY_BYTES = 32
"""Size of a key of AES-256 in bytes."""

CIPHER_BLOCK_BYTES = 16
"""Size of the piece of the stream that one step of the counter gives (NIST FIPS 197)."""

# Zeros, whose encryption is the keystream; no longer than this, so that they stay in the cache.
_ZEROS = memoryview(bytes(2**17))

_FROM_THE_FRONT = modes.CTR(bytes(CIPHER_BLOCK_BYTES))


class Keystream(SecretMaterial):
    """The stream of AES-256-CTR (NIST SP 800-38A, 6.5) under one key, read from front to back.

    Parameters
    ----------
    key
        32 bytes.
    skipped
        Number of bytes of the stream to leave out at its front, a multiple of 16. The counter of
        the stream's first 16 bytes is zero.

    Raises
    ------
    KeyMaterialError
        If the key is not 32 bytes.
    TypeError
        If the key is not bytes.
    ValueError
        If `skipped` is negative or no multiple of 16.
    """

    __slots__ = ("_encryptor",)

    def __init__(self, key: bytes, *, skipped: int = 0) -> None:
        check_secret(key, "the key of a keystream", KEY_BYTES)
        if skipped < 0 or skipped % CIPHER_BLOCK_BYTES:
            raise ValueError(
                f"a stream starts at a multiple of {CIPHER_BLOCK_BYTES}, not {skipped}"
            )
        mode = _FROM_THE_FRONT
        if skipped:
            mode = modes.CTR((skipped // CIPHER_BLOCK_BYTES).to_bytes(CIPHER_BLOCK_BYTES, "big"))
        self._encryptor = Cipher(algorithms.AES(key), mode).encryptor()

    def take(self, length: int) -> NDArray[np.uint8]:
        """Return the next `length` bytes of the stream, shape (length,)."""
        space = np.empty(length, dtype=np.uint8)
        self.fill(space)
        return space

    def fill(self, space: NDArray[np.uint8]) -> None:
        """Overwrite an array with the next bytes of the stream.

        Parameters
        ----------
        space
            uint8, shape (length,). Reusing it is faster than memory fresh from the system.
        """
        whole = space.data
        for start in range(0, len(whole), len(_ZEROS)):
            piece = whole[start : start + len(_ZEROS)]
            self._encryptor.update_into(_ZEROS[: len(piece)], piece)
