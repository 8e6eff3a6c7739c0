"""A page of what is there, one clear error for what is damaged, and never half a page."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fedmf.errors import RunDirectoryError, SettingsError
from fedmf.federation.enrolment_files import read_charter
from fedmf.report import page, read_run, write_report
from tests.report.conftest import AUDIT, change
from tests.report.html import parse
from tests.store.disk import Disk


def test_an_unfinished_run_is_shown_as_far_as_it_is(unfinished: Path) -> None:
    document = page(read_run(unfinished))
    text = parse(document).text
    assert "The training is not over: 3 of 3 rounds are done" in text
    assert "there is no final table yet" in text
    assert "fedmf train --resume DIR" in text


def test_a_run_before_its_first_round_is_shown_too(unfinished: Path) -> None:
    shutil.rmtree(unfinished / "checkpoints")
    text = parse(page(read_run(unfinished))).text
    assert "0 of 3 rounds are done" in text
    assert "No round is over yet" in text
    assert "3 members of the committee, even without the server" in text


def test_a_set_up_without_rounds_is_shown_as_such(unfinished: Path) -> None:
    (about,) = unfinished.glob("checkpoints/*/about.json")
    first = (unfinished / "rounds.jsonl").read_bytes().splitlines(keepends=True)[0]
    place = {"bytes": len(first), "sha256": hashlib.sha256(first).hexdigest()}
    change(about, lambda one: one.update(rounds=place))
    run = read_run(unfinished)
    assert (len(run.rounds), run.setup is not None) == (0, True)
    assert "set-up" in parse(page(run)).text


def test_what_came_after_the_last_checkpoint_is_left_out(unfinished: Path) -> None:
    before = page(read_run(unfinished))
    with (unfinished / "transcript.jsonl").open("a") as file:
        file.write('{"round": 9, "kind"')
    assert page(read_run(unfinished)) == before


def test_a_run_directory_without_transcript_and_charter_says_so(run: Path) -> None:
    (run / "transcript.jsonl").unlink()
    (run / "charter.json").unlink()
    text = parse(page(read_run(run))).text
    assert "holds no transcript" in text
    assert "charter fingerprint not in this run directory" in text


@pytest.mark.parametrize(
    ("file", "damage", "complaint"),
    [
        ("run.json", "[]", "damaged"),
        ("result.json", "{", "damaged"),
        ("result.json", "[]", "no JSON object"),
        ("result.json", "{}", "has no 'setup'"),
        ("transcript.jsonl", '{"round": 1, "kind": "table", "bytes": 1}\nx\n', "line 2"),
        ("transcript.jsonl", "3\n", "line 1"),
        ("charter.json", "{}", "damaged"),
        ("audit.json", "{}", "not an audit"),
        ("audit.json", '{"rows": [{"protection": "none"}]}', "not an audit"),
    ],
)
def test_damaged_files_are_named(run: Path, file: str, damage: str, complaint: str) -> None:
    (run / file).write_text(damage)
    with pytest.raises(RunDirectoryError, match=complaint) as raised:
        write_report(run)
    assert file in str(raised.value)
    assert not (run / "report.html").exists()


@pytest.mark.parametrize(
    ("act", "complaint"),
    [
        (lambda one: one["rounds"][0].update(rmse="0.9"), "rmse is '0.9', which is not a number"),
        (lambda one: one["rounds"][0].pop("mae"), "mae"),
        (lambda one: one["final"].update(rmse=[]), "list"),
        (
            lambda one: one.pop("baselines_mae"),
            "another version of fedmf: it has no 'baselines_mae'",
        ),
    ],
)
def test_a_result_with_other_values_is_refused(
    run: Path, act: Callable[[Any], object], complaint: str
) -> None:
    change(run / "result.json", act)
    with pytest.raises(RunDirectoryError, match=complaint):
        write_report(run)


def test_holds_is_true_or_false_and_nothing_else(run: Path) -> None:
    (run / "audit.json").write_text("{}")
    change(run / "audit.json", lambda one: one.update(rows=[{**AUDIT["rows"][0], "holds": "no"}]))
    with pytest.raises(RunDirectoryError, match="holds, which is true or false"):
        read_run(run)


def test_a_charter_of_another_session_is_refused(run: Path, trained: Callable[..., Path]) -> None:
    other = trained("--seed", "1")
    shutil.copy(other / "charter.json", run)
    with pytest.raises(RunDirectoryError, match="charter of another session"):
        read_run(run)


def test_a_charter_with_other_keys_than_those_of_the_run_is_refused(run: Path) -> None:
    charter = read_charter(run)
    other = replace(charter, participant_keys=charter.participant_keys[::-1])
    (run / "charter.json").write_bytes(other.to_bytes())
    with pytest.raises(RunDirectoryError, match="not the charter of this run"):
        read_run(run)


def test_a_checkpoint_that_lost_its_records_is_damaged(unfinished: Path) -> None:
    (about,) = unfinished.glob("checkpoints/*/about.json")
    about.unlink()
    with pytest.raises(RunDirectoryError, match=r"about\.json is missing"):
        read_run(unfinished)


def test_records_that_are_not_what_was_written_are_named(unfinished: Path) -> None:
    path = unfinished / "rounds.jsonl"
    path.write_text(path.read_text().replace('"round": 1', '"round": 9'))
    with pytest.raises(RunDirectoryError, match=r"rounds\.jsonl is damaged: it does not match"):
        read_run(unfinished)


def test_a_checkpoint_replaced_while_it_is_looked_for_is_looked_for_again(
    unfinished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (older,) = unfinished.glob("checkpoints/*")
    newer = older.with_name("snapshot-000000099")
    read_bytes = Path.read_bytes

    def replaced_in_between(path: Path) -> bytes:
        if path.parent == older and older.exists():
            older.rename(newer)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", replaced_in_between)
    assert len(read_run(unfinished).rounds) == 3
    assert newer.exists()


def test_a_page_that_cannot_be_written_leaves_the_old_one(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page_file = write_report(run)
    page_file.write_text("the old one")
    names = sorted(path.name for path in run.iterdir())

    with Disk(monkeypatch).full(), pytest.raises(OSError, match="No space"):
        write_report(run)
    assert page_file.read_text() == "the old one"
    assert sorted(path.name for path in run.iterdir()) == names


def test_the_page_goes_where_it_is_told(run: Path, tmp_path: Path) -> None:
    assert write_report(run) == run / "report.html"
    assert write_report(run, tmp_path / "page.html") == tmp_path / "page.html"
    assert (tmp_path / "page.html").read_bytes() == (run / "report.html").read_bytes()
    with pytest.raises(SettingsError, match="is a folder"):
        write_report(run, tmp_path)
    with pytest.raises(SettingsError, match="there is no folder"):
        write_report(run, tmp_path / "nowhere" / "page.html")
