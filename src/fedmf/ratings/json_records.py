"""Records in JSON: an object on each line, or one list of objects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json

from fedmf.errors import DataError
from fedmf.ratings.blocks import Block
from fedmf.ratings.problems import Problems
from fedmf.ratings.sample import Sample
from fedmf.ratings.text import Text

SAMPLE_ROWS = 200


def is_json(sample: str) -> bool:
    """Whether a text is of records in JSON."""
    beginning = sample.lstrip()
    if beginning.startswith("{"):
        return beginning[1:].lstrip()[:1] in ('"', "}")
    return beginning.startswith("[") and beginning[1:].lstrip()[:1] in ("{", "]")


@dataclass(frozen=True, eq=False, slots=True)
class JsonRecords:
    """A text of records in JSON, to be read."""

    text: Text
    names: tuple[str, ...]
    kinds: Mapping[str, frozenset[type]]
    """Types of the values of each name in the first records."""
    rows: tuple[tuple[str, ...], ...]
    """The first records, as text in the order of the names."""
    whole: bool
    """Whether all records are one list."""

    @classmethod
    def of(cls, text: Text, sample: str) -> JsonRecords:
        """Look at the first records.

        Raises
        ------
        DataError
            If they are no records.
        """
        whole = sample.lstrip().startswith("[")
        label = text.source.label
        if whole:
            first = _whole(text)[:SAMPLE_ROWS]
        else:
            lines = [line for line in sample.split("\n") if line.strip()][:SAMPLE_ROWS]
            first = [_record(line, label) for line in lines]
        if not all(isinstance(one, dict) for one in first):
            raise DataError(f"{label}: a JSON file of ratings holds objects with names and values")
        names = tuple(dict.fromkeys(name for one in first for name in one))
        kinds = {
            name: frozenset(type(one[name]) for one in first if one.get(name) is not None)
            for name in names
        }
        rows = tuple(tuple(_as_text(one.get(name)) for name in names) for one in first)
        return cls(text, names, kinds, rows, whole)

    @property
    def sample(self) -> Sample:
        """The first records as a table."""
        return Sample(self.names, header=True, rows=self.rows)

    def blocks(self, places: Mapping[str, int], problems: Problems) -> Iterator[Block]:
        """Yield the values of the names at `places`."""
        wanted = {role: self.names[place] for role, place in places.items()}
        if self.whole:
            yield self._from_records(_whole(self.text), wanted, 0, problems)
            return
        first = 0
        for chunk in self.text.chunks(None):
            block = self._from_chunk(chunk, wanted, first) or self._from_records(
                [self._line(line) for line in chunk.split(b"\n") if line.strip()],
                wanted,
                first,
                problems,
            )
            first += len(block.rows)
            yield block

    def _from_chunk(self, chunk: bytes, wanted: Mapping[str, str], first: int) -> Block | None:
        """Read a chunk by Arrow; None where values are not of the types of the first records."""
        schema = []
        for name in dict.fromkeys(wanted.values()):
            kind = _ARROW.get(self.kinds[name])
            if kind is None:
                return None
            schema.append((name, kind))
        try:
            table = pyarrow.json.read_json(
                pa.BufferReader(chunk),
                # Without threads of Arrow's, as for delimited text.
                read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(chunk) + 1),
                parse_options=pyarrow.json.ParseOptions(
                    explicit_schema=pa.schema(schema), unexpected_field_behavior="ignore"
                ),
            )
        except pa.ArrowInvalid:
            return None
        cells = {role: table.column(name).combine_chunks() for role, name in wanted.items()}
        return Block(cells, np.arange(first, first + len(table)))

    def _line(self, line: bytes) -> Any:
        try:
            return json.loads(line)
        except ValueError:
            return None

    def _from_records(
        self, records: Sequence[Any], wanted: Mapping[str, str], first: int, problems: Problems
    ) -> Block:
        broken = np.array([not isinstance(one, dict) for one in records], dtype=np.bool_)
        rows = np.arange(first, first + len(records))
        problems.add_rows("json", rows[broken], lambda _: "this is no JSON object; correct it")
        cells = {}
        for role, name in wanted.items():
            values = [one.get(name) if isinstance(one, dict) else None for one in records]
            cells[role] = _array(name, values, problems)
        return Block(cells, rows)

    def places_of(self, rows: Sequence[int]) -> list[str]:
        """Say in which lines records stand."""
        if self.whole:
            return [f"record {row + 1}" for row in rows]
        found: dict[int, int] = {}
        wanted, row, line = set(rows), 0, 0
        for chunk in self.text.chunks(None):
            for one in chunk.removesuffix(b"\n").split(b"\n"):
                line += 1
                if one.strip():
                    if row in wanted:
                        found[row] = line
                    row += 1
        return [f"line {found.get(row, 0)}" for row in rows]


_ARROW = {
    frozenset({str}): pa.string(),
    frozenset({int}): pa.int64(),
    frozenset({float}): pa.float64(),
    frozenset({int, float}): pa.float64(),
}


def _array(name: str, values: Sequence[Any], problems: Problems) -> pa.Array:
    kinds = {type(one) for one in values if one is not None}
    if kinds <= {int, float} or len(kinds) == 1:
        try:
            return pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            pass
    mixed = ", ".join(sorted(kind.__name__ for kind in kinds))
    problems.add(
        f"column {name!r} mixes values of different types ({mixed}); write all of them as "
        "numbers, or all as text"
    )
    return pa.nulls(len(values), pa.int64()).fill_null(0)


def _whole(text: Text) -> list[Any]:
    try:
        found = json.loads(b"".join(text.chunks(None)))
    except ValueError as error:
        raise DataError(f"{text.source.label} is not valid JSON: {error}") from None
    return found if isinstance(found, list) else [found]


def _record(line: str, label: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise DataError(f"{label} is not valid JSON, an object on each line: {error}") from None


def _as_text(value: Any) -> str:
    return "" if value is None else str(value)
