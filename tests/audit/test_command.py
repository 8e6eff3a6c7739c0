"""``fedmf audit`` as a person meets it, on a small part of the bundled ratings."""

from __future__ import annotations

import json
from typing import Any

import pytest

import fedmf.cli.audit
from fedmf.audit import AuditSettings, Row
from fedmf.audit.suite import audit
from fedmf.cli.app import app
from fedmf.errors import SettingsError
from fedmf.ratings import load_ratings
from tests.cli.command import assert_fits

SMALL = ["--users", "14", "--items", "25", "--factors", "4"]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as ended:
        app(["audit", *arguments])
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    ratings = load_ratings("movielens-small").take(users=14, items=25)
    return audit(ratings, AuditSettings(factors=4, victims=3))


def row(rows: list[Row], **wanted: str) -> Row:
    """Return the one row with these values; of a setting its beginning is enough."""
    found = [one for one in rows if all(getattr(one, k).startswith(v) for k, v in wanted.items())]
    assert len(found) == 1, (wanted, found)
    return found[0]


def test_every_protection_is_attacked_by_everybody(rows: list[Row]) -> None:
    assert {one.protection for one in rows} >= {"none", "paillier", "rlwe", "committee"}
    assert {one.adversary for one in rows} >= {
        "the server",
        "the network",
        "one participant",
        "one member",
        "the server with one participant",
        "the server with t-1 members",
    }


@pytest.mark.parametrize(
    ("protection", "adversary", "leaks"),
    [
        ("none", "the server", True),
        ("rlwe", "the server", False),
        ("rlwe", "the server with one participant", True),
        ("committee", "the server", False),
        ("committee", "the server with one participant", False),
        ("committee", "the server with t-1 members", False),
        ("committee", "the server with t members", True),
    ],
)
def test_the_table_says_who_has_everybodys_ratings(
    rows: list[Row], protection: str, adversary: str, leaks: bool
) -> None:
    found = [
        one
        for one in rows
        if (one.protection, one.adversary, one.method) == (protection, adversary, "bayes")
        and one.attack == "ratings from single uploads"
    ]
    assert [one.succeeded for one in found] == [leaks]


def test_every_check_of_the_committee_stands_in_it_on_and_off(rows: list[Row]) -> None:
    for name in ("a replayed table", "a second set of uploads", "a lone joiner", "a chosen table"):
        assert row(rows, attack=name, setting="without the check").succeeded
        assert not row(rows, attack=name, setting="with the check").succeeded


def test_what_has_no_check_against_it_is_in_the_table_too(rows: list[Row]) -> None:
    found = row(rows, attack="a table replayed with one unit changed")
    assert found.setting.startswith("every check on")
    assert found.succeeded


def test_json_keeps_its_contract(
    rows: list[Row], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fedmf.cli.audit, "run_audit", lambda *_: rows)
    status, out, _ = run(capsys, *SMALL, "--quiet", "--json")
    assert status == 0
    document: Any = json.loads(out)
    assert document["dataset"]["items"] == 25
    assert len(document["rows"]) == len(rows)
    for one in document["rows"]:
        assert isinstance(one["holds"], bool)
        assert 0 <= one["value"] <= 1
        assert one["n"] > 0
        assert "secure" not in one["verdict"]


def test_a_person_gets_who_learns_what_and_what_it_means(
    rows: list[Row], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fedmf.cli.audit, "run_audit", lambda *_: rows)
    status, out, _ = run(capsys, *SMALL, "--quiet")
    assert status == 0
    text = " ".join(out.split())
    for expected in (
        "what is learnt of single participants",
        "committee",
        "no evidence found at this sample size",
        "docs/explanation/attacks.md",
    ):
        assert expected in text
    assert_fits(out)
    assert "0.000 to" not in out
    status, everything, _ = run(capsys, *SMALL, "--quiet", "--all")
    assert status == 0
    assert_fits(everything)
    assert "0.000 to" in everything
    silent = sum(not one.succeeded for one in rows)
    assert f"{silent} of {len(rows)} attacks found nothing" in text
    assert everything.count("  -  \n") >= silent > out.count("  -  \n")


def test_too_few_users_are_refused_before_anything_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, out, err = run(capsys, "--users", "5", "--json", "--quiet")
    assert (status, out) == (SettingsError.number, "")
    assert "users are too few to audit: take at least 12" in " ".join(err.split())
    with pytest.raises(SettingsError, match="at least 2 victims"):
        AuditSettings(victims=1)
