"""A data class declares its fields once; its JSON, in and out, follows from their types.

==========================================  ===================================================
type of a field                             in JSON
==========================================  ===================================================
``str``, ``int``, ``bool``, ``Literal``     the same, exactly of this type
``float``                                   a finite number
``bytes``                                   a text of hexadecimal digits
``X | None``                                null, or as X
``tuple[X, ...]``, ``tuple[X, Y]``          a list, the second of exactly two values
a subclass of `JsonFields`                  an object with its fields
``Annotated[X, ...]``                       as its `Spelling` says; see also `OMITTED`, `Named`
==========================================  ===================================================

Messages say what is due and never quote a value, because some values are secrets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
    Literal,
    Self,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Json: TypeAlias = Any
"""A value as `json.loads` returns it."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """How the values of a field are spelled, where its type does not say it."""

    write: Callable[[Any], Json]
    """From a value to JSON."""
    read: Callable[[Json], Any]
    """From JSON to a value; raises ValueError, which says what is due."""


@dataclass(frozen=True, slots=True)
class Named:
    """Names a field in JSON, where it has another name in Python."""

    name: str
    """The name in JSON."""


OMITTED: Final = object()
"""Marks a field that is left out where it is None, its default."""


def _exactly(kind: type, due: str) -> Spelling:
    def read(value: Json) -> Any:
        # Exactly: JSON's true is an int for isinstance.
        if type(value) is not kind:
            raise ValueError(f"{due} is due")
        return value

    return Spelling(lambda value: value, read)


def _number(value: Json) -> float:
    if type(value) not in (int, float) or (type(value) is float and not math.isfinite(value)):
        raise ValueError("a finite number is due")
    return value  # type: ignore[no-any-return]


def _octets(value: Json) -> bytes:
    try:
        return bytes.fromhex(TEXT.read(value))
    except ValueError:
        raise ValueError("hexadecimal digits are due") from None


def _u32(value: Json) -> int:
    if not 0 <= WHOLE.read(value) < 2**32:
        raise ValueError("a whole number from 0 to 2^32 - 1 is due")
    return value  # type: ignore[no-any-return]


TEXT = _exactly(str, "a text")
WHOLE = _exactly(int, "a whole number")
U32 = Annotated[int, Spelling(WHOLE.write, _u32)]
"""A number of 0 up to 2^32 - 1."""
_SCALARS = {
    str: TEXT,
    int: WHOLE,
    bool: _exactly(bool, "true or false"),
    float: Spelling(lambda value: value, _number),
    bytes: Spelling(bytes.hex, _octets),
}


def as_list(kind: type[DataclassInstance]) -> Spelling:
    """Return the spelling of a data class as the list of its fields' values."""
    declared = _fields_of(kind).values()
    row = _row([one.spelling for one in declared])
    return Spelling(
        lambda value: row.write([getattr(value, one.name) for one in declared]),
        lambda value: kind(*row.read(value)),
    )


def as_object(kind: type[DataclassInstance]) -> Spelling:
    """Return the spelling of a data class as an object, without the fields that are defaults."""
    default = kind()

    def write(value: Any) -> Json:
        return {
            name: field.spelling.write(getattr(value, field.name))
            for name, field in _fields_of(kind).items()
            if getattr(value, field.name) != getattr(default, field.name)
        }

    return Spelling(write, lambda value: kind(**_fields_from(kind, value)))


def _row(each: Sequence[Spelling]) -> Spelling:
    def read(value: Json) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) != len(each):
            raise ValueError(f"a list of {len(each)} values is due")
        return tuple(one.read(inner) for one, inner in zip(each, value, strict=True))

    return Spelling(
        lambda values: [one.write(inner) for one, inner in zip(each, values, strict=True)], read
    )


def list_of(each: Spelling) -> Spelling:
    """Return the spelling of a tuple as a list."""

    def read(value: Json) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError("a list is due")
        return tuple(map(each.read, value))

    return Spelling(lambda values: [each.write(value) for value in values], read)


def _either(kinds: tuple[type, ...]) -> Spelling:
    """Return the spelling of a union: of scalars, or of one other kind and None."""
    others = [kind for kind in kinds if kind is not NoneType]
    if len(others) == 1:
        inner = spelling_of(others[0])
        return Spelling(
            lambda value: None if value is None else inner.write(value),
            lambda value: None if value is None else inner.read(value),
        )

    def read(value: Json) -> Any:
        # Exactly, as for a scalar.
        if type(value) not in kinds:
            raise ValueError(f"{' or '.join(kind.__name__ for kind in kinds)} is due")
        return value

    return Spelling(lambda value: value, read)


@cache
def spelling_of(kind: Any) -> Spelling:
    """Return how values of a type are spelled."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        own = [one for one in arguments if isinstance(one, Spelling)]
        return own[0] if own else spelling_of(arguments[0])
    if origin in (Union, UnionType):
        return _either(arguments)
    if origin is Literal:
        # The class that has the field knows the names, and says which there are.
        return TEXT
    if origin is tuple and arguments[-1] is Ellipsis:
        return list_of(spelling_of(arguments[0]))
    if origin is tuple:
        return _row([spelling_of(one) for one in arguments])
    if issubclass(kind, JsonFields):
        return Spelling(kind.as_json, kind.from_json)
    return _SCALARS[kind]


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    spelling: Spelling
    omitted: bool
    required: bool


@cache
def _fields_of(kind: type[DataclassInstance]) -> dict[str, _Field]:
    """Return the fields of a data class by their names in JSON."""
    hints = get_type_hints(kind, include_extras=True)
    found = {}
    for one in fields(kind):
        hint = hints[one.name]
        marks = get_args(hint) if get_origin(hint) is Annotated else ()
        name = next((mark.name for mark in marks if isinstance(mark, Named)), one.name)
        required = one.default is MISSING and one.default_factory is MISSING
        found[name] = _Field(one.name, spelling_of(hint), OMITTED in marks, required)
    return found


def _fields_from(kind: type[DataclassInstance], values: Json) -> dict[str, Any]:
    """Return the fields of a data class by their names in Python, as JSON values describe them."""
    if not isinstance(values, dict):
        raise ValueError("an object is due")
    declared = _fields_of(kind)
    problems = [f"{name!r} is no field of it" for name in values if name not in declared]
    found = {}
    for name, field in declared.items():
        if name in values:
            try:
                found[field.name] = field.spelling.read(values[name])
            except ValueError as problem:
                problems.append(f"{name}: {problem}")
        elif field.required:
            problems.append(f"{name} is missing")
    if problems:
        raise ValueError("; ".join(problems))
    return found


class JsonFields:
    """A data class whose fields are JSON: a document of their own, or an object in one."""

    __slots__ = ()

    def take_plain_numbers(self) -> None:
        """Have Python's own numbers in place of those of numpy and the like, which JSON lacks."""
        for name in self.__dataclass_fields__:  # type: ignore[attr-defined]
            value = getattr(self, name)
            if type(value) in (int, float, bool):
                continue
            if isinstance(value, Integral):
                object.__setattr__(self, name, int(value))
            elif isinstance(value, Real):
                object.__setattr__(self, name, float(value))

    def as_json(self) -> dict[str, Json]:
        """Return the fields as JSON values, in the order in which the class declares them."""
        found = {}
        for name, field in _fields_of(type(self)).items():  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if not (field.omitted and value is None):
                found[name] = field.spelling.write(value)
        return found

    @classmethod
    def from_json(cls, values: Json) -> Self:
        """Return the instance that JSON values describe; fields with a default may be missing.

        Raises
        ------
        ValueError
            Fields are missing or unknown, or have values of another type; names all of them.
        FedmfError
            What the class itself complains about.
        """
        return cls(**_fields_from(cls, values))  # type: ignore[arg-type]
