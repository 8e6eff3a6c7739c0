"""A known table, written in every combination of dialects, is what is read."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedmf.ratings import Id, load_ratings
from tests.ratings.small_files import write_file, write_zip
from tests.ratings.small_tables import rows_of

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", "::": "'::'"}
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: pa.compress(data, "zstd", asbytes=True),
}
# With a letter, so that none is a number, and without what a text of eight bits lacks.
WITHIN = "§"
"""Stands for the separator of the file, within a name."""
NAMES = st.lists(
    st.sampled_from(["a", "b", " ", "é-", "'", ".", "ñ_", "0", f"x{WITHIN}y", 'q"']), max_size=5
).map(lambda parts: f"n{''.join(parts)}n")
TABLES = st.lists(
    st.tuples(NAMES, NAMES, st.integers(1, 9).map(lambda half: half / 2 + 0.5)),
    min_size=3,
    max_size=12,
    unique_by=lambda row: row[:2],
)


def written(
    rows: list[tuple[str, str, float]],
    *,
    separator: str,
    quoting: int,
    header: bool,
    end: str,
    encoding: str,
) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator[0], quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    if header:
        writer.writerow(["user", "item", "rating"])
    writer.writerows(rows)
    whole = (
        text.getvalue().replace(separator[0], separator) if separator == "::" else text.getvalue()
    )
    return whole.encode(encoding)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=TABLES,
    separator=st.sampled_from(list(SEPARATORS)),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    header=st.booleans(),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    packed=st.sampled_from([*PACKED, ".zip"]),
)
def test_every_combination_is_read_back(
    rows: list[tuple[str, str, float]],
    separator: str,
    quoting: int,
    header: bool,
    end: str,
    encoding: str,
    packed: str,
    tmp_path: Path,
) -> None:
    within = separator if len(separator) == 1 else "-"
    rows = [(u.replace(WITHIN, within), i.replace(WITHIN, within), value) for u, i, value in rows]
    data = written(
        rows, separator=separator, quoting=quoting, header=header, end=end, encoding=encoding
    )
    if packed == ".zip":
        path = write_zip(tmp_path / "table.zip", {"in/table.txt": data})
    else:
        path = write_file(tmp_path, PACKED[packed](data), "table.txt" + packed)
    ratings = load_ratings(path)
    assert rows_of(ratings) == [(user.strip(), item.strip(), value) for user, item, value in rows]
    found = {guess.what: guess.found for guess in ratings.guesses}
    assert found["separator"] == SEPARATORS[separator]
    assert found["header"].startswith("the first line" if header else "none")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_numbers_apart_by_any_blanks(end: str, tmp_path: Path) -> None:
    data = end.join(["1 10\t3", "  2   11 4 ", "1\t11\t2.5", ""])
    ratings = load_ratings(write_file(tmp_path, data, "trust.txt"))
    assert rows_of(ratings) == [(1, 10, 3.0), (2, 11, 4.0), (1, 11, 2.5)]


def test_quotes_after_blanks_enclose_fields(tmp_path: Path) -> None:
    data = 'user, item, rating\nann, "a, ""b""", 1\n "bob" , "c\nd", 2\n'
    ratings = load_ratings(write_file(tmp_path, data))
    assert rows_of(ratings) == [("ann", 'a, "b"', 1.0), ("bob", "c\nd", 2.0)]


def test_backslashes_escape_quotes(tmp_path: Path) -> None:
    data = '"user";"item";"rating"\n"1";"the \\"best\\"; of";"4"\n"2";"x";"5"\n'
    ratings = load_ratings(write_file(tmp_path, data))
    assert rows_of(ratings) == [(1, 'the "best"; of', 4.0), (2, "x", 5.0)]


def test_the_last_line_may_end_in_cr_after_one_in_quotes(tmp_path: Path) -> None:
    path = write_file(tmp_path, 'user,item,rating\r1,"a\rb",3\r2,"a\rb",4\r')
    assert rows_of(load_ratings(path)) == [(1, "a\rb", 3.0), (2, "a\rb", 4.0)]


def test_chunks_end_where_records_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedmf.ratings.text.Text.chunks.__defaults__", (64,))
    rows: list[tuple[Id, Id, float]] = [
        (k, f"it{'e' * (k % 90)}m\n{k}", float(k % 5)) for k in range(200)
    ]
    data = "user,item,rating\n" + "".join(f'{u},"{i}",{v:g}\n' for u, i, v in rows)
    assert rows_of(load_ratings(write_file(tmp_path, data))) == rows
    for place in (0, 99, 199):
        bad = data.replace(f'm\n{place}",{place % 5}\n', f'm\n{place}",bad\n')
        line = 2 + 2 * place
        with pytest.raises(Exception, match=f"line {line}, column 'rating': 'bad'"):
            load_ratings(write_file(tmp_path, bad))


@pytest.mark.parametrize(
    ("texts", "ids"),
    [
        (["7", "42"], (7, 42)),
        (["7.0", "42.0", "7"], (7, 42)),
        (["007", "7"], ("007", "7")),
        (["-0", "0"], ("-0", "0")),
        (["9223372036854775807", "18446744073709551615"], (2**63 - 1, 2**64 - 1)),
        (["18446744073709551616", "1"], ("18446744073709551616", "1")),
        (["-9223372036854775808", "0"], (-(2**63), 0)),
        (["-1", "18446744073709551615"], ("-1", "18446744073709551615")),
        (["0x10", "16"], ("0x10", "16")),
        (["1_0", "10"], ("1_0", "10")),
        (["1e3", "1000"], ("1e3", "1000")),
        (["+5", "5"], ("+5", "5")),
        (["٣", "3"], ("٣", "3")),
    ],
)
def test_ids_follow_one_rule(texts: list[str], ids: tuple[Id, ...], tmp_path: Path) -> None:
    rows = "".join(f"u{place},{text},{place % 2}.5\n" for place, text in enumerate(texts))
    ratings = load_ratings(write_file(tmp_path, "user,item,rating\n" + rows))
    assert ratings.item_ids == ids
    # Whoever names an item as it was written finds it, and nobody else.
    for text in {str(one) for one in ids}:
        assert str(ratings.item_ids[ratings.item_code(text)]) == text
