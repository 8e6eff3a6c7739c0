"""How a private Paillier key is written down.

The content of its file is JSON text in UTF-8 with exactly these members; the numbers are
lower-case hexadecimal without leading zeros, and n is the product of p and q::

    {
      "format": "fedmf private Paillier key",
      "version": 1,
      "p": "...",
      "q": "...",
      "h": "..."
    }

It is not encrypted; `fedmf.crypto.key_file` sees to who can read it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from gmpy2 import mpz

from fedmf.crypto.key_file import MOST_BYTES
from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.paillier_numbers import PrivateNumbers
from fedmf.errors import KeyMaterialError

if TYPE_CHECKING:
    from fedmf.crypto.randomness import KeyRandomness

_FORMAT = "fedmf private Paillier key"
_VERSION = 1
_NUMBERS = ("p", "q", "h")
_HEXADECIMAL = re.compile(r"[1-9a-f][0-9a-f]*")


def private_key_to_bytes(key: PrivateKey) -> bytes:
    """Return the content of a key file."""
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
    if len(data) > MOST_BYTES:
        return f"it is larger than {MOST_BYTES:,} bytes"
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
