"""Ratings become numbers: decimal marks, thousands, and what means that nothing is rated."""

from __future__ import annotations

import math
import re

import numpy as np
import pyarrow as pa

from fedmf.ratings.cells import (
    NO_VALUE,
    REMEDY,
    Bools,
    Floats,
    Rows,
    at_column,
    codes_of,
    is_empty,
    is_number_type,
    plain_array,
    report_cells,
    report_type,
    to_floats,
)
from fedmf.ratings.problems import Problems

LARGEST_RATING = 1e12
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WITH_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+")
_POINTS = re.compile(r"[+-]?[0-9]{1,3}(\.[0-9]{3}){2,}(,[0-9]+)?")
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")


class ValueCells:
    """Reads ratings.

    Parameters
    ----------
    name
        What the column is called.
    decimal
        ``"point"``, ``"comma"``, or None: as the first numbers with commas show.
    not_rated
        Values that mean that there is no rating.
    empty_is_unrated
        Whether an empty cell means so, too.
    """

    def __init__(
        self, name: str, decimal: str | None, not_rated: tuple[str, ...], *, empty_is_unrated: bool
    ) -> None:
        self.name = name
        self.decimal = decimal
        self._texts = frozenset(one.strip() for one in not_rated)
        numbers = [float(one) for one in self._texts if _NUMBER.fullmatch(one)]
        self._numbers = np.array(numbers)
        self._empty_is_unrated = empty_is_unrated or "" in self._texts
        self.unrated = 0

    def read(self, cells: pa.Array, rows: Rows, problems: Problems) -> tuple[Floats, Bools]:
        """Return ratings, float64 (n,), and which of them are no ratings, bool (n,)."""
        cells = plain_array(cells)
        empty = is_empty(cells)
        unrated = np.zeros(len(cells), dtype=np.bool_)
        if pa.types.is_large_string(cells.type):
            values = self._from_text(cells, unrated, problems)
        elif is_number_type(cells.type):
            values = to_floats(cells)
        else:
            if not pa.types.is_null(cells.type):
                report_type(self.name, cells.type, "ratings", "numbers", problems)
                return np.zeros(len(cells)), unrated
            values = np.full(len(cells), np.nan)
        if self._empty_is_unrated:
            unrated |= empty
        else:
            sentence = f"{NO_VALUE}, or say --not-rated '' if it means no rating"
            problems.add_rows(
                (self.name, NO_VALUE),
                rows[empty & ~unrated],
                lambda _: at_column(self.name, sentence),
            )
        if len(self._numbers):
            unrated |= np.isin(values, self._numbers)
        bad = ~empty & ~unrated & ~np.isfinite(values)
        remedy = f"is not a finite number; {REMEDY}"
        report_cells(self.name, cells, bad, rows, remedy, problems)
        huge = np.isfinite(values) & ~unrated & (np.abs(values) > LARGEST_RATING)
        remedy = f"is too large for a rating; {REMEDY}"
        report_cells(self.name, cells, huge, rows, remedy, problems)
        self.unrated += int(unrated.sum())
        return values, unrated

    def _from_text(self, cells: pa.Array, unrated: Bools, problems: Problems) -> Floats:
        try:
            if self.decimal != "comma":
                return to_floats(cells)
        except pa.ArrowInvalid:
            pass
        encoded = cells.dictionary_encode()
        distinct = encoded.dictionary.to_pylist()
        self._settle_decimal(distinct, problems)
        codes = codes_of(encoded)
        # Ratings take few different values: the slow work is done once for each of them.
        numbers = np.array([*(self._number(text) for text in distinct), math.nan])
        none = np.array([*(text in self._texts for text in distinct), False])
        unrated |= none[codes]
        return numbers[codes]

    def _settle_decimal(self, texts: list[str], problems: Problems) -> None:
        commas = [one for one in texts if "," in one]
        if self.decimal is None and any(map(_POINTS.fullmatch, texts)):
            self.decimal = "comma"
        if self.decimal is not None or not commas:
            return
        thousands = [one for one in commas if _THOUSANDS.fullmatch(one)]
        if all(_WITH_COMMA.fullmatch(one) for one in commas) and len(thousands) < len(commas):
            self.decimal = "comma"
        elif any(one.count(",") > 1 or "." in one for one in thousands):
            self.decimal = "point"
        elif thousands:
            self.decimal = "point"
            problems.add(
                f"column {self.name!r}: {thousands[0]!r} is "
                f"{thousands[0].replace(',', '')} or {thousands[0].replace(',', '.')}; say "
                "--decimal point or --decimal comma"
            )

    def _number(self, text: str) -> float:
        if self.decimal == "comma":
            text = re.sub(r"(?<=[0-9])\.(?=[0-9]{3}(\D|$))", "", text)
            text = "?" if "." in text else text.replace(",", ".")
        elif _THOUSANDS.fullmatch(text):
            text = text.replace(",", "")
        return float(text) if _NUMBER.fullmatch(text) else math.nan
