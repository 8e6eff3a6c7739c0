"""Cross-validation, the search over settings, and scikit-learn's tools over the adapter."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.model_selection import cross_validate as folds_of_sklearn

from fedmf import FederatedRecommender, RatingEstimator, Ratings, cross_validate, load_ratings, tune
from fedmf.errors import DataError, SettingsError, UnknownNameError
from tests.cli.command import run

QUICK: dict[str, Any] = {"silos": 3, "rounds": 2, "workers": 1}


@pytest.fixture(scope="module")
def ratings() -> Ratings:
    return load_ratings("movielens-small").take(users=20, items=30)


def test_every_rating_is_measured_in_one_fold(ratings: Ratings) -> None:
    found = cross_validate(ratings, folds=4, factors=2, protection="rlwe", **QUICK)
    assert sum(one.ratings for one in found.folds) == len(ratings)
    place = np.random.default_rng(0).permutation(len(ratings)) % 4
    alone = FederatedRecommender(factors=2, protection="none", **QUICK)
    alone.fit(ratings.where(place != 1))
    assert found.folds[1].rmse == alone.evaluate(ratings.where(place == 1)).rmse
    errors = [one.rmse.value for one in found.folds]
    assert found.mean("rmse") == pytest.approx(np.mean(errors))
    assert found.spread("rmse") == pytest.approx(np.std(errors, ddof=1))
    assert "factors=2" in repr(found)


def test_the_search_never_sees_the_test_ratings(ratings: Ratings) -> None:
    choices = {"factors": [1, 4], "min_raters": [1, 8]}
    found = tune(ratings, choices, folds=2, seed=3, **QUICK)
    means = [one.mean("rmse") for one in found.trials]
    assert means == sorted(means)
    assert {tuple(one.chosen.values()) for one in found.trials} == {(1, 1), (1, 8), (4, 1), (4, 8)}
    # Other test ratings change nothing but the test.
    search, test = ratings.split(0.2, 3)
    assert found.test.ratings == len(test)
    is_test = np.isin(np.arange(len(ratings)), _rows(ratings, test))
    turned = np.where(is_test, 5.5 - ratings.values, ratings.values)
    other = tune(replace(ratings, values=turned), choices, folds=2, seed=3, **QUICK)
    assert [one.mean("rmse") for one in other.trials] == means
    assert other.test.rmse != found.test.rmse
    best = FederatedRecommender(protection="none", **(QUICK | dict(found.best.chosen)))
    assert found.test.rmse == best.fit(search).evaluate(test).rmse
    assert "min_raters" in found._repr_html_()


def _rows(ratings: Ratings, part: Ratings) -> list[int]:
    place = {pair: row for row, pair in enumerate(zip(ratings.users, ratings.items, strict=True))}
    return [place[pair] for pair in zip(part.users, part.items, strict=True)]


def test_rankings_are_chosen_by_ndcg_and_draws_are_few(ratings: Ratings) -> None:
    found = tune(ratings, {"factors": [1, 2, 3]}, folds=2, draws=2, method="implicit", **QUICK)
    assert found.by == "ndcg_at_10"
    assert len(found.trials) == 2
    assert found.best.mean("ndcg_at_10") >= found.trials[1].mean("ndcg_at_10")


@pytest.mark.parametrize(
    ("choices", "options", "error", "said"),
    [
        ({}, {}, SettingsError, "nothing to choose from"),
        ({"factors": [0]}, {}, SettingsError, "factors must be"),
        ({"factor": [1]}, {}, UnknownNameError, "did you mean 'factors'"),
        ({"factors": [1]}, {"folds": 1}, SettingsError, "folds are from 2"),
        ({"factors": [1]}, {"holdout": 0.0}, SettingsError, "raise holdout"),
        ({"factors": [1]}, {"by": "rmsle"}, UnknownNameError, "rmse"),
        ({"method": ["implicit"]}, {"by": "rmse"}, SettingsError, "choose by ndcg_at_10"),
    ],
)
def test_searches_that_cannot_work_say_so(
    ratings: Ratings,
    choices: dict[str, Any],
    options: dict[str, Any],
    error: type[Exception],
    said: str,
) -> None:
    with pytest.raises(error, match=said):
        tune(ratings, choices, **(QUICK | options))


def test_the_command_prints_what_to_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["tune", "--users", "15", "--items", "25", "--folds", "2", "--workers", "1"]
    choices = ["--try", "factors=1,3", "--try", "rounds=2"]
    document = run(*small, *choices, "--json").json
    assert [set(one["settings"]) for one in document["trials"]] == [{"factors", "rounds"}] * 2
    assert document["trials"][0]["mean"] <= document["trials"][1]["mean"]
    ran = run(*small, *choices)
    best = document["best"]["factors"]
    assert f"fedmf train movielens-small --users 15 --items 25 --factors {best}" in ran.out
    assert f"{document['test']['rmse']['value']:.4f}" in ran.out
    assert "factors 1, rounds 2" in ran.err
    assert run("tune", "--try", "factors=few").status == 12
    assert run("tune", "--try", "factor=2").status == 11


def test_the_command_reads_any_file_and_takes_the_method_that_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [(user, item, 1 + user * item % 5) for user in range(8) for item in range(6)]
    Path("mine.txt").write_text("wer;was;wie\n" + "".join(f"{u};{i};{v}\n" for u, i, v in rows))
    said = ["--user-column", "wer", "--item-column", "2", "--rating-column", "wie", "--header"]
    said += ["--not-rated", "9", "--not-rated", "", "--scale", "0:5"]
    quick = ["--try", "factors=1", "--try", "rounds=1", "--folds", "2", "--workers", "1"]
    ran = run("tune", "mine.txt", *said, *quick)
    assert f"fedmf train mine.txt {shlex.join(said[:6])} --header --scale 0:5" in ran.text
    assert "--not-rated 9 --not-rated '' --factors 1" in ran.text
    met = run("tune", "mine.txt", *said[:4], "--rating-column", "none", *quick)
    assert "interactions, which method implicit is for" in met.error
    assert "NDCG@10 of the best" in met.text


def test_scikit_learn_s_tools_take_the_adapter(ratings: Ratings) -> None:
    pairs = np.array(
        [
            (ratings.user_ids[u], ratings.item_ids[i])
            for u, i in zip(ratings.users, ratings.items, strict=True)
        ]
    )
    estimator = RatingEstimator(scale=(0.5, 5), protection="none", factors=2, **QUICK)
    copy = clone(estimator)
    assert copy is not estimator
    assert copy.get_params() == estimator.get_params()
    scores = folds_of_sklearn(estimator, pairs, ratings.values, cv=3)["test_score"]
    assert np.all((scores > -2) & (scores < -0.5))
    grid = GridSearchCV(estimator, {"factors": [1, 2]}, cv=2).fit(pairs, ratings.values)
    assert grid.best_params_["factors"] in (1, 2)
    assert grid.predict(pairs[:3]).shape == (3,)


def test_the_adapter_knows_no_more_than_the_recommender(ratings: Ratings) -> None:
    pairs = [
        (ratings.user_ids[u], ratings.item_ids[i])
        for u, i in zip(ratings.users, ratings.items, strict=True)
    ]
    estimator = RatingEstimator(scale=(0.5, 5), protection="none", factors=2, **QUICK)
    estimator.fit(pairs, ratings.values)
    users, items = zip(*pairs, strict=True)
    table = pa.table({"user": users, "item": items, "rating": ratings.values})
    model = FederatedRecommender(protection="none", factors=2, **QUICK)
    model.fit(load_ratings(table, scale=(0.5, 5)))
    assert estimator.predict(pairs[:5]) == pytest.approx(
        [model.predict(user, item) for user, item in pairs[:5]]
    )
    assert estimator.predict([("nobody", pairs[0][1])]) == pytest.approx(ratings.values.mean())
    everything = estimator.predict(pairs)
    error = np.sqrt(np.mean((everything - ratings.values) ** 2))
    assert estimator.score(pairs, ratings.values) == pytest.approx(-error)
    swapped = pd.DataFrame([(0, item, float(user)) for user, item in pairs[:5]])
    swapped.columns = pd.Index(["place", "movieId", "userId"])
    assert estimator.predict(swapped).tolist() == estimator.predict(pairs[:5]).tolist()
    with pytest.raises(DataError, match="two columns, user and item"):
        estimator.predict(pairs[0])
    with pytest.raises(DataError, match=r"y is of shape \(3,\)"):
        estimator.fit(pairs, ratings.values[:3])
