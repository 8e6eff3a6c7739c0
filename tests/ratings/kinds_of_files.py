"""Small files of every kind that people have, and what each says: ours, and synthetic."""

# ruff: noqa: RUF001 - names in Cyrillic letters
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fedmf.ratings import Id

Rows = Sequence[tuple[Id, Id, float]]

ROWS: list[tuple[int, int, float, int]] = [
    (user, 10 + item, 1.0 + (user * item + item) % 5, 978300000 + 60 * user + item)
    for user in range(1, 9)
    for item in range(1, 8)
    if (user + item) % 3
]
"""What most of the files say."""
RATED: Rows = [(user, item, value) for user, item, value, _ in ROWS]
MET: Rows = [(user, item, 1.0) for user, item, _, _ in ROWS]


@dataclass(frozen=True)
class Kind:
    """A file and what it says."""

    data: bytes
    rows: Rows
    scale: str = "1 to 5"
    interactions: bool = False
    times: bool = False
    name: str = "ratings.txt"
    said: Mapping[str, Any] = field(default_factory=dict)
    """Options without which nobody could tell."""
    guesses: Mapping[str, str] = field(default_factory=dict)
    """What has to be among the guesses."""


def lines(form: str, head: str = "", end: str = "\n") -> str:
    """Write the rows, each in a form such as ``"{0},{1},{2:g}"``."""
    return (head + end if head else "") + "".join(form.format(*row) + end for row in ROWS)


def text(form: str, head: str = "", end: str = "\n", encoding: str = "utf-8") -> bytes:
    """Return what `lines` writes, as bytes."""
    return lines(form, head, end).encode(encoding)


def _named(head: str, separator: str = ",") -> Kind:
    form = separator.join(("{0}", "{1}", "{2:g}"))
    return Kind(text(form, head), RATED)


def _wide() -> list[list[str]]:
    values = {(user, item): f"{value:g}" for user, item, value, _ in ROWS}
    return [[values.get((user, item), "") for item in range(11, 18)] for user in range(1, 9)]


def _jester() -> Kind:
    """Return a table without header: how many were rated, and then 99 where nothing was."""
    rows, wanted = [], []
    for user, cells in enumerate(_wide(), start=1):
        shown = [f"{float(one) * 2 - 6.5:.2f}" if one else "99" for one in cells]
        rows.append(",".join([str(sum(one != "99" for one in shown)), *shown]))
        wanted += [(user, str(k), float(one)) for k, one in enumerate(shown, 1) if one != "99"]
    found: Rows = [(user, int(item), value) for user, item, value in wanted]
    return Kind(
        ("\n".join(rows) + "\n").encode(),
        found,
        scale="-4.5 to 3.5",
        name="jester.csv",
        guesses={"not rated": "99", "layout": "wide"},
    )


def _book_crossing() -> Kind:
    head = '"User-ID";"ISBN";"Book-Rating"'
    rows, wanted = [], []
    for place, (user, item, value, _) in enumerate(ROWS):
        isbn = f"{item:09d}X"
        shown = 0 if place % 3 == 0 else value * 2
        rows.append(f'"{user}";"{isbn}";"{shown:g}"')
        if shown:
            wanted.append((user, isbn, float(shown)))
        if place % 7 == 0:
            rows.append(";;")
    return Kind(
        "\r".join([head, *rows, ""]).encode("latin-1"),
        wanted,
        scale="2 to 10",
        guesses={"not rated": "0", "separator": "semicolon"},
    )


def _play_counts() -> Kind:
    counts = [1, 2, 1, 3, 352698, 41, 1, 2, 5, 8, 2000, 17]
    rows: Rows = [
        (user, item, float(counts[place % len(counts)]))
        for place, (user, item, _, _) in enumerate(ROWS)
    ]
    data = "userID\tartistID\tweight\n" + "".join(f"{u}\t{i}\t{c:g}\n" for u, i, c in rows)
    return Kind(data.encode(), rows, "1 to 352698", interactions=True, name="user_artists.dat")


def _check_ins() -> Kind:
    forms = "{0}\t{1}\tTue Apr 03 18:00:{0:02d} +0000 2012"
    once = lines(forms)
    return Kind((once + once).encode(), MET, "1 to 1", interactions=True, times=True)


def _lists(separator: str, inner: str = "#") -> Kind:
    met: dict[int, list[str]] = {}
    for user, item, _, _ in ROWS:
        met.setdefault(user, []).append(str(item))
    rows = [f"{user}{separator}{inner.join(items)}" for user, items in met.items()]
    return Kind("\n".join(rows).encode(), MET, "1 to 1", interactions=True)


def _lists_of_numbers() -> Kind:
    met: dict[int, list[str]] = {}
    for user, item, _, _ in ROWS:
        if item <= 10 + user:
            met.setdefault(user, []).append(str(item))
    rows = [" ".join([str(user), *items]) for user, items in met.items()]
    wanted: Rows = [(user, int(item), 1.0) for user, items in met.items() for item in items]
    return Kind("\n".join(rows).encode(), wanted, "1 to 1", interactions=True, name="train.txt")


def _spreadsheet(separator: str, decimal: str) -> Kind:
    head = separator.join(["", *(f"Film {item}" for item in range(11, 18))])
    rows = [
        separator.join([f"person {user}", *(one and f"{one}{decimal}5" for one in cells)])
        for user, cells in enumerate(_wide(), start=1)
    ]
    wanted: Rows = [(f"person {u}", f"Film {i}", value + 0.5) for u, i, value in RATED]
    return Kind("\n".join([head, *rows]).encode("utf-8-sig"), wanted, "1.5 to 5.5")


ARFF = "@relation ratings\n% a comment\n@attribute user numeric\n@ATTRIBUTE 'item id' numeric\n"
ARFF += "@attribute rating {1,2,3,4,5}\n\n@data\n"

KINDS: Mapping[str, Callable[[], Kind]] = {
    "MovieLens 100k": lambda: Kind(text("{0}\t{1}\t{2:g}\t{3}"), RATED, times=True, name="u.data"),
    "MovieLens 1m": lambda: Kind(
        text("{0}::{1}::{2:g}::{3}"), RATED, times=True, name="ratings.dat"
    ),
    "MovieLens latest": lambda: Kind(
        text("{0},{1},{2:.1f},{3}", "userId,movieId,rating,timestamp", "\r\n"),
        RATED,
        times=True,
        name="ratings.csv",
    ),
    "librec": lambda: Kind(text("{0} {1} {2:g}"), RATED),
    "Epinions, blanks and tabs on one line": lambda: Kind(text(" {0}  {1} \t{2:g} "), RATED),
    "comments above": lambda: Kind(
        text("{0} {1} {2:g} {3}", "% bip weighted\n% 8 7"), RATED, times=True
    ),
    "Matrix Market": lambda: Kind(
        text("{0} {1} {2:g}", "%%MatrixMarket matrix coordinate real general\n% ours\n9 18 38"),
        RATED,
        guesses={"separator": "blanks"},
    ),
    "no header": lambda: Kind(text("{0},{1},{2:.1f}"), RATED),
    "time before rating, no header": lambda: Kind(text("{0},{1},{3},{2:g}"), RATED, times=True),
    "RecBole": lambda: Kind(
        text("{0}\t{1}\t{2:g}", "user_id:token\titem_id:token\trating:float"),
        RATED,
        name="ml.inter",
    ),
    "ARFF": lambda: Kind(ARFF.encode() + text("{0},{1},{2:g}"), RATED, name="ratings.arff"),
    "Book-Crossing": _book_crossing,
    "Jester": _jester,
    "a spreadsheet": lambda: _spreadsheet(",", "."),
    "a spreadsheet with semicolons and decimal commas": lambda: _spreadsheet(";", ","),
    "a spreadsheet with tabs in a csv": lambda: _spreadsheet("\t", "."),
    "JSON lines of Amazon": lambda: Kind(
        text('{{"reviewerID": "A{0}", "asin": "B{1}", "overall": {2:.1f}, "reviewText": "x\\n"}}'),
        [(f"A{u}", f"B{i}", value) for u, i, value in RATED],
    ),
    "JSON lines of Yelp": lambda: Kind(
        text(
            '{{"user_id": "A{0}", "business_id": "B{1}", "stars": {2:g}, "date": "2014-01-0{0}"}}'
        ),
        [(f"A{u}", f"B{i}", value) for u, i, value in RATED],
        times=True,
    ),
    "a JSON list": lambda: Kind(
        b"[" + text('{{"user": {0}, "item": {1}, "rating": {2:g}}},')[:-2] + b"]", RATED
    ),
    "play counts": _play_counts,
    "check-ins": _check_ins,
    "who met what": lambda: Kind(
        text("{0},{1}", "user_id,track_id"), MET, "1 to 1", interactions=True
    ),
    "who met what and when, no header": lambda: Kind(
        text("{0}\t{1}\t{3}"), MET, "1 to 1", interactions=True, times=True
    ),
    "likes": lambda: Kind(text("{0},{1},1", "user,item,rating"), MET, "1 to 1", interactions=True),
    "lists": lambda: _lists("\t"),
    "lists after a colon": lambda: _lists(": ", ", "),
    "lists of numbers": _lists_of_numbers,
    "blanks in names and beside commas": lambda: Kind(
        text(" {0} , {1} , {2:g}", "User Name , Product ID , Star Rating"), RATED
    ),
    "seen but not rated": lambda: Kind(
        (lines("{0},{1},{2:g}", "user_id,anime_id,rating") + "1,99,-1\n2,98,-1\n").encode(),
        RATED,
        guesses={"not rated": "-1"},
    ),
    "half stars": lambda: Kind(
        text("{0},{1},{2:g}.5", "user,item,stars"),
        [(u, i, value + 0.5) for u, i, value in RATED],
        "1.5 to 5.5",
    ),
    "percent": lambda: Kind(
        text("{0},{1},{2:g}0", "user,item,score"),
        [(u, i, value * 10) for u, i, value in RATED],
        "10 to 50",
    ),
    "thousands": lambda: Kind(
        text('{0},{1},"1,00{2:g},000"', "user,item,plays"),
        [(u, i, 1e6 + 1000 * value) for u, i, value in RATED],
        "1.001e+06 to 1.005e+06",
        interactions=True,
    ),
    "a line of R for each row": lambda: Kind(
        "\n".join(
            [
                '"user" "item" "rating"',
                *(f'"{k}" {u} {i} {v:g}' for k, (u, i, v) in enumerate(RATED, 1)),
            ]
        ).encode(),
        RATED,
    ),
    "the line of Excel": lambda: Kind(text("{0};{1};{2:g}", "sep=;\nuser;item;rating"), RATED),
    "Cyrillic names": lambda: Kind(
        text(
            "{0},{1},{2:g}",
            "user,item,rating\nВладимир,Мастер и Маргарита,5\nНаталья,Преступление и наказание,4",
            encoding="cp1251",
        ),
        [
            ("Владимир", "Мастер и Маргарита", 5.0),
            ("Наталья", "Преступление и наказание", 4.0),
            *((str(u), str(i), value) for u, i, value in RATED),
        ],
        guesses={"encoding": "cp1251"},
    ),
    **{
        f"columns {head}": lambda head=head: _named(head)  # type: ignore[misc]
        for head in (
            "user_id,anime_id,rating",
            "userId,movieId,rating",
            "User-ID,ISBN,Book-Rating",
            "USER ID,business_id,stars",
            "reviewerID,asin,overall",
            "profile,product,score",
            "uid,track_id,Score",
        )
    },
}
"""What people have -> a file of it."""
