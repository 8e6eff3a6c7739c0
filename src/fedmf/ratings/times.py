"""Times become seconds since 1970: from numbers, dates, and texts of many forms."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fedmf.ratings.cells import (
    LARGEST_EXACT_FLOAT,
    Bools,
    Floats,
    Grown,
    Rows,
    each_text,
    is_empty,
    is_number_type,
    plain_array,
    report_type,
    to_floats,
    to_numpy,
)
from fedmf.ratings.problems import Problems, count_of, shortened

_CLOCKS = ("", " %H:%M", " %H:%M:%S")
_FORMATS = (
    *(date + clock for date in ("%Y/%m/%d", "%d.%m.%Y") for clock in _CLOCKS),
    *(
        date + clock
        for date in ("%d-%m-%Y", "%d-%b-%Y", "%d %b %Y", "%b %d, %Y")
        for clock in _CLOCKS
    ),
    "%d %B %Y",
    "%B %d, %Y",
    "%m %d, %Y",
    "%a %b %d %H:%M:%S %z %Y",
    "%a %b %d %H:%M:%S %Y",
)
_SLASHED = {
    first: tuple(date + clock for clock in _CLOCKS)
    for first, date in (("month", "%m/%d/%Y"), ("day", "%d/%m/%Y"))
}
"""Forms of dates such as 02/03/2024, by what comes first."""
_TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_EARLIEST, _LATEST = 3e8, 4e9
"""Between 1979 and 2096: where times of ratings lie."""


class TimeCells:
    """Gathers times, as seconds since 1970 (UTC).

    Whole numbers are seconds already, or milliseconds and so on where all are too large for
    seconds. Dates and times are taken as UTC unless they name another time zone. Fractions of a
    second are dropped. Whether dates with slashes begin with the day or the month, a number above
    12 tells; where none does, a note says that they were read with the month first.

    Parameters
    ----------
    name
        What the column is called.
    said
        Whether somebody said that it holds times. Otherwise it is left out if most of it does not.
    """

    def __init__(self, name: str, *, said: bool) -> None:
        self._name = name
        self._said = said
        self._seconds = Grown(np.int64)
        self._bad: list[Rows] = []
        self._examples: list[str] = []
        self._total = 0
        self._form: str | None = None
        self._first: str | None = None
        self._slashed: str | None = None
        self._plain = True

    def add(self, cells: pa.Array, rows: Rows, problems: Problems) -> None:
        """Take the cells of the next rows."""
        cells = plain_array(cells)
        kind = cells.type
        self._total += len(cells)
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            self._plain = False
            moments = cells if pa.types.is_timestamp(kind) else cells.cast(pa.timestamp("ms"))
            ticks = to_numpy(moments.cast(pa.int64()).fill_null(0))
            self._keep(
                np.floor_divide(ticks, _TICKS[moments.type.unit]), cells, is_empty(cells), rows
            )
        elif pa.types.is_integer(kind) and cells.null_count == 0 and kind != pa.uint64():
            self._seconds.add(to_numpy(cells).astype(np.int64))
        elif is_number_type(kind):
            self._from_floats(to_floats(cells), cells, rows)
        elif pa.types.is_large_string(kind):
            self._from_text(cells, rows)
        else:
            if not pa.types.is_null(kind):
                report_type(self._name, kind, "timestamps", "seconds or dates with times", problems)
                rows = rows[:0]
            nothing = np.zeros(len(cells), dtype=np.int64)
            self._keep(nothing, cells, np.ones(len(cells), dtype=np.bool_) & bool(len(rows)), rows)

    def _from_text(self, cells: pa.Array, rows: Rows) -> None:
        try:
            self._seconds.add(to_numpy(cells.cast(pa.int64())))
        except pa.ArrowInvalid:
            try:
                seconds = to_floats(cells)
            except pa.ArrowInvalid:
                self._plain = False
                self._learn_order(cells)
                seconds = each_text(cells, self._parsed)
            self._from_floats(seconds, cells, rows)

    def _learn_order(self, cells: pa.Array) -> None:
        """Find out what comes first in dates with slashes: one order holds for the whole column."""
        parts = pc.extract_regex(cells, r"^(?P<a>\d{1,2})/(?P<b>\d{1,2})/\d{4}").drop_null()
        if self._first is not None or len(parts) == 0:
            return
        a, b = (to_numpy(pc.struct_field(parts, name).cast(pa.int64())) for name in ("a", "b"))
        first = "day" if a.max() > 12 else "month" if b.max() > 12 else None
        if self._slashed is None:
            self._slashed = f"{a[0]:02}/{b[0]:02}"
        elif first == "day":
            first = "month"  # as the rows before were read; this day is then an error
        self._first = first

    def _from_floats(self, seconds: Floats, cells: pa.Array, rows: Rows) -> None:
        with np.errstate(invalid="ignore"):
            seconds = np.floor(seconds)
        good = np.abs(seconds) <= LARGEST_EXACT_FLOAT
        self._keep(np.where(good, seconds, 0).astype(np.int64), cells, ~good, rows)

    def _keep(
        self, seconds: npt.NDArray[np.int64], cells: pa.Array, bad: Bools, rows: Rows
    ) -> None:
        self._seconds.add(seconds)
        places = np.flatnonzero(bad)
        if len(places):
            self._bad.append(rows[places])
            for place in places[: 3 - len(self._examples)]:
                value = cells[int(place)].as_py()
                said = "" if value is None or value == "" or value != value else value
                self._examples.append(repr(shortened(said)) if isinstance(said, str) else str(said))

    def _parsed(self, text: str) -> float:
        try:
            return float(text) if "_" not in text else math.nan
        except ValueError:
            pass
        moment = _moment(text, self._form)
        if moment is None:
            for form in (None, *_SLASHED[self._first or "month"], *_FORMATS):
                moment = _moment(text, form)
                if moment is not None:
                    self._form = form
                    break
            else:
                return math.nan
        return math.floor(moment.timestamp())

    def finished(self, problems: Problems, notes: list[str]) -> npt.NDArray[np.int64] | None:
        """Return seconds, int64 (n,), or None if the column holds no times after all."""
        bad = np.concatenate([np.zeros(0, dtype=np.int64), *self._bad])
        if len(bad) * 2 > self._total and not self._said:
            shown = self._examples[0]
            held = "is empty" if shown == "''" else f"holds no times ({shown} is one cell)"
            notes.append(
                f"column {self._name!r} {held} in {count_of(len(bad), 'row')}: it was left out; "
                "--time-column says which column holds times"
            )
            return None
        if self._slashed is not None and self._first is None:
            notes.append(
                f"column {self._name!r}: dates such as {self._slashed} were read as month/day, and "
                "no cell says otherwise; if the day comes first, write them as 2024-05-17, or say "
                "--time-column none"
            )
        problems.add_rows(("times", self._name), bad[: len(self._examples)], self._about)
        problems.add_rows(("times", self._name), bad[len(self._examples) :], self._about)
        seconds = self._seconds.finished()
        if self._plain and len(seconds) and len(bad) == 0:
            if (dates := _written_as_digits(seconds)) is not None:
                return dates
            for ticks in (10**3, 10**6, 10**9):
                if _EARLIEST * ticks <= seconds.min() and seconds.max() <= _LATEST * ticks:
                    seconds //= ticks
                    break
        return seconds

    def _about(self, place: int) -> str:
        value = self._examples[min(place, len(self._examples) - 1)]
        if value == "''":
            wrong = "there is no value; fill it in or remove the row"
        else:
            wrong = (
                f"{value} is neither seconds since 1970 nor a date and time such as "
                "2024-05-17 20:15:00"
            )
        return f"column {self._name!r}: {wrong}, or say --time-column none"


def _written_as_digits(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64] | None:
    """Return seconds where all numbers are dates such as 20240517, which are no times of 1970."""
    if numbers.min() < 19700101 or numbers.max() > 20961231:
        return None
    years, months, days = numbers // 10000, numbers // 100 % 100, numbers % 100
    if ((months < 1) | (months > 12) | (days < 1) | (days > 31)).any():
        return None
    starts = ((years - 1970) * 12 + months - 1).astype("datetime64[M]").astype("datetime64[D]")
    return (starts.astype(np.int64) + days - 1) * 86400


def is_moment(text: str) -> bool:
    """Whether a text is a date, with a time or without."""
    return any(
        _moment(text, form) is not None
        for form in (None, *_SLASHED["month"], *_SLASHED["day"], *_FORMATS)
    )


def _moment(text: str, form: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if form is None else datetime.strptime(text, form)  # noqa: DTZ007
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
