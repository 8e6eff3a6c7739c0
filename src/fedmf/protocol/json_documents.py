"""JSON documents: each is of a known format, and has one spelling only.

A document that is compared, hashed or signed must not have two spellings: keys are sorted, there
are no spaces, numbers are finite, the text is UTF-8. So what a document is read from has to be
what it is written as, byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import ClassVar, Self

from fedmf.errors import FedmfError, KeyMaterialError, MessageError
from fedmf.protocol.json_fields import TEXT, Json, JsonFields, Spelling

MOST_VALUES, BYTES_OF_A_VALUE = 2**20, 16
"""How many values a document may hold; more only where it has this many bytes for each."""


class Format(StrEnum):
    """The formats, by their names."""

    BUNDLE = "fedmf card 1"
    CHARTER = "fedmf charter 1"
    COORDINATOR = "fedmf coordinator 1"
    ENROLMENT = "fedmf enrolment 1"
    FEDERATION = "fedmf federation 1"
    KEYS = "fedmf personal keys 1"
    ROSTER = "fedmf roster 1"
    SEALED = "fedmf sealed reader secret 1"
    SESSION = "fedmf session 1"
    SILO = "fedmf silo 1"

    @property
    def kind(self) -> str:
        """What a document of this format is, in words."""
        return _KINDS[self]

    @property
    def secret(self) -> bool:
        """Whether nobody but its owner may read it."""
        return self in (Format.ENROLMENT, Format.KEYS)


_KINDS = {
    Format.BUNDLE: "a public key bundle",
    Format.CHARTER: "a charter",
    Format.COORDINATOR: "a coordinator's settings",
    Format.ENROLMENT: "an enrolment",
    Format.FEDERATION: "a federation file",
    Format.KEYS: "a file of personal keys",
    Format.ROSTER: "a version of a roster",
    Format.SEALED: "a sealed reader secret",
    Format.SESSION: "a session",
    Format.SILO: "a silo's settings",
}


class JsonDocument(JsonFields):
    """A data class that is a JSON document of its own, with one spelling."""

    __slots__ = ()

    FORMAT: ClassVar[Format]
    """What kind of document it is."""
    NAMES_FORMAT: ClassVar[bool] = True
    """Whether the document holds the name of its format, as its field ``format``."""

    def to_bytes(self) -> bytes:
        """Return the canonical bytes."""
        head = {"format": str(self.FORMAT)} if self.NAMES_FORMAT else {}
        return canonical_json(head | self.as_json())

    @classmethod
    def from_bytes(cls, data: bytes, what: str = "what was received") -> Self:
        """Return the document whose canonical bytes these are.

        Parameters
        ----------
        data
            The bytes.
        what
            Where they come from, for messages.

        Raises
        ------
        MessageError
            They are not those of a public document of this kind.
        KeyMaterialError
            They are not those of a secret document of this kind, or a key in it is not valid.
        """
        if cls.NAMES_FORMAT and (found := format_of(data)) is not cls.FORMAT:
            is_what = "no document of fedmf" if found is None else found.kind
            raise cls._error()(f"{what} is {is_what}, where {cls.FORMAT.kind} is due")
        with cls.refusing(what):
            values = parsed(data)
            if cls.NAMES_FORMAT:
                del values["format"]
            document = cls.from_json(values)
            if document.to_bytes() != data:
                raise ValueError("it is not in its canonical form")
        return document

    @classmethod
    @contextmanager
    def refusing(cls, what: str) -> Iterator[None]:
        """Turn anything that goes wrong in the block into one error about this kind of document."""
        form, error = cls.FORMAT, cls._error()
        try:
            yield
        except (ValueError, RecursionError, FedmfError) as problem:
            if isinstance(problem, KeyMaterialError):
                error = KeyMaterialError
            if not form.secret:
                said = f"{what} does not hold {form.kind}: {problem}"
            elif isinstance(problem, FedmfError):
                said = f"{what}: {problem}"
            else:
                # What it complains about may be part of a secret.
                said = f"{what} is {form.kind} that was damaged or edited"
            raise error(said) from None

    @classmethod
    def _error(cls) -> type[FedmfError]:
        return KeyMaterialError if cls.FORMAT.secret else MessageError


def canonical_json(values: Mapping[str, Json]) -> bytes:
    """Return the one spelling of JSON values: UTF-8, keys sorted, no spaces, numbers finite."""
    return json.dumps(
        values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def parsed(data: bytes) -> Json:
    """Return the JSON values that bytes hold, if there are not too many for so few bytes.

    A value takes some hundred bytes of memory, whatever it takes in JSON: two, at the least.

    Raises
    ------
    ValueError
        There are, or it is no JSON.
    """
    values = data.count(b",") + data.count(b"[") + data.count(b"{")
    if values > MOST_VALUES + len(data) // BYTES_OF_A_VALUE:
        raise ValueError(f"{len(data)} bytes that hold {values} values or more")
    return json.loads(data)


def format_of(data: bytes) -> Format | None:
    """Return the format that a document names; None where it names none that is known here."""
    try:
        return Format(parsed(data)["format"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def as_text(from_bytes: Callable[[bytes, str], object]) -> Spelling:
    """Return the spelling of a document as the text of its own canonical bytes."""
    return Spelling(
        lambda document: document.to_bytes().decode(),
        lambda text: from_bytes(TEXT.read(text).encode(), "what it holds"),
    )
