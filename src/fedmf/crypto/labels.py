"""What is hashed, signed or bound to: a label for the purpose, and parts that cannot run together.

Every hash, key derivation and signature has a label of its own, so that none can stand in for
another. In front of the label and of every part stands its length: no two different lists of parts
are the same bytes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def fingerprint(digest: bytes) -> str:
    """Return a hash in groups of four hexadecimal digits, to read out and compare."""
    text = digest.hex()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def _pieces(label: str, parts: tuple[bytes | memoryview, ...]) -> Iterator[bytes | memoryview]:
    yield _PREFIX
    for part in (label.encode(), *parts):
        # The length of a view is that of its first axis.
        length = part.nbytes if isinstance(part, memoryview) else len(part)
        yield length.to_bytes(_LENGTH_BYTES, "little")
        yield part
