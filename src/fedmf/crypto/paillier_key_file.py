"""Private Paillier keys at rest.

The file is JSON text in UTF-8 with exactly these members; the numbers are lower-case hexadecimal
without leading zeros, and n is their product::

    {
      "format": "fedmf private Paillier key",
      "version": 1,
      "p": "...",
      "q": "...",
      "h": "..."
    }

It is not encrypted. On POSIX systems it is made, and accepted, only where nobody but its owner can
read it; elsewhere the folder has to see to that.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from gmpy2 import mpz

from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.paillier_numbers import PrivateNumbers
from fedmf.errors import KeyMaterialError

if TYPE_CHECKING:
    from fedmf.crypto.randomness import KeyRandomness

_FORMAT = "fedmf private Paillier key"
_VERSION = 1
_NUMBERS = ("p", "q", "h")
_MOST_BYTES = 16_384
_HEXADECIMAL = re.compile(r"[1-9a-f][0-9a-f]*")


def save_private_key(path: Path | str, key: PrivateKey) -> None:
    """Write a new key file that only its owner can read.

    The file appears under its name complete or not at all, and never replaces another.

    Raises
    ------
    KeyMaterialError
        If there is something of that name already, or the file cannot be written.
    """
    path = Path(path)
    try:
        # mkstemp makes the file readable by its owner alone from the start, not some time later.
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".key-", suffix=".new")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(private_key_to_bytes(key))
                file.flush()
                os.fsync(file.fileno())
            # A hard link fails where the name is taken; os.replace would destroy a key that
            # somebody else put there a moment ago.
            os.link(temporary, path)
        finally:
            Path(temporary).unlink()
        _make_durable(path.parent)
    except FileExistsError:
        raise KeyMaterialError(
            f"{path} exists already, and a key file is never overwritten; choose another name"
        ) from None
    except OSError as error:
        raise KeyMaterialError(f"cannot write the key file {path}: {error.strerror}") from None


def load_private_key(
    path: Path | str,
    *,
    allow_weak: bool = False,
    short_exponent: bool = False,
    randomness: KeyRandomness | None = None,
) -> PrivateKey:
    """Read a key file, and check the key as thoroughly as a new one.

    Parameters
    ----------
    path
        The file.
    allow_weak, short_exponent, randomness
        As for `PrivateKey.generate`.

    Raises
    ------
    KeyMaterialError
        If the file is missing, readable by others, malformed or of an unknown version, or its
        numbers make no acceptable key. No message contains any part of the key.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise KeyMaterialError(f"cannot read the key file {path}: {error.strerror}") from None
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise KeyMaterialError(
            f"{path} may be used by others (mode {stat.S_IMODE(mode):03o}), so its key is not "
            f"secret any more; make a new one, or run 'chmod 600' on it if nobody else has seen it"
        )
    return private_key_from_bytes(
        data,
        what=str(path),
        allow_weak=allow_weak,
        short_exponent=short_exponent,
        randomness=randomness,
    )


def private_key_to_bytes(key: PrivateKey) -> bytes:
    """Return the content of a key file, for a pipe between two processes of one participant."""
    content = {"format": _FORMAT, "version": _VERSION}
    content |= {name: getattr(key.numbers, name).digits(16) for name in _NUMBERS}
    return (json.dumps(content, indent=2) + "\n").encode()


def private_key_from_bytes(
    data: bytes,
    *,
    what: str = "what was received",
    allow_weak: bool = False,
    short_exponent: bool = False,
    randomness: KeyRandomness | None = None,
) -> PrivateKey:
    """Return the key that `private_key_to_bytes` wrote, checked as thoroughly as a new one.

    Parameters
    ----------
    data
        Content of a key file.
    what
        Where the bytes come from, for the error message.
    allow_weak, short_exponent, randomness
        As for `PrivateKey.generate`.

    Raises
    ------
    KeyMaterialError
        If the bytes are malformed or of an unknown version, or the numbers make no acceptable key.
    """
    numbers = _parse(data)
    if isinstance(numbers, str):
        raise KeyMaterialError(f"{what} is no key file: {numbers}")
    p, q, h = numbers
    return PrivateKey(
        PrivateNumbers(p, q, h, allow_weak),
        short_exponent=short_exponent,
        randomness=randomness,
    )


def _parse(data: bytes) -> tuple[mpz, mpz, mpz] | str:
    """Return p, q and h, or what is wrong.

    Nothing is raised from in here, because the exceptions of the decoders quote the text that they
    stumbled over, and that is the key.
    """
    if len(data) > _MOST_BYTES:
        return f"it is larger than {_MOST_BYTES:,} bytes"
    try:
        content = json.loads(data.decode("utf-8"), object_pairs_hook=_members)
    except (ValueError, RecursionError):
        return "it is not JSON text in UTF-8"
    if not isinstance(content, dict):
        return "it holds no JSON object, or one that names a member twice"
    if content.get("format") != _FORMAT:
        return f"its format is not {_FORMAT!r}"
    if content.get("version") != _VERSION:
        return f"its version is not {_VERSION}, the only one known here"
    if set(content) != {"format", "version", *_NUMBERS}:
        return "its members are not format, version, p, q and h"
    malformed = [name for name in _NUMBERS if not _is_hexadecimal(content[name])]
    if malformed:
        return f"no lower-case hexadecimal number without leading zeros: {', '.join(malformed)}"
    p, q, h = (mpz(content[name], 16) for name in _NUMBERS)
    return p, q, h


def _members(pairs: list[tuple[str, object]]) -> dict[str, object] | None:
    members = dict(pairs)
    return members if len(members) == len(pairs) else None


def _is_hexadecimal(text: object) -> bool:
    return isinstance(text, str) and _HEXADECIMAL.fullmatch(text) is not None


def _make_durable(folder: Path) -> None:
    """Make the name survive a power failure, where folders can be opened to ask for that."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
