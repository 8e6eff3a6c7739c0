"""How a delimited text is written: its separator, quotes and header, as a sample shows them."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fedmf.errors import DataError
from fedmf.ratings.column_names import is_common_name, roles_named
from fedmf.ratings.reading import SEPARATORS, Guess, Reading, separator_name

BLANKS = " "
CERTAIN = ("::", "\t", ";", "|")
"""Separators that hardly ever stand in a field."""
BLANKS_OUTSIDE_QUOTES = re.compile(r'("(?:[^"\n]|"")*")|[ \t]+')
USER_AND_COLON = re.compile(r"\s*[^\s:,;|]+:\s+[^:]+")
"""A line of a list such as ``7: 31, 32``."""
SAMPLE_ROWS = 200
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a delimited text is written."""

    separator: str
    """A single blank stands for any number of blanks and tabs."""
    quote: str | None
    escape: bool
    """What encloses fields, and whether a backslash stands before a quote within them."""
    names: tuple[str, ...]
    """Names of the columns; of a text without a header ``"column 1"`` and so on."""
    header: bool
    """Whether the text has a header."""
    before: int
    """How many lines stand before the first row of data."""
    rows: tuple[tuple[str, ...], ...]
    """The first rows of data."""
    ragged: bool
    """Whether rows differ so much in length that they must be lists."""
    guesses: tuple[Guess, ...]


def dialect_of(sample: str, label: str, reading: Reading) -> Dialect:
    """Return how a text is written, from its beginning.

    Raises
    ------
    DataError
        If it is empty, or nobody can tell the separator or whether there is a header.
    """
    lines = sample.split("\n")
    before, said = _preamble(lines)
    if isinstance(said, _Arff):
        return _arff(lines, before, said)
    body = lines[before:]
    if not any(line.strip() for line in body):
        raise DataError(f"{label}: the file is empty; get or write it again")
    body_start = next(place for place, line in enumerate(body) if line.strip())
    before, body = before + body_start, body[body_start:]
    separator, why = said, "the line 'sep='"
    if reading.separator is not None:
        separator, why = SEPARATORS.get(reading.separator, reading.separator), "you said so"
    if separator is None:
        separator, why = _separator([line for line in body if line.strip()][:SAMPLE_ROWS])
    quote, escape = _quoting(body, separator)
    rows = _split_rows("\n".join(body), separator, quote, escape=escape)
    return _with_header(
        rows,
        Dialect(
            separator,
            quote,
            escape,
            names=(),
            header=False,
            before=before,
            rows=(),
            ragged=reading.layout == "lists" or _is_ragged(rows),
            guesses=(Guess("separator", separator_name(separator), why, "--separator"),),
        ),
        label,
        reading,
    )


@dataclass(frozen=True, slots=True)
class _Arff:
    names: tuple[str, ...]


def _preamble(lines: Sequence[str]) -> tuple[int, str | _Arff | None]:
    """Return how many lines stand before the table, and what they say of it."""
    names: list[str] = []
    for number, line in enumerate(lines):
        text = line.strip()
        lower = text.lower()
        if lower.startswith("@data"):
            return number + 1, _Arff(tuple(names))
        if lower.startswith("@attribute"):
            match = re.match(r"@attribute\s+(?:'([^']*)'|\"([^\"]*)\"|(\S+))", text, re.IGNORECASE)
            names.append(next((one for one in match.groups() if one), "") if match else "")
        elif number == 0 and re.fullmatch(r"\"?sep=(.+?)\"?", lower):
            return 1, text.strip('"')[4:]
        elif text.startswith(("%", "#")) and not _names_columns(text):
            continue
        elif text and not lower.startswith("@relation"):
            # Matrix Market says how many rows, columns and ratings there are before the first.
            return number + lines[0].lower().startswith("%%matrixmarket"), None
    return len(lines), None


def _names_columns(text: str) -> bool:
    return sum(is_common_name(one) for one in re.split(r"[\s,;|]+", text.lstrip("#% "))) > 1


def _arff(lines: Sequence[str], before: int, said: _Arff) -> Dialect:
    body = [line for line in lines[before:] if line.strip() and not line.startswith("%")]
    separator = "\t" if body and "," not in body[0] and "\t" in body[0] else ","
    quote = "'" if any("'" in line for line in body) else '"'
    rows = _split_rows("\n".join(body), separator, quote, escape=True)
    guesses = (
        Guess("separator", separator_name(separator), "the text is ARFF", "--separator"),
        Guess("header", "names from @attribute", "the text is ARFF", "--header"),
    )
    return Dialect(
        separator,
        quote,
        escape=True,
        names=said.names,
        header=True,
        before=before,
        rows=tuple(rows),
        ragged=False,
        guesses=guesses,
    )


def _separator(lines: Sequence[str]) -> tuple[str, str]:
    """Return the separator of the lines of a sample, and why it must be this one."""
    if all(USER_AND_COLON.fullmatch(line) for line in lines):
        return ":", "a name and a colon begin each line"
    found: list[tuple[str, int, float]] = []
    for separator in (*CERTAIN, ",", BLANKS):
        counts = [len(_fields(line, separator)) for line in lines]
        several = Counter(count for count in counts if count > 1)
        if several:
            usual, often = several.most_common(1)[0]
            found.append((separator, usual, often / len(lines)))
    named = {one: len(roles_named(_fields(lines[0], one))) for one, _, _ in found}
    if max(named.values(), default=0) > 1:
        # Blanks stand within names, too: "User Name, Product ID, Star Rating".
        best = max(found, key=lambda one: (named[one[0]] > 1, one[0] != BLANKS, named[one[0]]))
        return best[0], f"{named[best[0]]} usual names of columns in the first line"
    consistent = [one for one in found if one[2] >= 0.8]
    certain = [one for one in consistent if one[0] in CERTAIN]
    blanks = next((one for one in consistent if one[0] == BLANKS), None)
    commas = next((one for one in consistent if one[0] == ","), None)
    if blanks is not None and _only_numbers(lines, BLANKS):
        wider = max((one[1] for one in (*certain, commas) if one is not None), default=0)
        if blanks[1] > wider:
            return BLANKS, f"{blanks[1]} numbers in each line, apart by blanks or tabs"
    if certain or commas:
        best = max((*certain, *([commas] if commas else ())), key=lambda one: one[1])
    elif blanks is not None:
        best = blanks
    elif found:
        # Ragged: the header, or the first row, is what tells.
        best = max(found, key=lambda one: (round(one[2], 1), one[0] != BLANKS, one[1]))
    else:
        # One column; what is missing then is said by the columns' names.
        return ",", "there is a single column"
    return best[0], f"{best[1]} fields in {'each' if best[2] == 1 else 'most'} of the first lines"


def _fields(line: str, separator: str) -> list[str]:
    if separator == BLANKS:
        return line.split()
    if '"' in line and len(separator) == 1:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    return line.split(separator)


def _only_numbers(lines: Sequence[str], separator: str) -> bool:
    return all(NUMBER.fullmatch(one) for line in lines[1:] for one in _fields(line, separator))


def _quoting(lines: Sequence[str], separator: str) -> tuple[str | None, bool]:
    """Return what encloses fields, and whether backslashes escape it."""
    text, edge = "\n".join(lines), re.escape(separator)
    escape = bool(re.search(r'\\"', text))
    opening = re.compile(rf'(?:^|(?<=\n)|{edge})[ \t]*"')
    closed = re.compile(
        rf'(?:^|(?<=\n)|{edge})[ \t]*"(?:[^"\\]|\\.|"")*"[ \t]*(?=$|\n|{edge})', re.DOTALL
    )
    opened = len(opening.findall(text))
    if separator == BLANKS:
        return ('"' if opened else None), False
    if separator not in (",", ";") and opened > len(closed.findall(text)):
        # Such files hold quotes as they are: the title "Weird Al" and so on.
        return None, False
    return '"', escape


def _split_rows(
    text: str, separator: str, quote: str | None, *, escape: bool
) -> list[tuple[str, ...]]:
    """Return the first rows, without those in which nothing stands."""
    if separator == BLANKS:
        text, separator = "\n".join(line.strip() for line in text.split("\n")), "\t"
        text = BLANKS_OUTSIDE_QUOTES.sub(lambda match: match[1] or separator, text)
    elif len(separator) > 1:
        text, separator = text.replace(separator, "\x1f"), "\x1f"
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator,
        quotechar=quote,
        quoting=csv.QUOTE_NONE if quote is None else csv.QUOTE_MINIMAL,
        escapechar="\\" if escape else None,
        skipinitialspace=True,
    )
    rows = []
    try:
        for row, _ in zip(reader, range(2 * SAMPLE_ROWS), strict=False):
            rows.append(tuple(one.strip() for one in row))
    except csv.Error:
        pass  # a quote that is never closed; the reader of the whole says where
    return [row for row in rows if any(row)][:SAMPLE_ROWS]


def _is_ragged(rows: Sequence[Sequence[str]]) -> bool:
    """Whether rows are whole numbers and differ in length as lists of items do."""
    lengths = Counter(len(row) for row in rows)
    return (
        len(rows) > 1
        and lengths.most_common(1)[0][1] < 0.6 * len(rows)
        and all(one.isdigit() for row in rows for one in row if one)
    )


def _with_header(
    rows: Sequence[tuple[str, ...]], dialect: Dialect, label: str, reading: Reading
) -> Dialect:
    first, others = rows[0], rows[1:]
    has_header, why = reading.header, "you said so"
    if has_header is None:
        has_header, why = _has_header(first, others, dialect, label, reading)
    data = others if has_header else rows
    width = Counter(len(row) for row in data).most_common(1)[0][0] if data else len(first)
    names = tuple(f"column {place}" for place in range(1, max(width, 1) + 1))
    if has_header:
        names = _fitted(tuple(one.lstrip("#%").strip() for one in first), data, width)
    header = "the first line" if has_header else "none: columns go by their position"
    return replace(
        dialect,
        names=names,
        header=has_header,
        before=dialect.before + has_header,
        rows=tuple(row for row in data if dialect.ragged or len(row) == len(names)),
        guesses=(*dialect.guesses, Guess("header", header, why, "--header, --no-header")),
    )


def _fitted(names: tuple[str, ...], data: Sequence[tuple[str, ...]], width: int) -> tuple[str, ...]:
    """Return names for columns where every row has one field more than the header."""
    if width != len(names) + 1 or any(len(row) != width for row in data):
        return names
    if all(row[-1] == "" for row in data):
        return (*names, "")  # a separator ends each line
    if [row[0] for row in data] == [str(k) for k in range(1, len(data) + 1)]:
        return ("", *names)  # R numbers rows and leaves the numbers out of the header
    return names


def _has_header(
    first: tuple[str, ...],
    others: Sequence[tuple[str, ...]],
    dialect: Dialect,
    label: str,
    reading: Reading,
) -> tuple[bool, str]:
    known = [name for name in first if is_common_name(name)]
    if known:
        return True, f"the name {known[0]!r}"
    said = [one for one in _columns_said(reading) if one in first]
    if said:
        return True, f"the name {said[0]!r}"
    numbers = [one for one in first if NUMBER.fullmatch(one)]
    if not numbers and dialect.ragged:
        return False, "lists have none"
    if numbers:
        # A table with a column for each item may have numbers as the items' names.
        rest = first[1:]
        is_wide = all(one.isdigit() for one in rest) and len(set(rest)) == len(rest) > 2
        if is_wide and (first[0] == "" or (len(rest) > 4 and not NUMBER.fullmatch(first[0]))):
            return True, "text, and then numbers that are all different"
        return False, "a number stands in the first line"
    below = [one for row in others[:50] for one in row if NUMBER.fullmatch(one)]
    if below or not others:
        return True, "no number stands in the first line" + (", but below" if below else "")
    if len(first) == 1:
        raise DataError(
            f"{label}: nobody can tell what separates columns ({first[0]!r} is the first line); "
            "say --separator (such as ';' or tab)"
        )
    raise DataError(
        f"{label}: nobody can tell whether the first line names the columns "
        f"({', '.join(map(repr, first[:4]))}); say --header or --no-header"
    )


def _columns_said(reading: Reading) -> list[str]:
    said = (reading.user_column, reading.item_column, reading.rating_column, reading.time_column)
    return [one for one in said if isinstance(one, str)]
