"""``fedmf recommend``, ``evaluate`` and ``report``: what a person does with a trained model."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Trained, run


def first_item(trained: str) -> Any:
    return run("recommend", trained, "--user", "7", "--json").json["items"][0]["item"]


def test_recommendations_come_best_first(trained: str) -> None:
    document = run("recommend", trained, "--user", "7", "-n", "3", "--json").json
    assert document["user"] == "7"
    assert len(document["items"]) == 3
    scores = [item["score"] for item in document["items"]]
    assert scores == sorted(scores, reverse=True)
    shown = run("recommend", trained, "--user", "7", "-n", "3")
    assert document["items"][0]["title"] in shown.out


def test_evaluate_finds_what_the_training_found(trained: str) -> None:
    measured = run("evaluate", trained, "--json").json
    result = json.loads(Path(trained, "result.json").read_text())
    assert measured["rmse"]["value"] == pytest.approx(result["final"]["rmse"])
    assert measured["rmse"]["low"] < measured["rmse"]["value"] < measured["rmse"]["high"]
    shown = run("evaluate", trained).text
    assert "ratings from 0.5 to 5, of" in shown
    assert re.search(r"given \d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d", shown)
    ndcg = result["intervals"]["popularity"]["ndcg_at_10"]
    assert f"{ndcg['value']:.4f} ({ndcg['low']:.4f} to {ndcg['high']:.4f})" in shown
    worse = measured["ndcg_at_10"]["value"] < ndcg["value"]
    assert ("train with --method implicit" in shown) == worse
    assert all(name in shown for name in ("NDCG@10", "MRR@10", "novelty@10"))
    assert f"intervals of 90 % held {measured['intervals_held']:.1%} of the ratings" in shown
    assert measured["knows_less_than"] == result["knows_less_than"]
    beside = measured["baselines"]
    for name in ("bias", "global_mean"):
        assert beside[name]["rmse"] == pytest.approx(result["baselines"][name])
        assert beside[name]["mae"] == pytest.approx(result["baselines_mae"][name])
    popularity = result["baselines_ndcg_at_10"]["popularity"]
    assert beside["popularity"]["ndcg_at_10"] == pytest.approx(popularity)


def test_evaluate_with_other_ratings_has_popularity_and_says_why_no_bias(trained: str) -> None:
    Path("other.csv").write_text(f"user,item,rating\n7,{first_item(trained)},4\n")
    found = run("evaluate", trained, "--ratings", "other.csv", "--json").json
    assert set(found["baselines"]) == {"popularity"}
    assert any("without --ratings" in note for note in found["notes"])


def test_evaluate_with_other_ratings_says_what_was_left_out(trained: str) -> None:
    item = first_item(trained)
    Path("other.csv").write_text(f"user,item,rating\n7,{item},4\n99999,{item},1\n")
    ran = run("evaluate", trained, "--ratings", "other.csv")
    assert ran.status == 0
    assert "1 of 2 ratings" in ran.text


def test_a_new_user_is_folded_in(trained: str) -> None:
    known = run("recommend", trained, "--user", "7", "--json").json["items"]
    Path("new.csv").write_text(f"item,rating\n{known[0]['item']},5\n{known[1]['item']},1.5\n")
    items = run("recommend", trained, "--ratings", "new.csv", "--json").json["items"]
    assert {known[0]["item"], known[1]["item"]}.isdisjoint(item["item"] for item in items)
    Path("wrong.csv").write_text("item,rating\n-5,5\n")
    ran = run("recommend", trained, "--ratings", "wrong.csv")
    assert ran.status == 10
    assert "unknown item '-5'" in ran.error


def test_unknown_users_are_named_with_what_to_do(trained: str) -> None:
    ran = run("recommend", trained, "--user", "123456789")
    assert ran.status == 11
    assert "folded in" in ran.error


def test_the_report_is_written_into_the_run_directory(trained: str) -> None:
    Path(trained).rename("my run")
    ran = run("report", "my run")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == "my run/report.html is the report; open it in a browser\n"
    assert "my run: a fedmf run" in Path("my run/report.html").read_text(encoding="utf-8")


def test_the_report_goes_where_it_is_wanted_and_json_names_it(trained: str) -> None:
    assert run("report", trained, "--out", "page.html", "--json").json == {"report": "page.html"}
    assert Path("page.html").is_file()
    assert not Path(trained, "report.html").exists()


def test_a_run_that_only_ranks_has_its_page_too(ranks: str, ranking_run: Trained) -> None:
    document = ranking_run.ran.json
    assert document["final"]["rmse"] is None
    assert document["rounds"][-1]["rmse"] is None
    found = document["rounds"][-1]["ndcg_at_10"]
    assert found == pytest.approx(document["final"]["ndcg_at_10"])
    assert 0 < document["baselines_ndcg_at_10"]["popularity"] < 1
    assert run("report", ranks).status == 0
    page = Path(ranks, "report.html").read_text(encoding="utf-8")
    assert "Held-out NDCG@10" in page
    assert "most rated items first" in page
    assert "Held-out RMSE" not in page


def test_what_only_ranks_claims_no_rating(ranks: str) -> None:
    recommended = run("recommend", ranks, "--user", "7", "--json").json["items"]
    assert all(item["low"] is None for item in recommended)
    assert "they are no ratings" in run("recommend", ranks, "--user", "7").out
    shown = run("evaluate", ranks).out
    assert "NDCG@10" in shown
    assert "RMSE" not in shown
    measured = run("evaluate", ranks, "--json").json
    assert measured["rmse"] == {"value": None, "low": None, "high": None}


def items_of(*arguments: str) -> list[Any]:
    return [one["item"] for one in run("recommend", *arguments, "--json").json["items"]]


def test_rankings_take_recency_and_no_values(ranks: str) -> None:
    # A random split: recency is off unless somebody asks for it.
    assert json.loads(Path(ranks, "run.json").read_text())["settings"]["recency"] == 0.0
    plain = items_of(ranks, "--user", "7")
    assert items_of(ranks, "--user", "7", "--recency", "off") == plain
    assert items_of(ranks, "--user", "7", "--recency", "4") != plain
    found = [
        run("evaluate", ranks, *chosen, "--json").json["ndcg_at_10"]["value"]
        for chosen in ([], ["--recency", "off"], ["--recency", "4"])
    ]
    assert found[0] == found[1] != found[2]
    # Who has met items needs no ratings of them; their order is known from times, or if said.
    first, last = plain[0], plain[-1]
    Path("met.csv").write_text(f"item\n{first}\n{last}\n")
    Path("timed.csv").write_text(f"item,timestamp\n{last},9\n{first},5\n")
    ran = run("recommend", ranks, "--ratings", "met.csv", "--recency", "4")
    assert (ran.status, "--file-order" in ran.error) == (10, True)
    said = items_of(ranks, "--ratings", "met.csv", "--file-order", "--recency", "4")
    assert said == items_of(ranks, "--ratings", "timed.csv", "--recency", "4")
    assert run("recommend", ranks, "--user", "7", "--recency", "x").status == 2


def test_ratings_know_no_recency(trained: str) -> None:
    ran = run("recommend", trained, "--user", "7", "--recency", "4")
    assert "method bayes weighs all ratings of a user alike" in ran.error
