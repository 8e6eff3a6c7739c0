"""Original identifiers of users and items, and how a name typed by a person finds its code."""

from collections.abc import Mapping, Sequence

Id = int | str
"""A user or item as its owner calls it. Whole numbers are `int`, everything else is `str`."""


def index_of(ids: Sequence[Id]) -> dict[Id, int]:
    """Return the code of every identifier; its code is its place in `ids`."""
    return {one: code for code, one in enumerate(ids)}


def codes_by_text(ids: Sequence[Id]) -> dict[str, int]:
    """Return the code of every identifier as text: one source writes 7 where another has "7"."""
    return {str(one): code for code, one in enumerate(ids)}


def find_code(wanted: Id, index: Mapping[Id, int]) -> int | None:
    """Return the code of `wanted`, or None if there is no such identifier.

    Command lines only know text, so ``"1"`` finds the identifier 1; and 1 finds ``"1"`` where the
    identifiers of a table are text.
    """
    code = index.get(wanted)
    if code is not None:
        return code
    if isinstance(wanted, str):
        digits = wanted.strip().removeprefix("-")
        # int() refuses very long digit strings, and no integer identifier has more than 20 digits.
        if digits.isascii() and digits.isdecimal() and len(digits) <= 20:
            return index.get(int(wanted))
        return None
    return index.get(str(wanted))
