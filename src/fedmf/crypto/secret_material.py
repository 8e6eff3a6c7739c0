"""Secrets: what they have in common, and the only source of secret randomness.

Secrets do not print, pickle, copy or compare by value. The learning side draws from a
`numpy.random.Generator` that repeats itself under a seed. Keys must not, so they have a source, and
a type, of their own.
"""

from __future__ import annotations

import builtins
import hashlib
import itertools
import os
from typing import NoReturn

from cryptography.hazmat.primitives.poly1305 import Poly1305

from fedmf.errors import KeyMaterialError


class SecretMaterial:
    """Base of every object that holds a key or a part of one.

    Nothing here can stop code that reads the attributes on purpose, and Python cannot wipe memory.
    It stops the accidents: a key in a log line, in a traceback, in a pickled task for another
    process, or in a comparison whose duration depends on the secret. Equality stays identity.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (omitted)>"

    def __reduce__(self) -> NoReturn:
        # pickle, copy.copy and copy.deepcopy all arrive here.
        self._refuse()

    def __getstate__(self) -> NoReturn:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} holds key material and is never pickled or copied; "
            "share the object itself, or write a key file and load it where it is needed"
        )


def check_secret(secret: bytes, what: str, length: int = 32) -> None:
    """Return if this is a byte string of this length.

    Raises
    ------
    KeyMaterialError
        If there are more of them, or fewer.
    TypeError
        If it is not bytes.
    """
    if not isinstance(secret, bytes):
        raise TypeError(f"{what} is bytes, not {type(secret).__name__}")
    if len(secret) != length:
        raise KeyMaterialError(f"{what} has {length} bytes, this one {len(secret)}")


_LABEL = b"fedmf key randomness v2"
_TAG_LABEL = b"fedmf key randomness v2, tags"
_FRESH_BYTES = 32
_DEVICE_KEY_BYTES = 32


class KeyRandomness(SecretMaterial):
    """Secret randomness from the operating system, hedged against its failure.

    Every answer is SHAKE-256 over a label, the device key, fresh bytes of the operating system, a
    counter of the calls and a tag of the message that the randomness is going to protect. While the
    operating system works, that is as good as its bytes. Where it repeats itself (a cloned machine,
    a restored snapshot, a broken driver) different messages still get unrelated randomness, as long
    as the device key is secret; so the worst that shows is that two encryptions hold the same
    message. The construction is that of hedged public-key encryption (Bellare et al., ASIACRYPT
    2009) and of hedged signatures.

    The tag is Poly1305 (RFC 8439) under a second secret of the device. Nobody ever sees it, so one
    key may take many messages: two of them, of 2 MB each, share a tag with a probability of 2^-86.
    SHA-256 would take seven times as long, a quarter of what it takes to protect a whole table.

    Parameters
    ----------
    device_key
        Secret of this device, at least 32 bytes. Without it a fresh one is drawn, which lives as
        long as this object.

    Raises
    ------
    KeyMaterialError
        If the device key is too short.
    TypeError
        If the device key is not bytes.
    """

    __slots__ = ("_calls", "_device_key", "_tag_key")

    def __init__(self, device_key: builtins.bytes | None = None) -> None:
        if device_key is None:
            device_key = os.urandom(_DEVICE_KEY_BYTES)
        if not isinstance(device_key, builtins.bytes):
            raise TypeError(f"a device key is bytes, not {type(device_key).__name__}")
        if len(device_key) < _DEVICE_KEY_BYTES:
            raise KeyMaterialError(
                f"a device key has at least {_DEVICE_KEY_BYTES} bytes, this one {len(device_key)}"
            )
        # Hashed to a fixed length, so that no two inputs of the function below look alike.
        self._device_key = hashlib.sha256(device_key).digest()
        self._tag_key = hashlib.sha256(_TAG_LABEL + self._device_key).digest()
        self._calls = itertools.count()

    def bytes(self, length: int, message: builtins.bytes = b"") -> builtins.bytes:
        """Return uniform random bytes; `message` is what they are going to protect."""
        source = hashlib.shake_256(_LABEL)
        source.update(self._device_key)
        source.update(os.urandom(_FRESH_BYTES))
        source.update(next(self._calls).to_bytes(8, "big"))
        source.update(Poly1305.generate_tag(self._tag_key, message))
        return source.digest(length)

    def integer(self, bits: int) -> int:
        """Return a uniform integer of at most `bits` bits, from 0 up to 2^bits - 1."""
        return int.from_bytes(self.bytes(-(-bits // 8)), "big") >> (-bits % 8)

    def below(self, bound: int) -> int:
        """Return a uniform integer from 0 up to, but not including, `bound`.

        Candidates that are too large are thrown away: reducing them would favour small results.

        Raises
        ------
        ValueError
            If `bound` is not positive.
        """
        if bound < 1:
            raise ValueError("there is no integer from 0 up to, but not including, this bound")
        while True:
            candidate = self.integer((bound - 1).bit_length())
            if candidate < bound:
                return candidate


def key_randomness(given: KeyRandomness | None) -> KeyRandomness:
    """Return the given source, or a new one where none was given.

    Raises
    ------
    TypeError
        If it is anything else, above all a `numpy.random.Generator`, whose output can be predicted.
    """
    if given is None:
        return KeyRandomness()
    if not isinstance(given, KeyRandomness):
        raise TypeError(
            "keys take their randomness from a KeyRandomness, never from a seeded generator such "
            f"as {type(given).__module__}.{type(given).__name__}; pass none to get a fresh one"
        )
    return given
