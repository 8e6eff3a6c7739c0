"""Records declare their fields; what is written and read as bytes follows from the declaration.

A field's annotation says how its value lies in the bytes, in the order of the fields::

    @dataclass(frozen=True, slots=True)
    class Ballot(Record):
        round: Given[int]
        member: U32
        reason: Annotated[bytes, sized_bytes(1000)]
        votes: Annotated[tuple[Vote, ...], many(lambda known: known.charter.terms.members)]

where Vote is another record. Reading is strict: every length is checked before anything is taken,
lists ascend where they should, and nothing may be left at the end, so that what can be read is
written the same again.

A size may depend on what is *known*: the names that are given when reading begins, the fields that
were read before, and inside of a record what is known around it. A `Given` field is not among the
bytes: the reader knows it already.
"""

from __future__ import annotations

import inspect
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from types import SimpleNamespace
from typing import Annotated, Any, Self, TypeVar, get_args, get_origin

import numpy as np

from fedmf.crypto.derivation import HASH_BYTES
from fedmf.crypto.signatures import SIGNATURE_BYTES
from fedmf.errors import MessageError
from fedmf.protocol.table import Int64Array

_U32 = struct.Struct("<I")
T = TypeVar("T")
Known = SimpleNamespace
Size = int | Callable[[Known], int]
"""A number of bytes or items, or how it follows from what is known."""


def u32(value: int) -> bytes:
    """Return a number as four bytes."""
    return _U32.pack(value)


def sized(data: bytes) -> bytes:
    """Return bytes behind their length."""
    return _U32.pack(len(data)) + data


class BodyReader:
    """Reads a body from front to back; complains where it is not what is due.

    Parameters
    ----------
    body
        The bytes.
    """

    def __init__(self, body: bytes | memoryview) -> None:
        self._body = memoryview(body)

    def number(self) -> int:
        """Return the next number of four bytes."""
        return int(_U32.unpack(self.take(_U32.size))[0])

    def take(self, length: int) -> bytes:
        """Return the next bytes, this many."""
        if self.left < length:
            raise MessageError("the body of the message ends too early")
        taken, self._body = bytes(self._body[:length]), self._body[length:]
        return taken

    def sized(self, *, at_most: int) -> bytes:
        """Return bytes that stand behind their length."""
        length = self.number()
        if length > at_most:
            raise MessageError(f"a part of {length} bytes where at most {at_most} are possible")
        return self.take(length)

    def count(self, *, at_most: int) -> int:
        """Return the length of a list."""
        count = self.number()
        if count > at_most:
            raise MessageError(f"a list of {count} numbers where at most {at_most} are possible")
        return count

    def ascending(self, *, at_most: int) -> Int64Array:
        """Return a list of ascending numbers."""
        count = self.count(at_most=at_most)
        listed = np.frombuffer(self.take(count * _U32.size), dtype="<u4").astype(np.int64)
        if np.any(np.diff(listed) <= 0):
            raise MessageError("the numbers of a list must ascend")
        return listed

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._body)

    def rest(self) -> bytes:
        """Return what is left."""
        return self.take(self.left)

    def end(self) -> None:
        """Complain if anything is left."""
        if self.left:
            raise MessageError(f"{self.left} bytes too many at the end of the message")


@dataclass(frozen=True)
class FieldForm:
    """How the value of a field lies in bytes."""

    write: Callable[[Any], bytes]
    read: Callable[[BodyReader, Known], Any]
    """Raises MessageError where there is no such value."""


@dataclass(frozen=True)
class FormOf:
    """A form that depends on the forms of the types inside of a field's type."""

    inner: Callable[[FieldForm], FieldForm]
    """From the form of the first of these types, an item's."""


class Declared:
    """Base of data classes that declare how their fields lie in bytes."""

    __slots__ = ()

    def pieces(self) -> list[bytes]:
        """Return the bytes of every field, in order."""
        return [form.write(getattr(self, name)) for name, form in _forms(type(self))]

    @classmethod
    def read(cls, body: BodyReader, known: Known) -> Self:
        """Read one out of a body; raise MessageError if there is none."""
        inside, values = Known(**vars(known)), {}
        for name, form in _forms(cls):
            values[name] = getattr(known, name) if form is _ABSENT else form.read(body, inside)
            setattr(inside, name, values[name])
        made = cls(**values)
        made.check_read()
        return made

    @classmethod
    def read_all(cls, data: bytes | memoryview, **known: Any) -> Self:
        """Read one that takes all of the bytes; raise MessageError if they are none."""
        body = BodyReader(data)
        made = cls.read(body, Known(**known))
        body.end()
        return made

    def check_read(self) -> None:
        """Raise MessageError if what was read cannot be."""


class Record(Declared):
    """What has bytes of its own, or lies inside of another record."""

    __slots__ = ()

    def to_bytes(self) -> bytes:
        """Return the record as bytes."""
        return b"".join(self.pieces())

    @classmethod
    def from_bytes(cls, data: bytes, **known: Any) -> Self:
        """Read a record; raise MessageError if `data` is not one."""
        return cls.read_all(data, **known)


def fixed(length: Size) -> FieldForm:
    """Declare bytes of a known number."""
    return FieldForm(bytes, lambda body, known: body.take(_size(length, known)))


def sized_bytes(at_most: Size) -> FieldForm:
    """Declare bytes behind their number."""
    return FieldForm(sized, lambda body, known: body.sized(at_most=_size(at_most, known)))


def text(at_most: int) -> FieldForm:
    """Declare text in UTF-8 behind its number of bytes; what is longer than possible is cut."""
    return FieldForm(
        lambda value: sized(value.encode()[:at_most]),
        lambda body, _: body.sized(at_most=at_most).decode(errors="replace"),
    )


def one_of(meanings: Callable[[int], Any], unknown: str) -> FieldForm:
    """Declare a byte that stands for one of a few meanings.

    Parameters
    ----------
    meanings
        An enumeration of integers.
    unknown
        What to complain about, such as ``"a table in form {}"``.
    """

    def read(body: BodyReader, _: Known) -> Any:
        found = body.take(1)[0]
        try:
            return meanings(found)
        except ValueError:
            raise MessageError(f"{unknown.format(found)}, which does not exist") from None

    return FieldForm(lambda value: bytes([value]), read)


def ascending(at_most: Size) -> FieldForm:
    """Declare ascending numbers of 32 bits behind their number."""
    return FieldForm(
        ascending_to_bytes,
        lambda body, known: tuple(body.ascending(at_most=_size(at_most, known)).tolist()),
    )


def ascending_to_bytes(numbers: Sequence[int]) -> bytes:
    """Return numbers of 32 bits behind their number."""
    return u32(len(numbers)) + np.array(numbers, dtype="<u4").tobytes()


def times(count: Size) -> FormOf:
    """Declare a list of a known length."""
    return FormOf(
        lambda item: FieldForm(
            lambda value: b"".join(map(item.write, value)),
            lambda body, known: tuple(item.read(body, known) for _ in range(_size(count, known))),
        )
    )


def many(at_most: Size) -> FormOf:
    """Declare a list behind its length."""
    return FormOf(
        lambda item: FieldForm(
            lambda value: u32(len(value)) + b"".join(map(item.write, value)),
            lambda body, known: tuple(
                item.read(body, known) for _ in range(body.count(at_most=_size(at_most, known)))
            ),
        )
    )


def when(there: Callable[[Known], bool]) -> FormOf:
    """Declare a value that is there or not, as is known; None where it is not."""
    return FormOf(
        lambda inner: FieldForm(
            lambda value: b"" if value is None else inner.write(value),
            lambda body, known: inner.read(body, known) if there(known) else None,
        )
    )


def _nothing(body: BodyReader, known: Known) -> Any:
    raise NotImplementedError("a given field is not read")


_ABSENT = FieldForm(lambda _: b"", _nothing)
Given = Annotated[T, _ABSENT]
U32 = Annotated[int, FieldForm(u32, lambda body, _: body.number())]
Digest = Annotated[bytes, fixed(HASH_BYTES)]
Signature = Annotated[bytes, fixed(SIGNATURE_BYTES)]
Rest = Annotated[bytes, FieldForm(bytes, lambda body, _: body.rest())]
"""All that is left."""


def _size(size: Size, known: Known) -> int:
    return size if isinstance(size, int) else size(known)


_FORMS: dict[type, list[tuple[str, FieldForm]]] = {}


def _forms(declared: Any) -> list[tuple[str, FieldForm]]:
    if declared not in _FORMS:
        hints: dict[str, Any] = {}
        for base in reversed(declared.__mro__):
            hints |= inspect.get_annotations(base, eval_str=True)
        _FORMS[declared] = [(one.name, _form_of(hints[one.name])) for one in fields(declared)]
    return _FORMS[declared]


def _form_of(hint: Any) -> FieldForm:
    if get_origin(hint) is not Annotated:
        return FieldForm(lambda value: b"".join(value.pieces()), hint.read)
    inside, *_, form = get_args(hint)
    return form if isinstance(form, FieldForm) else form.inner(_form_of(get_args(inside)[0]))
