"""``fedmf data``: what is understood of a file, in 80 columns and as JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import run

LONG = "a column with a name that is longer than a line of a terminal ever was"


def ratings_file(
    name: str = "rates.csv", head: str = "user_id,item_id,stars,when", end: str = ""
) -> str:
    rows = [f"u{k % 7},{10 + k % 5},{1 + k % 4}.5,{1_000_000_000 + k}" for k in range(30)]
    Path(name).write_text("\n".join([head, *rows]) + "\n" + end, encoding="utf-8")
    return name


def test_it_says_what_why_and_how_to_say_otherwise() -> None:
    ran = run("data", ratings_file(end=",,,\n"))
    assert ran.status == 0, ran.error
    assert "30 ratings of 7 users and 5 items" in ran.out
    for said in (
        "comma (4 usual names of columns in the first",
        "'stars' (its name)",
        "1.5 to 4.5 (the lowest and highest rating",
        "explicit: ratings say how much",
        "2001-09-09 01:46:40",
        "note: 1 empty row was skipped",
    ):
        assert said in ran.text, ran.text
    for option in ("--separator", "--encoding", "--no-header", "--layout", "--rating-column"):
        assert option in ran.out
    for option in ("--scale", "--not-rated", "--method", "--user-column", "--time-column"):
        assert option in ran.out


@pytest.mark.parametrize("head", ["user_id,item_id,stars,when", f"user,item,rating,{LONG}"])
def test_it_fits_a_terminal(head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ran = run("data", ratings_file(head=head, end="9,1,99,1\n" * 3), "--time-column", "4")
    assert ran.status == 0, ran.error
    assert max(map(len, ran.out.splitlines())) <= 80, ran.out


def test_the_document_has_the_same() -> None:
    found = run("data", ratings_file(), "--json").json
    assert (found["users"], found["items"], found["ratings"]) == (7, 5, 30)
    assert (found["scale"], found["feedback"], found["notes"]) == ([1.5, 4.5], "explicit", [])
    assert found["sample"][0] == {
        "user": "u0",
        "item": 10,
        "title": None,
        "rating": 1.5,
        "time": 1_000_000_000,
    }
    assert len(found["sample"]) == 5
    understood = {one["what"]: one for one in found["understood"]}
    assert understood["user"]["found"] == "'user_id'"
    assert understood["user"]["option"] == "--user-column"


def test_every_guess_can_be_said() -> None:
    name = ratings_file(head="a,b,c,d")
    assert run("data", name).status == 10
    said = ["--user-column", "b", "--item-column", "1", "--rating-column", "c"]
    said += ["--time-column", "none", "--separator", ",", "--header", "--encoding", "latin-1"]
    said += ["--scale", "0:5", "--not-rated", "1.5", "--layout", "long", "--decimal", "point"]
    found = run("data", name, *said, "--json").json
    assert (found["users"], found["items"], found["scale"]) == (5, 7, [0, 5])
    assert found["ratings"] == 22
    assert found["sample"][0]["time"] is None


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--layout", "tall"], 11, "known: long, wide, lists"),
        (["--decimal", "dot"], 11, "did you mean 'point'"),
        (["--encoding", "utf-7777"], 12, "is not known; common ones are utf-8"),
        (["--encoding", "utf-16"], 10, "line 1 is not utf-16; say which encoding"),
        (["--layout", "wide"], 10, "layout wide needs a column for each item"),
        (["--scale", "5"], 12, "'5' is not a scale; write LOW:HIGH"),
        (["--scale", "5:1"], 12, "upside down"),
        (["--scale", "3:3"], 12, "one value"),
        (["--user-column", "who"], 10, "there is no column 'who' for --user-column"),
        (["--user-column", "5"], 10, "there is no column '5'"),
    ],
)
def test_what_cannot_be_is_said(options: list[str], status: int, message: str) -> None:
    ran = run("data", ratings_file(), *options)
    assert ran.status == status
    assert message in ran.error


def test_train_says_it_in_three_lines_and_takes_the_method_that_fits() -> None:
    plain = ["--protection", "none", "--factors", "2", "--rounds", "1", "--workers", "1"]
    ran = run("train", ratings_file(), *plain, "--out", "rated")
    assert "read as comma, utf-8, header the first line" in ran.text
    assert "columns: user 'user_id', item 'item_id', rating 'stars', timestamp 'when'" in ran.text
    assert "explicit: ratings on a scale from 1.5 to 4.5" in ran.text
    Path("met.csv").write_text("user,item\n" + "1,2\n2,3\n3,2\n1,3\n2,2\n" * 2, encoding="utf-8")
    ran = run("train", "met.csv", *plain, "--out", "met")
    assert "implicit, which method implicit is for: there is no column of ratings" in ran.text
    assert "implicit with 2 factors" in ran.text
    ran = run("train", "met.csv", *plain, "--method", "bayes", "--out", "other")
    assert ran.status == 12
    assert "use --method implicit" in ran.error
