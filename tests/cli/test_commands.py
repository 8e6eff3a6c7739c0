"""The command line as a person meets it: in this process, through the same entry point."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fedmf
from fedmf.cli.app import app
from fedmf.cli.train import _next_directory

SMALL = ["--users", "15", "--items", "25", "--factors", "3", "--rounds", "2", "--workers", "1"]


class Ran:
    """What one call of the command line printed, and its exit status."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> None:
        with pytest.raises(SystemExit) as ended:
            app(list(arguments))
        self.status = ended.value.code
        captured = capsys.readouterr()
        self.out, self.err = captured.out, captured.err

    @property
    def error(self) -> str:
        """Standard error on one line."""
        return " ".join(self.err.split())

    @property
    def json(self) -> Any:
        """Standard output, which has to be one JSON document."""
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    return lambda *arguments: Ran(capsys, *arguments)


@pytest.fixture
def trained(run: Any) -> str:
    ran = run("train", *SMALL, "--protection", "none", "--out", "run", "--quiet")
    assert (ran.status, ran.out) == (0, "run\n")
    return "run"


def test_train_says_what_it_will_do_and_what_came_of_it(run: Any) -> None:
    ran = run("train", *SMALL, "--protection", "paillier", "--key-bits", "2048")
    assert ran.status == 0
    text = " ".join(ran.out.split())
    for expected in (
        "movielens-small: 14 users, 25 items",
        "protection paillier, 2048-bit key",
        "the server with one participant: every participant's contributions",
        "forecast:",
        "equals the unprotected run's bit for bit",
        "global mean",
        "fedmf recommend fedmf-runs/001 --user",
    ):
        assert expected in text
    assert "[bold]" not in text
    assert Path("fedmf-runs/001/result.json").is_file()


def test_train_json_keeps_its_contract(run: Any) -> None:
    plain = run("train", *SMALL, "--protection", "none", "--json").json
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


def test_the_set_up_is_no_round_and_its_cost_is_reported(run: Any) -> None:
    paper = [*SMALL, "--method", "sgd", "--protection", "none"]
    plain = run("train", *paper, "--min-raters", "1", "--json").json
    counted = run("train", *paper, "--json").json
    assert plain["setup"] is None
    assert counted["setup"]["included"] == 14
    assert counted["setup"]["upload_bytes_median"] > 25
    assert "rmse" not in counted["setup"]
    assert [record["round"] for record in counted["rounds"]] == [1, 2]
    assert 0 < counted["rounds"][1]["summed_rmse"] < 5
    ran = run("train", *SMALL, "--protection", "none", "--min-raters", "3")
    assert "fewer than 3 raters never leave" in " ".join(ran.out.split())


def test_part_uploads_say_what_they_show(run: Any) -> None:
    ran = run("train", *SMALL, "--protection", "paillier", "--key-bits", "2048", "--upload", "part")
    assert "the server: which items each participant rated" in ran.out


@pytest.mark.filterwarnings("always::fedmf.crypto.paillier_numbers.WeakKeyWarning")
def test_weak_keys_are_warned_about(run: Any) -> None:
    ran = run("train", *SMALL, "--protection", "paillier", "--key-bits", "1024")
    assert ran.status == 0
    assert "warning" in ran.err
    assert "NIST SP 800-57" in ran.err


def test_training_without_held_out_ratings_reports_no_error(run: Any) -> None:
    document = run("train", *SMALL, "--protection", "none", "--holdout", "0", "--json").json
    assert document["final"] is None
    assert document["rounds"][0]["rmse"] is None
    ran = run("evaluate", document["run_dir"])
    assert ran.status == 10
    assert "--ratings" in ran.err


def test_own_ratings_from_a_csv_file(run: Any) -> None:
    lines = ["user,item,rating"]
    lines += [f"u{u},film {i},{1 + (u * i) % 5}" for u in range(8) for i in range(6)]
    Path("mine.csv").write_text("\n".join(lines))
    ran = run("train", "mine.csv", "--protection", "none", "--rounds", "2", "--out", "mine")
    assert ran.status == 0
    assert "mine: 8 users, 6 items, 48 ratings" in ran.out
    items = run("recommend", "mine", "--user", "u3", "--json").json["items"]
    # Recommendations leave out what u3 had rated in training.
    assert 0 < len(items) < 6


def test_recommend_and_evaluate(run: Any, trained: str) -> None:
    document = run("recommend", trained, "--user", "7", "-n", "3", "--json").json
    assert document["user"] == "7"
    assert len(document["items"]) == 3
    scores = [item["score"] for item in document["items"]]
    assert scores == sorted(scores, reverse=True)
    shown = run("recommend", trained, "--user", "7", "-n", "3")
    assert document["items"][0]["title"] in shown.out
    measured = run("evaluate", trained, "--json").json
    result = json.loads(Path(trained, "result.json").read_text())
    assert measured["rmse"]["value"] == pytest.approx(result["final"]["rmse"])
    assert measured["rmse"]["low"] < measured["rmse"]["value"] < measured["rmse"]["high"]
    shown = run("evaluate", trained).out
    assert all(name in shown for name in ("NDCG@10", "MRR@10", "novelty@10"))


def test_evaluate_holds_the_baselines_of_the_training_beside_the_model(
    run: Any, trained: str
) -> None:
    beside = run("evaluate", trained, "--json").json["baselines"]
    result = json.loads(Path(trained, "result.json").read_text())
    for name in ("bias", "global_mean"):
        assert beside[name]["rmse"] == pytest.approx(result["baselines"][name])
        assert beside[name]["mae"] == pytest.approx(result["baselines_mae"][name])
    popularity = result["baselines_ndcg_at_10"]["popularity"]
    assert beside["popularity"]["ndcg_at_10"] == pytest.approx(popularity)


def test_evaluate_with_other_ratings_has_popularity_and_says_why_no_bias(
    run: Any, trained: str
) -> None:
    item = run("recommend", trained, "--user", "7", "--json").json["items"][0]["item"]
    Path("other.csv").write_text(f"user,item,rating\n7,{item},4\n")
    found = run("evaluate", trained, "--ratings", "other.csv", "--json").json
    assert set(found["baselines"]) == {"popularity"}
    assert any("without --ratings" in note for note in found["notes"])


def test_a_new_user_is_folded_in(run: Any, trained: str) -> None:
    known = run("recommend", trained, "--user", "7", "--json").json["items"]
    Path("new.csv").write_text(f"item,rating\n{known[0]['item']},5\n{known[1]['item']},1.5\n")
    items = run("recommend", trained, "--ratings", "new.csv", "--json").json["items"]
    assert {known[0]["item"], known[1]["item"]}.isdisjoint(item["item"] for item in items)
    Path("wrong.csv").write_text("item,rating\n-5,5\n")
    ran = run("recommend", trained, "--ratings", "wrong.csv")
    assert ran.status == 10
    assert "unknown item '-5'" in ran.error


def test_evaluate_with_other_ratings_says_what_was_left_out(run: Any, trained: str) -> None:
    item = run("recommend", trained, "--user", "7", "--json").json["items"][0]["item"]
    Path("other.csv").write_text(f"user,item,rating\n7,{item},4\n99999,{item},1\n")
    ran = run("evaluate", trained, "--ratings", "other.csv")
    assert ran.status == 0
    assert "1 of 2 ratings" in " ".join(ran.out.split())


def test_a_finished_run_resumes_to_the_same_result(run: Any, trained: str) -> None:
    before = json.loads(Path(trained, "result.json").read_text())
    after = run("train", "--resume", trained, "--json").json
    assert after["table_sha256"] == before["table_sha256"]
    assert after["final"] == before["final"]


def test_resume_takes_no_settings(run: Any, trained: str) -> None:
    ran = run("train", "--resume", trained, "--factors", "9", "--seed", "1")
    assert ran.status == 12
    assert "leave out --factors, --seed" in ran.error
    ran = run("train", "--resume", trained, "--open", "server", "--rounds", "0")
    assert "leave out --open, --rounds" in ran.error


def test_doctor_finds_nothing_missing(run: Any) -> None:
    document = run("doctor", "--json").json
    assert document["missing"] == []
    assert 0 < document["paillier_seconds_per_value"]["3072"]["add"] < 1
    assert "missing: nothing" in run("doctor").out


def test_version(run: Any) -> None:
    assert re.fullmatch(r"fedmf \d+\.\d+\.\d+\n", run("--version").out)
    assert run("--version").out == f"fedmf {fedmf.__version__}\n"


@pytest.mark.parametrize("command", [[], ["train"], ["keys"], ["keys", "sign"]])
def test_help_has_a_short_name(run: Any, command: list[str]) -> None:
    assert run(*command, "-h").out == run(*command, "--help").out != ""


def test_python_runs_the_package() -> None:
    train = ["train", *SMALL[:-1], "2", "--protection", "none", "--out", "run", "--quiet"]
    ran = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "fedmf", *train],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "run\n", "")


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (["train", "movielens-smal"], 11, "did you mean 'movielens-small'"),
        (["train", "nothing/here.csv"], 10, "nothing/here.csv"),
        (["train", "--protection", "palier"], 11, "did you mean 'paillier'"),
        (["train", "--method", "sdg"], 11, "did you mean 'sgd'"),
        (["train", "--upload", "parts"], 11, "did you mean 'part'"),
        (["train", "--split", "first"], 11, "known: random, last"),
        (["train", "--key-bits", "512"], 12, "1024, 2048, 3072"),
        (
            ["train", "--factors", "0", "--rounds", "-1"],
            12,
            "factors must be a whole number of at least 1",
        ),
        (
            ["train", "--factors", "0", "--rounds", "-1"],
            12,
            "rounds must be a whole number of at least 1",
        ),
        (["train", "--rounds", "0"], 12, "rounds must be a whole number of at least 1"),
        (["train", "--holdout", "1.5"], 12, "holdout"),
        (["train", "--users", "0"], 12, "users must be at least 1"),
        (["train", "--learning-rate", "-1"], 12, "learning_rate must be a positive number"),
        (["train", "--reg", "0.1"], 12, "method bayes has no reg"),
        (["train", *SMALL, "--silos", "99"], 12, "99 silos for 14 users"),
        (["train", *SMALL, "--cohort", "99"], 12, "cohort of 99"),
        (
            ["train", *SMALL, "--protection", "none", "--method", "sgd", "--learning-rate", "9"],
            20,
            "lower the learning rate",
        ),
        (["train", *SMALL, "--min-raters", "15"], 12, "min_raters is 15 and there are 14 users"),
        (["train", "--download-bits", "6"], 12, "opened before they are sent"),
        (["train", "--cohort", "2"], 12, "cohort must be a whole number of at least 3"),
        (["train", "--resume", "nowhere"], 40, "not a run directory"),
        (["recommend", "nowhere", "--user", "1"], 40, "not a run directory"),
        (["recommend", "nowhere"], 12, "--user"),
        (["evaluate", "nowhere"], 40, "not a run directory"),
        (["train", "--users", "many"], 2, "'--users'"),
        (["trian"], 2, "trian"),
    ],
)
def test_every_mistake_has_one_clear_error(
    run: Any, arguments: list[str], status: int, complaint: str
) -> None:
    ran = run(*arguments)
    assert ran.status == status
    assert complaint in ran.error
    assert ran.out == "" or "forecast" in ran.out
    assert "Traceback" not in ran.err


def test_unknown_users_are_named_with_what_to_do(run: Any, trained: str) -> None:
    ran = run("recommend", trained, "--user", "123456789")
    assert ran.status == 11
    assert "folded in" in ran.error


def test_a_taken_directory_is_refused(run: Any, trained: str) -> None:
    ran = run("train", *SMALL, "--protection", "none", "--out", trained)
    assert ran.status == 40
    assert "exists already" in ran.error


def test_resume_names_the_argument_that_it_refuses(run: Any, trained: str) -> None:
    assert "leave out RATINGS" in run("train", "movielens-small", "--resume", trained).error


def test_names_with_brackets_are_shown_as_they_are(run: Any) -> None:
    lines = ["user,item,rating"]
    lines += [f"[/]{u},[red]film {i},{1 + (u * i) % 5}" for u in range(5) for i in range(6)]
    Path("m[b]x.csv").write_text("\n".join(lines))
    ran = run("train", "m[b]x.csv", "--protection", "none", "--rounds", "2", "--out", "r[/]un")
    assert ran.status == 0
    assert "m[b]x: 5 users" in ran.out
    assert "fedmf recommend 'r[/]un' --user '[/]0'" in ran.out
    ran = run("recommend", "r[/]un", "--user", "[/]0")
    assert "[red]film" in ran.out


def test_a_full_disk_is_one_clear_error(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    ran = run("train", *SMALL, "--protection", "none")
    assert ran.status == 40
    assert "No space left on device" in ran.error
    assert "Traceback" not in ran.err


def test_runs_that_start_together_get_directories_of_their_own(run: Any) -> None:
    first, second = (_next_directory() for _ in range(2))
    assert first != second
    assert run("train", *SMALL, "--protection", "none", "--quiet").out == "fedmf-runs/003\n"


def test_errors_with_json_leave_standard_output_empty(run: Any) -> None:
    ran = run("train", "movielens-smal", "--json")
    assert (ran.status, ran.out) == (11, "")
