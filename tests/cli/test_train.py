"""``fedmf train`` as a person meets it."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from fedmf.cli.train import _next_directory
from fedmf.ratings import load_ratings
from tests.cli.command import SMALL, Trained, run
from tests.store.disk import Disk

PAILLIER = ["--protection", "paillier", "--key-bits"]


def test_train_says_what_it_will_do_and_what_came_of_it() -> None:
    ran = run("train", *SMALL, *PAILLIER, "2048")
    assert ran.status == 0
    for expected in (
        "movielens-small: 14 users, 25 items",
        "protection paillier, 2048-bit key",
        "the server with one participant: every participant's contributions",
        "forecast:",
        "equals the unprotected run's bit for bit",
        "global mean",
        "fedmf recommend fedmf-runs/001 --user",
    ):
        assert expected in ran.text
    assert "[bold]" not in ran.text
    assert Path("fedmf-runs/001/result.json").is_file()


def test_train_json_keeps_its_contract(rating_run: Trained) -> None:
    plain = json.loads((rating_run.folder / "result.json").read_text())
    protected = run("train", *SMALL, "--json").json
    assert set(protected["dataset"]) >= {"name", "users", "items", "ratings"}
    assert set(protected["rounds"][0]) >= {
        "round",
        "rmse",
        "mae",
        "seconds",
        "participant_seconds_median",
        "server_seconds",
        "upload_bytes_median",
        "download_bytes_median",
        "included",
        "dropped",
    }
    assert set(protected["final"]) == {
        "rmse",
        "mae",
        "ndcg_at_10",
        "recall_at_10",
        "mrr_at_10",
        "hr_at_10",
        "novelty_at_10",
    }
    assert protected["table_sha256"] == plain["table_sha256"]
    assert protected["unprotected"]["table_sha256"] == plain["table_sha256"]
    assert protected["final"] == plain["final"]
    assert protected["final"]["rmse"] == pytest.approx(protected["rounds"][-1]["rmse"])
    assert (protected["protection"], protected["method"]) == ("committee", "bayes")
    stored = json.loads((Path(protected["run_dir"]) / "result.json").read_text())
    assert stored == protected


def test_a_converged_training_is_held_against_as_many_unprotected_rounds() -> None:
    ran = run("train", *SMALL, "--method", "implicit", "--factors", "1", "--rounds", "40", "--json")
    protected = ran.json
    assert len(protected["rounds"]) < 40
    assert len(protected["unprotected"]["rounds"]) == len(protected["rounds"])
    assert protected["unprotected"]["table_sha256"] == protected["table_sha256"]


def test_few_silos_do_not_wait_for_a_lot() -> None:
    ran = run("train", *SMALL, "--silos", "3", "--rounds", "1")
    words = " ".join(ran.text.split())
    assert "smallest lot: 1 upload, in sets of 3 or more" in words
    assert "wait for a lot" not in words


def test_the_set_up_is_no_round_and_its_cost_is_reported(rating_run: Trained) -> None:
    paper = [*SMALL, "--method", "sgd", "--protection", "none"]
    plain = run("train", *paper, "--min-raters", "1", "--json").json
    counted = run("train", *paper, "--json").json
    assert plain["setup"] is None
    assert counted["setup"]["included"] == 14
    assert counted["setup"]["upload_bytes_median"] > 25
    assert "rmse" not in counted["setup"]
    assert [record["round"] for record in counted["rounds"]] == [1, 2]
    assert 0 < counted["rounds"][1]["summed_rmse"] < 5
    training = load_ratings("movielens-small").take(15, 25).split(0.2, seed=0)[0]
    few = sum(Counter(training.items.tolist())[item] < 3 for item in range(25))
    assert few
    assert f"{few} of 25 items have fewer than 3 raters" in rating_run.ran.text


def test_more_workers_than_cores_are_capped_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedmf.workers.available_cores", lambda: 1)
    ran = run("train", *SMALL[:-1], "3", "--protection", "none")
    assert "3 workers were asked for; 1 run, one for each core" in ran.error


def test_part_uploads_say_what_they_show() -> None:
    ran = run("train", *SMALL, *PAILLIER, "2048", "--upload", "part")
    assert "the server: which items each participant rated" in ran.out


@pytest.mark.filterwarnings("always::fedmf.crypto.paillier_numbers.WeakKeyWarning")
def test_weak_keys_are_warned_about() -> None:
    ran = run("train", *SMALL, *PAILLIER, "1024")
    assert ran.status == 0
    assert "warning" in ran.err
    assert "NIST SP 800-57" in ran.error


def test_training_without_held_out_ratings_reports_no_error() -> None:
    document = run("train", *SMALL, "--protection", "none", "--holdout", "0", "--json").json
    assert document["final"] is None
    assert document["rounds"][0]["rmse"] is None
    ran = run("evaluate", document["run_dir"])
    assert ran.status == 10
    assert "--ratings" in ran.err


def test_own_ratings_from_a_csv_file() -> None:
    lines = ["user,item,rating"]
    pairs = [(u, i) for u in range(8) for i in range(8) if i in (u, (u + 1) % 8) or i < 4]
    lines += [f"u{u},film {i},{1 + (u * i) % 5}" for u, i in pairs]
    Path("mine.csv").write_text("\n".join(lines))
    ran = run("train", "mine.csv", *SMALL[-4:], "--protection", "none", "--out", "mine")
    assert ran.status == 0
    assert f"mine: 8 users, 8 items, {len(pairs)} ratings" in ran.out
    items = run("recommend", "mine", "--user", "u3", "--json").json["items"]
    # Recommendations leave out what u3 had rated, whether it was held out or not.
    assert {one["item"] for one in items} == {"film 5", "film 6", "film 7"}


def test_a_finished_run_resumes_to_the_same_result(trained: str) -> None:
    before = json.loads(Path(trained, "result.json").read_text())
    run("report", trained)
    after = run("train", "--resume", trained, "--workers", "1", "--json").json
    assert after["table_sha256"] == before["table_sha256"]
    assert after["final"] == before["final"]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--factors", "9", "--seed", "1"], "--factors, --seed"),
        (["--open", "server", "--rounds", "0"], "--open, --rounds"),
        (["movielens-small"], "RATINGS"),
    ],
)
def test_resume_takes_no_settings(trained: str, options: list[str], named: str) -> None:
    ran = run("train", "--resume", trained, *options)
    assert ran.status == 12
    assert f"leave out {named}" in ran.error


def test_a_taken_directory_is_refused(trained: str) -> None:
    ran = run("train", *SMALL, "--protection", "none", "--out", trained)
    assert ran.status == 40
    assert "exists already" in ran.error


def test_names_with_brackets_are_shown_as_they_are() -> None:
    lines = ["user,item,rating"]
    pairs = [(u, i) for u in range(5) for i in range(6) if u + i]
    lines += [f"[/]{u},[red]film {i},{1 + (u * i) % 5}" for u, i in pairs]
    Path("m[b]x.csv").write_text("\n".join(lines))
    ran = run("train", "m[b]x.csv", "--protection", "none", "--rounds", "2", "--out", "r[/]un")
    assert ran.status == 0
    assert "m[b]x: 5 users" in ran.out
    assert "fedmf recommend 'r[/]un' --user '[/]0'" in ran.out
    assert "  fedmf report 'r[/]un'\n" in ran.out
    ran = run("recommend", "r[/]un", "--user", "[/]0")
    assert "[red]film" in ran.out


def test_a_full_disk_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with Disk(monkeypatch).full():
        ran = run("train", *SMALL, "--protection", "none")
    assert ran.status == 40
    assert "No space left on device" in ran.error
    assert "Traceback" not in ran.err


def test_runs_that_start_together_get_directories_of_their_own() -> None:
    first, second = (_next_directory() for _ in range(2))
    assert first != second
    assert run("train", *SMALL, "--protection", "none", "--quiet").out == "fedmf-runs/003\n"


def test_python_runs_the_package() -> None:
    train = ["train", *SMALL[:-1], "2", "--protection", "none", "--out", "run", "--quiet"]
    ran = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "fedmf", *train],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "run\n", "")
