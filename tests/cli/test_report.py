"""``fedmf report`` as a person meets it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fedmf.cli.app import app

SMALL = ["--users", "15", "--items", "25", "--factors", "3", "--rounds", "2", "--workers", "1"]
Ran = tuple[object, str, str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Return what carries out a command: its exit status, and what it printed."""

    def carry_out(*arguments: str) -> Ran:
        with pytest.raises(SystemExit) as ended:
            app(list(arguments))
        captured = capsys.readouterr()
        return ended.value.code, captured.out, " ".join(captured.err.split())

    return carry_out


@pytest.fixture
def trained(
    run: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    """Train in the current folder; return what carries out further commands."""
    monkeypatch.chdir(tmp_path)
    status, out, _ = run("train", *SMALL, "--protection", "none", "--out", "my run")
    assert status == 0
    assert "  fedmf report 'my run'\n" in out
    return run


def test_the_page_is_written_into_the_run_directory(trained: Callable[..., Ran]) -> None:
    status, out, err = trained("report", "my run")
    assert (status, err) == (0, "")
    assert out == "my run/report.html is the report; open it in a browser\n"
    assert "my run: a fedmf run" in Path("my run/report.html").read_text(encoding="utf-8")


def test_json_names_the_page_and_nothing_else(trained: Callable[..., Ran]) -> None:
    status, out, _ = trained("report", "my run", "--out", "page.html", "--json")
    assert (status, json.loads(out)) == (0, {"report": "page.html"})
    assert Path("page.html").is_file()
    assert not Path("my run/report.html").exists()


def test_a_run_with_a_report_in_it_can_be_resumed(trained: Callable[..., Ran]) -> None:
    trained("report", "my run")
    assert trained("train", "--resume", "my run", "--quiet")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "number", "complaint"),
    [
        (["nowhere"], 40, "nowhere is not a run directory: it holds no run.json"),
        (["."], 40, ". is not a run directory"),
        (["my run", "--out", "."], 12, ". is a folder: name a file, such as report.html"),
        (["my run", "--out", "no/page.html"], 12, "there is no folder no"),
    ],
)
def test_every_mistake_has_one_clear_error(
    trained: Callable[..., Ran], arguments: list[str], number: int, complaint: str
) -> None:
    status, out, err = trained("report", *arguments, "--json")
    assert (status, out) == (number, "")
    assert f"error {number}: {complaint}" in err


def test_a_run_that_only_ranks_has_its_page_too(trained: Callable[..., Ran]) -> None:
    arguments = [*SMALL, "--protection", "none", "--method", "implicit", "--out", "ranks"]
    document = json.loads(trained("train", *arguments, "--json")[1])
    assert document["final"]["rmse"] is None
    assert document["rounds"][-1]["rmse"] is None
    found = document["rounds"][-1]["ndcg_at_10"]
    assert found == pytest.approx(document["final"]["ndcg_at_10"])
    assert 0 < document["baselines_ndcg_at_10"]["popularity"] < 1
    assert trained("report", "ranks")[0] == 0
    page = Path("ranks/report.html").read_text(encoding="utf-8")
    assert "Held-out NDCG@10" in page
    assert "most rated items first" in page
    assert "Held-out RMSE" not in page


def test_what_only_ranks_claims_no_rating(trained: Callable[..., Ran]) -> None:
    arguments = [*SMALL, "--protection", "none", "--method", "implicit", "--out", "ranks"]
    assert trained("train", *arguments, "--quiet")[0] == 0
    recommended = json.loads(trained("recommend", "ranks", "--user", "7", "--json")[1])["items"]
    assert all(item["low"] is None for item in recommended)
    assert "they are no ratings" in trained("recommend", "ranks", "--user", "7")[1]
    shown = trained("evaluate", "ranks")[1]
    assert "NDCG@10" in shown
    assert "RMSE" not in shown
    measured = json.loads(trained("evaluate", "ranks", "--json")[1])
    assert measured["rmse"] == {"value": None, "low": None, "high": None}
