"""What is derived from public parts or from a secret: hashes, secrets, and long streams of bytes.

Every hash, key derivation and signature has a label of its own, so that none can stand in for
another. In front of the label and of every part stands its length: no two different lists of parts
are the same bytes.

A keystream is AES-256 in counter mode. The same key always gives the same stream. Under a secret
key nobody else can tell it from uniform bytes; under a public one everybody can recompute it, from
any place on.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from fedmf.crypto.secret_material import KeyRandomness, SecretMaterial, check_secret, key_randomness

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

HASH_BYTES = 32
"""Size of a `labelled_hash` in bytes."""

_PREFIX = b"fedmf 1"
_LENGTH_BYTES = 8
_SMALL_BYTES = 4096


def labelled(label: str, *parts: bytes | memoryview) -> bytes:
    """Return one unambiguous encoding of a label and its parts.

    ``"fedmf 1"``, then the label and every part, each behind its length in 8 bytes, little endian.
    """
    return b"".join(_pieces(label, parts))


def labelled_hash(label: str, *parts: bytes | memoryview) -> bytes:
    """Return the SHA-256 of what `labelled` returns, without putting it together first.

    Arrays are given as ``array.data``.
    """
    if all(isinstance(part, bytes) and len(part) <= _SMALL_BYTES for part in parts):
        # Most of what is hashed is a few digests: one call instead of one for every piece.
        return hashlib.sha256(labelled(label, *parts)).digest()
    function = hashlib.sha256()
    for piece in _pieces(label, parts):
        function.update(piece)
    return function.digest()


def merkle_root(pieces: Iterable[bytes | memoryview], domain: str) -> bytes:
    """Return one digest that commits to many pieces, so that each of them could be shown alone.

    A leaf is hashed with the domain, its number and its length, so that no piece stands for
    another, nor for a node. Two neighbours of a level make a node of the next; a last one without a
    neighbour goes up as it is. The root names the number of leaves, and so the tree's form.

    Parameters
    ----------
    pieces
        Bytes of the leaves, in order; at least one.
    domain
        What they are pieces of.
    """
    # The beginning of `labelled_hash("merkle leaf", domain, number, piece)` is hashed once for all.
    begun = hashlib.sha256(labelled("merkle leaf", domain.encode()) + _length(_LENGTH_BYTES))
    level = []
    for number, piece in enumerate(pieces):
        leaf = begun.copy()
        leaf.update(_length(number) + _length(len(piece)))
        leaf.update(piece)
        level.append(leaf.digest())
    count = len(level)
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        nodes = [hashlib.sha256(_NODE + a + _DIGEST + b).digest() for a, b in pairs]
        level = nodes + level[2 * len(nodes) :]
    return labelled_hash("merkle root", domain.encode(), _length(count), level[0])


def fingerprint(digest: bytes) -> str:
    """Return a hash in groups of four hexadecimal digits, to read out and compare."""
    text = digest.hex()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def _pieces(label: str, parts: tuple[bytes | memoryview, ...]) -> Iterator[bytes | memoryview]:
    yield _PREFIX
    for part in (label.encode(), *parts):
        # The length of a view is that of its first axis.
        length = part.nbytes if isinstance(part, memoryview) else len(part)
        yield _length(length)
        yield part


def _length(value: int) -> bytes:
    return value.to_bytes(_LENGTH_BYTES, "little")


# What stands before the two parts of `labelled_hash("merkle node", left, right)`.
_DIGEST = _length(HASH_BYTES)
_NODE = labelled("merkle node") + _DIGEST


MASTER_SECRET_BYTES = 32
CHECK_BYTES = 16


class MasterSecret(SecretMaterial):
    """32 secret bytes, and a pseudorandom function under them.

    Anyone of the participants who hands it to the server opens everybody's contributions.

    Raises
    ------
    KeyMaterialError
        The secret has another length.
    TypeError
        The secret is not bytes.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        check_secret(secret, "a master secret", MASTER_SECRET_BYTES)
        self._secret = secret

    @classmethod
    def fresh(cls, randomness: KeyRandomness | None = None) -> MasterSecret:
        """Return a new secret; from fresh randomness unless some is given."""
        return cls(key_randomness(randomness).bytes(MASTER_SECRET_BYTES))

    def derive(self, label: str, *parts: bytes) -> bytes:
        """Return 32 bytes that nobody can tell from random ones without the secret.

        HMAC-SHA256 over the label and the parts, each behind its length, so that no two calls with
        different arguments hash the same bytes.
        """
        pieces = []
        for part in (label.encode(), *parts):
            pieces += [len(part).to_bytes(8, "little"), part]
        return hmac.digest(self._secret, b"".join(pieces), "sha256")

    def check_value(self) -> bytes:
        """Return 16 public bytes that tell those who hold a secret whether it is this one.

        An output of the pseudorandom function under a label of its own: it says nothing about any
        other output, and nobody finds 256 secret bits by trying.
        """
        return self.derive("check value")[:CHECK_BYTES]

    def to_bytes(self) -> bytes:
        """Return the secret itself."""
        return self._secret


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
