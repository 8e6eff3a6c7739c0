"""Which reader is for which file, as its content shows; and the titles that stand beside."""

from __future__ import annotations

from collections.abc import Mapping

from fedmf.errors import DataError
from fedmf.ratings.blocks import row_names
from fedmf.ratings.column_names import places_by_name, plain_name
from fedmf.ratings.delimited import Delimited
from fedmf.ratings.dialect import dialect_of
from fedmf.ratings.frames import ParquetFile, is_table_file
from fedmf.ratings.identifiers import ids_from_texts
from fedmf.ratings.json_records import JsonRecords, is_json
from fedmf.ratings.problems import Problems
from fedmf.ratings.reading import AS_GUESSED, Guess, Reading
from fedmf.ratings.sources import Source
from fedmf.ratings.text import Text


def reader_of(
    source: Source, reading: Reading
) -> tuple[Delimited | JsonRecords | ParquetFile, tuple[Guess, ...]]:
    """Return what reads a file, as its content shows."""
    beginning = source.beginning(8)
    if is_table_file(beginning):
        return ParquetFile.of(source), ()
    for magic, kind in _NO_TEXT.items():
        if beginning.startswith(magic):
            raise DataError(f"{source.label} is {kind}; save the table as CSV")
    text = Text.of(source, reading.encoding)
    sample = text.sample()
    if is_json(sample):
        return JsonRecords.of(text, sample), (text.guess,)
    dialect = dialect_of(sample, source.label, reading)
    return Delimited(text, dialect), (*dialect.guesses[:1], text.guess, *dialect.guesses[1:])


_NO_TEXT = {
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"\x89HDF": "an HDF5 file",
    b"SQLite f": "a SQLite database",
    b"PK\x03\x04": "an archive or a spreadsheet",
    b"\x80\x04": "a Python pickle, which can run programs and is never opened",
}


def titles_of(source: Source) -> tuple[Mapping[str, str], str]:
    """Return titles by item identifier as text, and a note on why there are none."""
    problems = Problems(source.label, row_names)
    try:
        reader, _ = reader_of(source, AS_GUESSED)
        if isinstance(reader, Delimited):
            problems = Problems(source.label, reader.places_of)
        names = reader.sample.names
        item, title = [0], [1]
        if reader.sample.header:
            title = places_by_name(names, "title")
            item = places_by_name(names, "item") or [
                place for place, name in enumerate(names) if plain_name(name) == "id"
            ]
        if not item or not title or item[0] == title[0]:
            return {}, ""
        titles: dict[str, str] = {}
        for block in reader.blocks({"item": item[0], "title": title[0]}, problems):
            texts = [str(one) for one in block.cells["item"].to_pylist()]
            titles |= zip(texts, block.cells["title"].to_pylist(), strict=True)
        problems.raise_if_any()
    except DataError as error:
        return {}, f"titles were not read: {error}"
    found = ids_from_texts(list(titles))
    return {str(one): title for one, title in zip(found, titles.values(), strict=True) if title}, ""
