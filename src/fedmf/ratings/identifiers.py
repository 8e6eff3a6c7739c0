"""Original identifiers of users and items: one rule for what is a number and what is text."""

import re
from collections.abc import Mapping, Sequence
from numbers import Integral, Real

Id = int | str
"""A user or item as its owner calls it. Whole numbers are `int`, everything else is `str`."""

_WHOLE = re.compile(r"(0|-?[1-9][0-9]{0,19})(\.0+)?")


def ids_from_texts(texts: Sequence[str]) -> tuple[Id, ...]:
    """Return identifiers that somebody wrote down, as numbers if each of them is one.

    A number is written as it reads: ``42``, not ``007``, so that nothing is lost. Where all are
    numbers, ``42.0`` is 42, because tables with gaps write whole numbers so. Numbers need 64 bits
    at most. If one text is not such a number, all stay the text that they were.
    """
    numbers = []
    for text in texts:
        match = _WHOLE.fullmatch(text)
        if match is None:
            return tuple(texts)
        numbers.append(int(match[1]))
    if numbers and (min(numbers) < -(2**63) or max(numbers) >= 2**64 - 2**63 * (min(numbers) < 0)):
        return tuple(texts)
    return tuple(numbers)


def index_of(ids: Sequence[Id]) -> dict[Id, int]:
    """Return the code of every identifier; its code is its place in `ids`."""
    return {one: code for code, one in enumerate(ids)}


def codes_by_text(ids: Sequence[Id]) -> dict[str, int]:
    """Return the code of every identifier as text: one source writes 7 where another has "7"."""
    return {str(one): code for code, one in enumerate(ids)}


def id_text(one: object) -> str:
    """Return as text an identifier that somebody asks for; 1.0, of a frame with gaps, is 1."""
    if isinstance(one, Real) and not isinstance(one, Integral) and float(one).is_integer():
        return str(int(float(one)))
    return str(one)


def find_code(wanted: Id, index: Mapping[Id, int]) -> int | None:
    """Return the code of `wanted`, or None if there is no such identifier.

    Command lines only know text, so ``"1"`` finds the identifier 1, and ``"007"`` does not find 7;
    and 1 finds ``"1"`` where the identifiers of a table are text.
    """
    code = index.get(wanted)
    if code is not None:
        return code
    if isinstance(wanted, str):
        text = wanted.strip()
        (one,) = ids_from_texts([text])
        return index.get(one) if str(one) == text else None
    return index.get(str(wanted))
