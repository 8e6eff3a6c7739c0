"""The JSON documents of enrolment: each names its format, and has one spelling only.

A document that may be compared, hashed or signed must not have two spellings; so what a document is
read from has to be what it is written as, byte for byte. Values are never quoted in messages:
some of them are secrets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from fedmf.errors import FedmfError, KeyMaterialError, MessageError

MOST_NUMBER = 2**32 - 1


class Format(StrEnum):
    """The formats, by the name that stands in the document."""

    CARD = "fedmf card 1"
    CHARTER = "fedmf charter 1"
    ENROLMENT = "fedmf enrolment 1"
    KEYS = "fedmf personal keys 1"
    ROSTER = "fedmf roster 1"
    SEALED = "fedmf sealed reader secret 1"

    @property
    def kind(self) -> str:
        """What a document of this format is, in words."""
        return _KINDS[self]

    @property
    def secret(self) -> bool:
        """Whether nobody but its owner may read it."""
        return self in (Format.ENROLMENT, Format.KEYS)


_KINDS = {
    Format.CARD: "a card",
    Format.CHARTER: "a charter",
    Format.ENROLMENT: "an enrolment",
    Format.KEYS: "a file of personal keys",
    Format.ROSTER: "a version of a roster",
    Format.SEALED: "a sealed reader secret",
}


def format_of(data: bytes) -> Format | None:
    """Return the format that a document names; None where it names none that is known here."""
    try:
        return Format(json.loads(data)["format"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


@dataclass(frozen=True, slots=True, repr=False)
class Document:
    """The fields of a document, taken by name and type."""

    what: str
    """Where it comes from, for messages."""
    format: Format
    """Its format."""
    fields: Mapping[str, object]
    """Its values."""
    data: bytes
    """Its bytes."""

    @classmethod
    @contextmanager
    def reading(cls, data: bytes, format: Format, what: str) -> Iterator[Document]:  # noqa: A002
        """Read a document of one format; what goes wrong in the block is an error of its own.

        Raises
        ------
        MessageError
            The bytes are no public document of this format.
        KeyMaterialError
            The bytes are no secret document of this format, or hold a key that is none.
        """
        error = KeyMaterialError if format.secret else MessageError
        found = format_of(data)
        if found is not format:
            is_what = "no file of fedmf keys" if found is None else found.kind
            raise error(f"{what} is {is_what}, where {format.kind} is due")
        try:
            yield cls(what, format, json.loads(data), data)
        except (ValueError, KeyError):
            # What they complain about may be part of a secret.
            raise error(f"{what} is {format.kind} that was damaged or edited") from None
        except FedmfError as problem:
            kind = KeyMaterialError if isinstance(problem, KeyMaterialError) else error
            raise kind(f"{what}: {problem}") from None

    def text(self, name: str) -> str:
        """Return a text."""
        value = self.fields[name]
        if not isinstance(value, str):
            raise ValueError(name)
        return value

    def number(self, name: str) -> int:
        """Return a number from 0 up to 2^32 - 1."""
        value = self.fields[name]
        # Exactly: JSON's true is an int for isinstance.
        if type(value) is not int or not 0 <= value <= MOST_NUMBER:
            raise ValueError(name)
        return value

    def octets(self, name: str) -> bytes:
        """Return bytes, which stand in hexadecimal digits."""
        return bytes.fromhex(self.text(name))

    def check_spelling(self, written: bytes) -> None:
        """Check that the document is spelled as it would be written."""
        if written != self.data:
            raise ValueError("another spelling")
