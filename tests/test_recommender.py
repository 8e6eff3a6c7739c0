import ast
import copy
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import fedmf
from fedmf import FederatedRecommender, Ratings, load_ratings
from fedmf.crypto.paillier import PrivateKey
from fedmf.errors import DataError, ModelFileError, SettingsError, UnknownNameError


@pytest.fixture(scope="module")
def split() -> tuple[Ratings, Ratings]:
    return load_ratings("movielens-small").take(users=30, items=40).split(0.2, seed=0)


@pytest.fixture(scope="module")
def fitted(split: tuple[Ratings, Ratings]) -> FederatedRecommender:
    return plain().fit(split[0], heldout=split[1])


def plain() -> FederatedRecommender:
    return FederatedRecommender(protection="none", factors=4, rounds=6, workers=1)


def test_protected_and_plain_models_are_the_same(split: tuple[Ratings, Ratings]) -> None:
    models = [
        FederatedRecommender(
            protection=protection, key_bits=2048, silos=3, factors=3, rounds=2, workers=1
        ).fit(split[0])
        for protection in ("none", "paillier")
    ]
    np.testing.assert_array_equal(models[0].model.item_factors, models[1].model.item_factors)
    np.testing.assert_array_equal(models[0].model.user_factors, models[1].model.user_factors)


def test_errors_of_every_round_are_on_record(
    fitted: FederatedRecommender, split: tuple[Ratings, Ratings]
) -> None:
    assert fitted.result is not None
    errors = [record.rmse for record in fitted.result.rounds]
    assert errors[-1] < errors[0]
    evaluation = fitted.evaluate(split[1])
    assert evaluation.rmse.value == pytest.approx(errors[-1])
    assert evaluation.ratings == len(split[1])
    assert evaluation.users == len(np.unique(split[1].users))


def test_predictions_and_recommendations_agree(
    fitted: FederatedRecommender, split: tuple[Ratings, Ratings]
) -> None:
    user = split[0].user_ids[3]
    best = fitted.recommend(user, n=5)
    predicted = [fitted.predict(user, one.item) for one in best]
    assert [one.score for one in best] == pytest.approx(predicted, rel=1e-12)
    assert best[0].title == split[0].titles[best[0].item]
    rated = {split[0].item_ids[code] for code in split[0].owned_by([3]).items}
    assert rated.isdisjoint(one.item for one in best)


def test_predictions_say_how_sure_they_are(
    fitted: FederatedRecommender, split: tuple[Ratings, Ratings]
) -> None:
    user, item = split[0].user_ids[3], split[0].item_ids[5]
    likely, certain = (fitted.predict_one(user, item, p) for p in (0.5, 0.99))
    assert likely.value == certain.value == fitted.predict(user, item)
    assert certain.low is not None
    assert likely.low is not None
    assert likely.high is not None
    assert certain.high is not None
    assert certain.low <= likely.low < likely.value < likely.high <= certain.high
    best = fitted.recommend(user, 1)[0]
    assert best.low == pytest.approx(fitted.predict_one(user, best.item).low)
    newcomer = fitted.fold_in([(item, 4.0)])
    found = newcomer.predict_one(item, 0.5)
    assert found.low is not None
    assert found.low < newcomer.predict(item)
    with pytest.raises(SettingsError, match="strictly between 0 and 1"):
        fitted.predict_one(user, item, 1.0)


def test_point_estimates_do_not_claim_to_be_sure(split: tuple[Ratings, Ratings]) -> None:
    model = FederatedRecommender(protection="none", method="sgd", factors=3, rounds=2, workers=1)
    best = model.fit(split[0]).recommend(split[0].user_ids[0], 1)[0]
    assert (best.low, best.high) == (None, None)


def test_a_loaded_model_needs_no_training_data(
    fitted: FederatedRecommender, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "model")
    loaded = FederatedRecommender.load(tmp_path / "model")
    user = fitted.model.user_ids[0]
    assert loaded.recommend(user, 5) == fitted.recommend(user, 5)
    new = [(item, 4.0) for item in loaded.model.item_ids[:3]]
    assert loaded.fold_in(new).recommend(3) == fitted.fold_in(new).recommend(3)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_frames_are_welcome(make: type) -> None:
    frame = make(
        {
            "user": ["a", "a", "b", "b", "c"],
            "item": [1, 2, 1, 3, 2],
            "rating": [5.0, 1.0, 4.0, 2.0, 3.0],
        }
    )
    model = plain().fit(frame)
    assert model.recommend("c", 2)[0].item in (1, 3)
    with pytest.raises(DataError, match="trained on all of these"):
        model.evaluate(frame)


def test_evaluating_strangers_says_what_to_do(fitted: FederatedRecommender) -> None:
    strangers = pd.DataFrame({"user": ["x"], "item": ["y"], "rating": [3.0]})
    with pytest.raises(DataError, match="folded in"):
        fitted.evaluate(strangers)


def test_one_user_alone_has_no_interval(
    fitted: FederatedRecommender, split: tuple[Ratings, Ratings]
) -> None:
    rated = set(split[0].owned_by([0]).items.tolist())
    item = next(one for code, one in enumerate(split[0].item_ids) if code not in rated)
    user = split[0].user_ids[0]
    one = pd.DataFrame({"user": [user], "item": [item], "rating": [3.0]})
    found = fitted.evaluate(one)
    assert found.rmse.value == pytest.approx(abs(3.0 - fitted.predict(user, item)))
    assert np.isnan(found.rmse.low)
    assert found.rmse.n == 1


def test_ratings_that_were_trained_on_are_left_out(
    fitted: FederatedRecommender, split: tuple[Ratings, Ratings]
) -> None:
    everything = load_ratings("movielens-small").take(users=30, items=40)
    found = fitted.evaluate(everything)
    assert found.rmse.value == pytest.approx(fitted.evaluate(split[1]).rmse.value)
    assert f"{len(split[0]):,} ratings are of pairs that the model was trained on" in found.notes[0]


def test_a_loaded_recommender_knows_its_settings(
    fitted: FederatedRecommender, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "model")
    loaded = FederatedRecommender.load(tmp_path / "model")
    assert (loaded.settings.method, loaded.settings.factors) == ("bayes", 4)


def test_held_out_ratings_of_another_table_are_refused(split: tuple[Ratings, Ratings]) -> None:
    other = load_ratings("movielens-small").take(users=10, items=40).split(0.2)[1]
    with pytest.raises(DataError, match="other part of the split"):
        plain().fit(split[0], heldout=other)


def test_results_do_not_print_vectors(fitted: FederatedRecommender) -> None:
    assert "array" not in repr(fitted.result)


@pytest.mark.parametrize("workers", [0, -1, 1.0, "2"])
def test_workers_that_are_no_number_of_processes_are_refused(workers: object) -> None:
    with pytest.raises(SettingsError, match="workers"):
        FederatedRecommender(workers=workers)  # type: ignore[arg-type]


def test_mistakes_are_named(fitted: FederatedRecommender) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'rounds'"):
        FederatedRecommender(round=3)
    with pytest.raises(SettingsError, match="rounds"):
        FederatedRecommender(rounds=0)
    with pytest.raises(ModelFileError, match="call fit"):
        FederatedRecommender().recommend(1)
    with pytest.raises(UnknownNameError, match="unknown item"):
        fitted.predict(fitted.model.user_ids[0], "no such film")


def test_what_it_prints_names_no_ratings(fitted: FederatedRecommender) -> None:
    assert "protection='none'" in repr(fitted)
    assert f"{len(fitted.model.user_ids)} users" in repr(fitted)
    assert "array" not in repr(fitted)
    assert "not fitted" in repr(FederatedRecommender())


def test_everything_public_is_exported_and_found() -> None:
    tree = ast.parse(Path(fedmf.__file__).read_text("utf-8"))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("fedmf.")
        for alias in node.names
    }
    assert imported == set(fedmf.__all__) == {name for name in dir(fedmf) if name[0] != "_"}
    for name in fedmf.__all__:
        assert getattr(fedmf, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Rating'"):
        _ = fedmf.Rating  # type: ignore[attr-defined]


def test_keys_are_neither_pickled_nor_printed(weak_key: PrivateKey) -> None:
    for act in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            act(weak_key)
    assert weak_key.numbers.p.digits(16) not in repr(weak_key) + str(vars(type(weak_key)))
