"""How to read a source: what a person says of it, and what was guessed where nobody said it."""

from __future__ import annotations

from dataclasses import dataclass

from fedmf.errors import SettingsError, UnknownNameError
from fedmf.ratings.scale import RatingScale

LAYOUTS = ("long", "wide", "lists")
DECIMALS = ("point", "comma")
NONE = "none"
"""Where a column is named: there is no such column, or it is not to be used."""
SEPARATORS = {
    "comma": ",",
    "semicolon": ";",
    "tab": "\t",
    "pipe": "|",
    "\\t": "\t",
    r"\s+": " ",
    "space": " ",
    "blanks": " ",
}
"""Words for separators that are hard to type."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a person says of a source of ratings; None: it is guessed, and the guess is shown.

    Raises
    ------
    SettingsError, UnknownNameError
        Something that no source can be.
    """

    user_column: str | int | None = None
    item_column: str | int | None = None
    rating_column: str | int | None = None
    time_column: str | int | None = None
    """Columns by name, or by position from 1. ``"none"``: no ratings, only who met what; or no
    times."""
    separator: str | None = None
    """What separates fields: a text such as ``";"`` or ``"::"``, or comma, semicolon, tab, pipe, or
    blanks (any number of spaces and tabs)."""
    header: bool | None = None
    """Whether the first line names the columns."""
    encoding: str | None = None
    """Of text, by the name that Python has for it."""
    decimal: str | None = None
    """``"point"`` (a comma separates thousands) or ``"comma"`` (a point does)."""
    scale: str | None = None
    """``"LOW:HIGH"``, the lowest and highest possible rating."""
    not_rated: tuple[str, ...] = ()
    """Values in the place of a rating that mean that there is none; ``""`` is an empty cell."""
    layout: str | None = None
    """``"long"``: a row for each rating; ``"wide"``: a row for each user, a column for each item;
    ``"lists"``: a row for each user with the items that it met."""

    def __post_init__(self) -> None:
        if self.layout is not None and self.layout not in LAYOUTS:
            raise UnknownNameError.among("layout", self.layout, LAYOUTS)
        if self.decimal is not None and self.decimal not in DECIMALS:
            raise UnknownNameError.among("decimal mark", self.decimal, DECIMALS)
        if self.header not in (None, True, False):
            raise SettingsError(f"header is True, False or None, not {self.header!r}")
        if self.separator == "":
            raise SettingsError("the separator is empty; give a text such as --separator ';'")
        if self.encoding is not None:
            try:
                "".encode(self.encoding)
            except LookupError:
                raise SettingsError(
                    f"the encoding {self.encoding!r} is not known; common ones are utf-8, cp1252, "
                    "latin-1, utf-16"
                ) from None
        if self.rating_scale is not None and self.rating_scale.width == 0:
            raise SettingsError(f"the scale {self.scale} has one value; ratings need at least two")

    @property
    def rating_scale(self) -> RatingScale | None:
        """The scale, if it was said."""
        return None if self.scale is None else RatingScale.parsed(self.scale)

    def column(self, role: str) -> str | int | None:
        """Return what was said of the column of a role."""
        said: str | int | None = getattr(self, f"{'time' if role == 'timestamp' else role}_column")
        return said


AS_GUESSED = Reading()
"""Nothing was said."""


@dataclass(frozen=True, slots=True)
class Guess:
    """One thing that was understood of a source, and how to say that it is otherwise."""

    what: str
    """Such as ``"separator"``."""
    found: str
    """Such as ``"tab"``."""
    why: str
    """Such as ``"the name 'userId'"``."""
    option: str
    """The option of the command line that says it, such as ``"--separator"``."""


def option_of(role: str) -> str:
    """Return the option that names the column of a role."""
    return f"--{'time' if role == 'timestamp' else role}-column"


def separator_name(separator: str) -> str:
    """Return what to call a separator."""
    names = {text: name for name, text in SEPARATORS.items() if name not in ("space", "\\t")}
    return names.get(separator, repr(separator))
