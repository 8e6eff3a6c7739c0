"""Delimited text: CSV and its relatives, read by Arrow chunk by chunk."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from fedmf.ratings.blocks import Block
from fedmf.ratings.dialect import BLANKS, Dialect
from fedmf.ratings.problems import Problems
from fedmf.ratings.sample import Sample
from fedmf.ratings.text import Text

THREADS = 2
IDS = frozenset(("user", "item"))
UNIT = "\x1f"
"""Stands for separators of several characters: Arrow knows single ones only."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Some rows of a text, as Arrow can read them."""

    data: bytes
    skipped_lines: int
    """Lines of the header, and of what stands above it, just before them."""


@dataclass(frozen=True, eq=False, slots=True)
class Delimited:
    """A delimited text, to be read."""

    text: Text
    dialect: Dialect
    _rows: list[int] = field(default_factory=list)
    """How many rows each chunk has, those that had to be skipped included."""

    def blocks(self, places: Mapping[str, int], problems: Problems) -> Iterator[Block]:
        """Yield the columns at `places` as text without blanks around it; rows are lines' order.

        Rows with another number of fields than the header are added to the problems.
        """
        self._rows.clear()
        first = 0
        with ThreadPoolExecutor(THREADS) as pool:
            under_way: deque[Future[_Parsed]] = deque()
            for chunk in self._chunks():
                under_way.append(pool.submit(self._parsed, chunk.data, places))
                if len(under_way) > THREADS:
                    parsed = under_way.popleft().result()
                    yield self._block(parsed, first, problems)
                    first += parsed.rows
            while under_way:
                parsed = under_way.popleft().result()
                yield self._block(parsed, first, problems)
                first += parsed.rows

    @property
    def sample(self) -> Sample:
        """The first rows."""
        one = self.dialect
        return Sample(one.names, one.header, one.rows, ragged=one.ragged)

    def lines(self, problems: Problems) -> Iterator[Block]:
        """Yield whole lines, as a column ``"line"``."""
        whole = replace(self.dialect, separator=UNIT, quote=None, escape=False, names=("line",))
        yield from Delimited(self.text, whole, self._rows).blocks({"line": 0}, problems)

    def _block(self, parsed: _Parsed, first: int, problems: Problems) -> Block:
        self._rows.append(parsed.rows)
        rows = np.arange(first, first + parsed.rows)
        if parsed.ragged:
            ragged = np.array([number for number, _, _ in parsed.ragged], dtype=np.int64)
            rows = np.delete(rows, ragged)
            problems.add_rows(
                "fields", first + ragged, lambda k: self._about_fields(*parsed.ragged[k][1:])
            )
        return Block(parsed.columns, rows)

    def _about_fields(self, found: int, text: str) -> str:
        hint = "close the quote opened there" if "\n" in text.rstrip() else "correct the line"
        return f"{found} fields instead of {len(self.dialect.names)}; {hint}"

    def _chunks(self) -> Iterator[_Chunk]:
        """Yield chunks with single separators, and with quotes at the edges of their fields."""
        to_skip, skipped = self.dialect.before, 0
        loose = self._loose_quotes()
        for whole in self.text.chunks(self._quoted()):
            start = 0
            while to_skip and start < len(whole):
                start = self._end_of_line(whole, start, is_header=to_skip == 1)
                to_skip -= 1
            chunk = whole[start:] if start else whole
            skipped += line_ends(whole[:start])
            if chunk:
                yield _Chunk(self._plain(chunk, loose), skipped)
                skipped = 0

    def _end_of_line(self, text: bytes, start: int, *, is_header: bool) -> int:
        """Return where a line ends, or a header in which names hold line breaks."""
        quoted = is_header and self.dialect.header and self.dialect.quote is not None
        for end in re.compile(rb"\r\n|\n|\r").finditer(text, start):
            if not (quoted and text.count(b'"', start, end.end()) % 2):
                return end.end()
        return len(text)

    def _plain(self, chunk: bytes, loose: re.Pattern[bytes] | None) -> bytes:
        separator = self.dialect.separator
        if separator == BLANKS:
            chunk = re.sub(rb"(?:(?<=[\r\n])|\A)[ \t]+|[ \t]+(?=[\r\n]|\Z)", b"", chunk)
            outside = rb'("(?:[^"\r\n]|"")*")|[ \t]+' if b'"' in chunk else rb"()[ \t]+"
            chunk = re.sub(outside, lambda match: match[1] or b"\t", chunk)
        elif len(separator) > 1:
            chunk = chunk.replace(separator.encode(), UNIT.encode())
        if loose is not None and self._has_loose_quotes(chunk):
            chunk = loose.sub(lambda match: match[1], chunk)
        return chunk

    @property
    def _edge(self) -> str:
        return re.escape(self._arrow_separator)

    @property
    def _arrow_separator(self) -> str:
        separator = self.dialect.separator
        if separator == BLANKS:
            return "\t"
        return separator if len(separator) == 1 else UNIT

    def _quoted(self) -> re.Pattern[bytes] | None:
        """Return what matches a field in quotes, also one that is never closed."""
        if self.dialect.quote is None:
            return None
        quote, edge = re.escape(self.dialect.quote), re.escape(self.dialect.separator)
        return re.compile(
            rf"(?:(?<=\n)|(?<=\r)|(?<={edge})|\A)[ ]*{quote}"
            rf"(?:[^{quote}\\]|\\.|{quote}{quote})*(?:{quote}|\Z)".encode(),
            re.DOTALL,
        )

    def _loose_quotes(self) -> re.Pattern[bytes] | None:
        """Return what matches a field in quotes, with blanks before it."""
        if self.dialect.quote is None:
            return None
        quote = re.escape(self.dialect.quote)
        return re.compile(
            rf"(?:(?<=\n)|(?<=\r)|(?<={self._edge})|\A)[ ]*"
            rf"({quote}(?:[^{quote}\\]|\\.|{quote}{quote})*{quote})".encode(),
            re.DOTALL,
        )

    def _has_loose_quotes(self, chunk: bytes) -> bool:
        quote, separator = str(self.dialect.quote), self._arrow_separator
        return quote.encode() in chunk and any(
            f"{edge} {quote}".encode() in chunk for edge in (separator, "\n", "\r")
        )

    def _parsed(self, chunk: bytes, places: Mapping[str, int]) -> _Parsed:
        table, ragged = self._read(chunk, places)
        columns = {role: _one(table.column(str(place))) for role, place in places.items()}
        if b" " in chunk or (b"\t" in chunk and self._arrow_separator != "\t"):
            columns = {role: pc.ascii_trim_whitespace(one) for role, one in columns.items()}
        # Many rows name few users and items: here, where several threads are at work.
        for role in IDS & columns.keys():
            columns[role] = columns[role].dictionary_encode()
        return _Parsed(columns, len(table), ragged)

    def _read(self, chunk: bytes, places: Mapping[str, int]) -> tuple[pa.Table, list[_Ragged]]:
        wanted = [str(place) for place in sorted(set(places.values()))]
        ragged: list[_Ragged] = []

        def skip(row: pyarrow.csv.InvalidRow) -> str:
            ragged.append((row.number - 1, row.actual_columns, row.text))
            return "skip"

        quote = self.dialect.quote
        if quote is not None and quote.encode() not in chunk:
            quote = None  # which is faster
        # Without threads of Arrow's: a program that ends while they hold bytes of Python's, or call
        # back into it, is aborted.
        table = pyarrow.csv.read_csv(
            pa.BufferReader(chunk),
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False,
                block_size=len(chunk) + 1,
                column_names=[str(place) for place in range(len(self.dialect.names))],
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=self._arrow_separator,
                quote_char=quote or False,
                escape_char="\\" if self.dialect.escape else False,
                newlines_in_values=quote is not None,
                # Kept and counted, so that the number of a row leads to its line.
                ignore_empty_lines=False,
                invalid_row_handler=skip,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=wanted,
                column_types=dict.fromkeys(wanted, pa.string()),
                strings_can_be_null=False,
            ),
        )
        return table, ragged

    def places_of(self, rows: Sequence[int]) -> list[str]:
        """Say in which lines rows stand, reading the text once more."""
        found: dict[int, int] = {}
        wanted = deque(sorted(rows))
        line, row = 1, 0
        for chunk, count in zip(self._chunks(), self._rows, strict=False):
            if not wanted:
                break
            line += chunk.skipped_lines
            inside = []
            while wanted and wanted[0] < row + count:
                inside.append(wanted.popleft() - row)
            if inside:
                starts = self._lines_of(chunk.data)
                found |= {row + one: line + starts[one] for one in inside}
            line, row = line + line_ends(chunk.data), row + count
        return [f"line {found[one]}" for one in rows]

    def _lines_of(self, chunk: bytes) -> Sequence[int]:
        """Return the line of every row of a chunk, from 0."""
        quote = self.dialect.quote
        if quote is None or quote.encode() not in chunk:
            return range(line_ends(chunk) + 1)
        text = chunk.decode()
        reader = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=self._arrow_separator,
            quotechar=quote,
            escapechar="\\" if self.dialect.escape else None,
        )
        # A quote that is never closed makes a field as long as the rest of the text.
        usual_limit = csv.field_size_limit(max(len(text), csv.field_size_limit()))
        lines, first = [], 0
        try:
            for _ in reader:
                lines.append(first)
                first = reader.line_num
        finally:
            csv.field_size_limit(usual_limit)
        return lines


_Ragged = tuple[int, int, str]
"""A skipped row: its number in the chunk, its number of fields, and its text."""


@dataclass(frozen=True, slots=True)
class _Parsed:
    columns: Mapping[str, pa.Array]
    """Role -> cells as text; users and items as a dictionary array."""
    good: int
    """How many rows they have."""
    ragged: list[_Ragged]

    @property
    def rows(self) -> int:
        """How many rows, those that were skipped included."""
        return self.good + len(self.ragged)


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def line_ends(chunk: bytes) -> int:
    """Return how many lines end in a text."""
    returns = chunk.count(b"\r")
    return chunk.count(b"\n") + (returns - chunk.count(b"\r\n") if returns else 0)
