"""Delimited text: CSV, TSV and the tables of MovieLens, with the real line of every row."""

import codecs
import csv
import functools
import io
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from fedmf.ratings.column_names import Wanted, find_columns
from fedmf.ratings.unchecked import Problems, UncheckedColumn, UncheckedTable

DELIMITERS = ",;\t|"
HEADER_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class DelimitedText:
    """A delimited text and how it is written."""

    label: str
    """What to call it in messages."""
    read: Callable[[], bytes]
    """Returns its bytes; called again if lines have to be looked up, so that the text need not stay
    in memory."""
    delimiter: str | None = None
    """What separates fields; None takes the delimiter that is most frequent in the header."""
    quoted: bool = True
    """Whether fields may stand in double quotes, and then contain delimiters and line breaks."""
    names: tuple[str, ...] | None = None
    """Names of the columns of a text without a header."""


@dataclass(frozen=True, slots=True)
class _Shape:
    delimiter: str
    quoted: bool
    names: tuple[str, ...]
    header_rows: int


def read_delimited(text: DelimitedText, wanted: Mapping[str, Wanted]) -> UncheckedTable:
    """Read the wanted columns as text without white space around it.

    Raises
    ------
    DataError
        If the text is empty or cannot be read as a table at all. Ragged rows and bytes that are
        not UTF-8 are among the problems of the returned table.
    """
    data = text.read()
    # A survey costs a slow pass over the text: it is made only if there is something to report.
    survey = functools.cache(lambda: _survey(_decoded(text.read()), shape))
    problems = Problems(text.label, lambda row: f"line {survey()[0][row + shape.header_rows]}")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        problems.add("the text is UTF-16; save it again as UTF-8")
        problems.raise_if_any()
    shape = _shape(text, data)
    if not (shape.names and data.strip()):
        problems.add("the file is empty; get or write it again")
        problems.raise_if_any()

    places = find_columns(shape.names, wanted, problems)
    try:
        table, has_ragged_rows = _parsed(data, shape, places)
    except pa.ArrowInvalid:
        problems.add(*_lines_not_utf8(data))
        # The rest is checked all the same, so that one message tells everything.
        table, has_ragged_rows = _parsed(_decoded(data).encode(), shape, places)
    if has_ragged_rows:
        problems.add(*survey()[1])
    columns = {
        role: UncheckedColumn(
            shape.names[place], pc.ascii_trim_whitespace(table.column(str(place)))
        )
        for role, place in places.items()
    }
    return UncheckedTable(columns, problems)


def _decoded(data: bytes) -> str:
    return data.decode("utf-8-sig", errors="replace")


def _shape(text: DelimitedText, data: bytes) -> _Shape:
    if text.names is not None:
        return _Shape(text.delimiter or ",", text.quoted, text.names, header_rows=0)
    beginning = _decoded(data[:HEADER_BYTES]).lstrip("\r\n")
    header = beginning.splitlines()[0] if beginning else ""
    delimiter = text.delimiter or max(DELIMITERS, key=header.count)
    rows = csv.reader(io.StringIO(beginning, newline=""), delimiter=delimiter)
    names = tuple(name.strip() for name in next(rows, []))
    return _Shape(delimiter, text.quoted, names, header_rows=1)


def _parsed(data: bytes, shape: _Shape, places: Mapping[str, int]) -> tuple[pa.Table, bool]:
    """Return the columns at `places`, named by their place, and whether rows had to be skipped."""
    ragged = []

    def skip(row: pyarrow.csv.InvalidRow) -> str:
        ragged.append(row.actual_columns)
        return "skip"

    wanted = [str(place) for place in sorted(set(places.values()))]
    table = pyarrow.csv.read_csv(
        pa.py_buffer(data),
        # The header is read as a row like any other, so that no cell of it can be an error.
        read_options=pyarrow.csv.ReadOptions(
            column_names=[str(place) for place in range(len(shape.names))]
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=shape.delimiter,
            quote_char='"' if shape.quoted else False,
            newlines_in_values=shape.quoted,
            invalid_row_handler=skip,
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string())
        ),
    )
    return table.slice(shape.header_rows), bool(ragged)


def _rows(text: str, shape: _Shape) -> Iterator[tuple[int, int, list[str]]]:
    """Yield the first line, the last line and the fields of every row, as pyarrow sees rows."""
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=shape.delimiter,
        quoting=csv.QUOTE_MINIMAL if shape.quoted else csv.QUOTE_NONE,
    )
    first = 1
    for fields in reader:
        if fields:
            yield first, reader.line_num, fields
        first = reader.line_num + 1


def _survey(text: str, shape: _Shape) -> "tuple[array[int], list[str]]":
    """Return the line of every row that has all its fields, and a sentence on every other row."""
    lines = array("q")
    ragged = []
    width = len(shape.names)
    # A quote that is never closed makes a field as long as the rest of the text.
    usual_limit = csv.field_size_limit(max(len(text), csv.field_size_limit()))
    try:
        for first, last, fields in _rows(text, shape):
            if len(fields) == width:
                lines.append(first)
            elif "".join(fields).strip() or last > first:
                hint = "close the quote opened there" if last > first else "correct the line"
                ragged.append(f"line {first}: {len(fields)} fields instead of {width}; {hint}")
    finally:
        csv.field_size_limit(usual_limit)
    return lines, ragged


def _lines_not_utf8(data: bytes) -> list[str]:
    sentences = []
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            sentences.append(
                f"line {number}, byte {error.start + 1}: 0x{line[error.start]:02x} is not UTF-8; "
                "save the file again as UTF-8"
            )
    return sentences
