"""The key that the participants of a session share, of whichever kind, as a value and as a file.

The content of a key file is JSON text in UTF-8 with exactly the members of its kind. Of a private
Paillier key these are, with numbers in lower-case hexadecimal without leading zeros::

    {
      "format": "fedmf private Paillier key",
      "version": 1,
      "p": "...",
      "q": "...",
      "h": "..."
    }

and of a master secret, with its 32 bytes in hexadecimal::

    {
      "format": "fedmf master secret",
      "version": 1,
      "secret": "..."
    }

It is not encrypted; `fedmf.crypto.key_file` sees to who can read it.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gmpy2 import mpz

from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.key_file import MOST_BYTES, read_key_file, write_key_file
from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.paillier_numbers import PrivateNumbers, WeakKeyWarning
from fedmf.errors import KeyMaterialError

ParticipantsKey = PrivateKey | MasterSecret

_PAILLIER, _MASTER = "fedmf private Paillier key", "fedmf master secret"
_VERSION = 1
_NUMBERS = ("p", "q", "h")
_HEXADECIMAL = re.compile(r"[1-9a-f][0-9a-f]*")


def participants_key_to_bytes(key: ParticipantsKey) -> bytes:
    """Return the content of the key's file: JSON that names its kind."""
    if isinstance(key, MasterSecret):
        content: dict[str, object] = {"format": _MASTER, "version": _VERSION}
        content["secret"] = key.to_bytes().hex()
    else:
        content = {"format": _PAILLIER, "version": _VERSION}
        content |= {name: getattr(key.numbers, name).digits(16) for name in _NUMBERS}
    return (json.dumps(content, indent=2) + "\n").encode()


def participants_key_from_bytes(data: bytes, what: str = "what was received") -> ParticipantsKey:
    """Return the key that `participants_key_to_bytes` wrote.

    Paillier keys are checked as thoroughly as new ones. Weak keys are taken without a
    warning, which came when they were made.

    Raises
    ------
    KeyMaterialError
        If the bytes are malformed or of an unknown version, or make no acceptable key. The message
        names `what`, and contains no part of a key.
    """
    if _MASTER.encode() in data:
        content = _content(data, _MASTER, ["secret"], what)
        try:
            return MasterSecret(bytes.fromhex(content["secret"]))
        except (ValueError, TypeError, KeyMaterialError):
            # The exceptions of decoders quote what they stumbled over, and that is the secret.
            pass
        raise KeyMaterialError(f"{what} is not a key file: its secret is not 32 bytes")
    content = _content(data, _PAILLIER, _NUMBERS, what)
    malformed = [name for name in _NUMBERS if not _is_hexadecimal(content[name])]
    if malformed:
        raise KeyMaterialError(
            f"{what} is not a key file: no lower-case hexadecimal number without leading zeros: "
            + ", ".join(malformed)
        )
    p, q, h = (mpz(content[name], 16) for name in _NUMBERS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeakKeyWarning)
        return PrivateKey(PrivateNumbers(p, q, h, allow_weak=True))


def save_participants_key(path: Path | str, key: ParticipantsKey) -> None:
    """Write a new key file that only its owner can read; see `write_key_file`."""
    write_key_file(path, participants_key_to_bytes(key))


def load_participants_key(path: Path | str) -> ParticipantsKey:
    """Read a key file; see `read_key_file` and `participants_key_from_bytes`."""
    return participants_key_from_bytes(read_key_file(path), str(path))


def _content(data: bytes, kind: str, members: Sequence[str], what: str) -> dict[str, Any]:
    """Return the members of a key file of this kind; raise KeyMaterialError if it is none."""
    content = _decoded(data)
    wrong = content if isinstance(content, str) else ""
    if isinstance(content, dict):
        if content.get("format") != kind:
            wrong = f"its format is not {kind!r}"
        elif content.get("version") != _VERSION:
            wrong = f"its version is not {_VERSION}, the only one known here"
        elif set(content) != {"format", "version", *members}:
            *first, last = "format", "version", *members
            wrong = f"its members are not {', '.join(first)} and {last}"
        else:
            return content
    raise KeyMaterialError(f"{what} is not a key file: {wrong}")


def _decoded(data: bytes) -> dict[str, Any] | str:
    """Return what JSON text holds, or what is wrong with it.

    Nothing is raised from in here, because the exceptions of the decoders quote the text that they
    stumbled over, and that is the key.
    """
    if len(data) > MOST_BYTES:
        return f"it is larger than {MOST_BYTES:,} bytes"
    try:
        content = json.loads(data.decode("utf-8"), object_pairs_hook=_members)
    except (ValueError, RecursionError):
        return "it is not JSON text in UTF-8"
    if not isinstance(content, dict):
        return "it holds no JSON object, or one that names a member twice"
    return content


def _members(pairs: list[tuple[str, object]]) -> dict[str, object] | None:
    members = dict(pairs)
    return members if len(members) == len(pairs) else None


def _is_hexadecimal(text: object) -> bool:
    return isinstance(text, str) and _HEXADECIMAL.fullmatch(text) is not None
