"""What all commands share: help, version, and one clear error for every mistake."""

import re
from collections.abc import Collection
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

import fedmf
from fedmf.cli.app import app
from fedmf.cli.settings_options import OPTIONS, ChosenSettings
from fedmf.federation import TrainingSettings
from fedmf.federation.settings import KEY_BITS, STARTS
from fedmf.model import METHODS
from fedmf.protocol import PROTECTIONS, UPLOADS
from fedmf.protocol.session import OPENED_BY
from tests.cli.command import SMALL, run

UNPROTECTED = ["--protection", "none"]
NEW = ["federation", "new", "server", "--catalogue", "items.txt", "--protection", "rlwe"]
NEW += ["--scale", "1:5"]
USERS = ["--users", "2", "--users", "3", "--users", "4"]


def test_version() -> None:
    ran = run("--version")
    assert re.fullmatch(r"fedmf \d+\.\d+\.\d+\n", ran.out)
    assert ran.out == f"fedmf {fedmf.__version__}\n"


@pytest.mark.parametrize("command", [[], ["train"], ["keys"], ["keys", "sign"]])
def test_help_has_a_short_name(command: list[str]) -> None:
    assert run(*command, "-h").out == run(*command, "--help").out != ""


def test_shells_complete_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_FEDMF_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "fedmf recom")
    monkeypatch.setenv("COMP_CWORD", "1")
    ended = CliRunner().invoke(app, [], prog_name="fedmf")
    assert ended.stdout.split() == ["recommend"]


def test_doctor_finds_nothing_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedmf.cli.doctor.REPEATS", 1)
    document = run("doctor", "--json").json
    assert document["missing"] == []
    assert 0 < document["paillier_seconds_per_value"]["3072"]["add"] < 1
    assert "missing: nothing" in run("doctor").out


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        ("protection", PROTECTIONS),
        ("upload", UPLOADS),
        ("method", METHODS),
        ("opened_by", OPENED_BY),
        ("key_bits", KEY_BITS),
        ("start", STARTS),
    ],
)
def test_help_names_every_choice(setting: str, names: Collection[object]) -> None:
    assert names
    assert all(str(name) in OPTIONS[setting].help for name in names)


def test_every_setting_is_an_option_with_the_same_default() -> None:
    assert set(OPTIONS) == {field.name for field in fields(TrainingSettings)}
    assert ChosenSettings({"rounds": None, "upload": "full", "slices": None}).checked() == (
        TrainingSettings()
    )


MISTAKES = [
    (["train", "movielens-smal"], 11, "did you mean 'movielens-small'"),
    (["train", "movielens-smal", "--json"], 11, "did you mean 'movielens-small'"),
    (["train", "nothing/here.csv"], 10, "nothing/here.csv"),
    (["train", "--protection", "palier"], 11, "did you mean 'paillier'"),
    (["train", "--method", "sdg"], 11, "did you mean 'sgd'"),
    (["train", "--upload", "parts"], 11, "did you mean 'part'"),
    (["train", "--split", "first"], 11, "known: random, last"),
    (["train", "--key-bits", "512"], 12, "1024, 2048, 3072"),
    (
        ["train", "--factors", "0", "--rounds", "-1"],
        12,
        "factors must be a whole number of at least 1, not 0; "
        "rounds must be a whole number of at least 1, not -1",
    ),
    (["train", "--rounds", "0"], 12, "rounds must be a whole number of at least 1"),
    (["train", "--holdout", "1.5"], 12, "holdout"),
    (["train", "--users", "0"], 12, "users must be at least 1"),
    (["train", "--learning-rate", "-1"], 12, "learning_rate must be a positive number"),
    (["train", "--reg", "0.1"], 12, "method bayes has no reg"),
    (["train", *SMALL, "--silos", "99"], 12, "99 silos for 14 users"),
    (["train", *SMALL, "--cohort", "99"], 12, "cohort of 99"),
    (
        ["train", *SMALL, *UNPROTECTED, "--method", "sgd", "--learning-rate", "9"],
        20,
        "lower the learning rate",
    ),
    (["train", *SMALL, "--min-raters", "15"], 12, "min_raters is 15 and there are 14 users"),
    (["train", "--download-bits", "6"], 12, "opened before they are sent"),
    (["train", "--cohort", "2"], 12, "cohort must be a whole number of at least 3"),
    (["train", "--resume", "nowhere"], 40, "not a run directory"),
    (["train", "--users", "many"], 2, "'--users'"),
    (["trian"], 2, "trian"),
    (["recommend", "nowhere", "--user", "1"], 40, "not a run directory"),
    (["recommend", "nowhere"], 12, "--user"),
    (["evaluate", "nowhere"], 40, "not a run directory"),
    (["report", "nowhere"], 40, "nowhere is not a run directory: it holds no run.json"),
    (["report", "."], 40, ". is not a run directory"),
    (["report", "run", "--out", "."], 12, ". is a folder: name a file, such as report.html"),
    (["report", "run", "--out", "no/page.html"], 12, "there is no folder no"),
    (
        ["bench", "--values", "9", "--participants", "2"],
        12,
        "--values must be at least 100; --participants must be at least 3",
    ),
    (["reproduce", "--quick", "--data", "nothing.csv"], 10, "file not found"),
    ([*NEW, *USERS, "--catalogue", "no.txt"], 10, "cannot read the catalogue no.txt"),
    ([*NEW, *USERS], 12, "needs the check"),
    ([*NEW, *USERS, "--key-check", "x"], 12, "not a check value"),
    *(([*NEW, *USERS, "--scale", scale], 12, "scale") for scale in ("5", "a:b", "5:1", "1:")),
]


@pytest.mark.parametrize(("arguments", "status", "complaint"), MISTAKES)
def test_every_mistake_has_one_clear_error(
    request: pytest.FixtureRequest, arguments: list[str], status: int, complaint: str
) -> None:
    if "run" in arguments:
        request.getfixturevalue("trained")
    Path("items.txt").write_text("10\n20\n30\n", encoding="utf-8")
    ran = run(*arguments)
    assert ran.status == status
    assert complaint in ran.error
    assert ran.error.count(f"error {status}: ") == (status != 2)
    assert ran.out == "" or "forecast" in ran.out
    assert "Traceback" not in ran.err
