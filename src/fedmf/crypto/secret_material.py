"""What all secrets have in common: they do not print, pickle, copy or compare by value."""

from __future__ import annotations

from typing import NoReturn

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
