import ast
import copy
import pickle
import sys
from dataclasses import fields
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import fedmf
from fedmf import FederatedRecommender, Ratings, load_ratings
from fedmf.crypto.paillier import PrivateKey
from fedmf.errors import DataError, ModelFileError, SettingsError, UnknownNameError
from fedmf.federation import TrainingSettings


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


def test_notebooks_show_tables_and_terminals_a_line(
    fitted: FederatedRecommender, split: tuple[Ratings, Ratings]
) -> None:
    evaluation = fitted.evaluate(split[1])
    low, value = evaluation.rmse.low, evaluation.rmse.value
    assert f"RMSE {value:.4f} ({low:.4f} to " in repr(evaluation)
    assert fitted.result is not None
    assert repr(fitted.result).startswith("TrainingResult(bayes, none: 6 rounds, RMSE 0.")
    for shown, text in (
        (evaluation, "most rated items first"),
        (fitted.result, "NDCG@10"),
        (split[0], "movielens-small"),
    ):
        assert "\n" not in repr(shown)
        assert len(repr(shown)) < 400
        assert text in shown._repr_html_()
    assert str(split[0].values[0]) not in split[0]._repr_html_().replace(str(split[0].scale), "")


def test_results_do_not_print_vectors(fitted: FederatedRecommender) -> None:
    assert "array" not in repr(fitted.result)


def test_parameters_are_the_settings_with_the_same_defaults() -> None:
    own = FederatedRecommender().get_params()
    assert own.pop("workers") is None
    assert own == {one.name: one.default for one in fields(TrainingSettings)}


def test_parameters_can_be_changed_all_or_none() -> None:
    model = FederatedRecommender(factors=np.int64(5), reg=None)  # type: ignore[arg-type]
    assert type(model.get_params()["factors"]) is int
    assert model.set_params(method="sgd", reg=np.float32(0.5), workers=2) is model
    assert model.settings.as_json()["reg"] == 0.5
    before = model.get_params()
    with pytest.raises(SettingsError, match="rounds"):
        model.set_params(factors=7, rounds=0)
    assert model.get_params() == before
    assert FederatedRecommender(**before).get_params() == before


def test_a_callback_sees_every_round_and_may_end_the_training(
    split: tuple[Ratings, Ratings], capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[int] = []
    model = plain().fit(split[0], heldout=split[1], callback=lambda one: seen.append(one.round))
    assert seen == list(range(7))
    assert capsys.readouterr().err == ""

    def enough(_: object) -> None:
        raise StopIteration

    other = model.set_params(factors=2)
    with pytest.raises(StopIteration):
        other.fit(split[0], callback=enough)
    assert other.model.method.factors == 4


def test_a_bar_is_shown_on_request(
    split: tuple[Ratings, Ratings], capsys: pytest.CaptureFixture[str]
) -> None:
    plain().fit(split[0], heldout=split[1], progress=True)
    assert "6/6 rounds RMSE" in capsys.readouterr().err


def test_a_notebook_gets_a_bar_that_needs_no_widgets(
    split: tuple[Ratings, Ratings], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    shell = type("ZMQInteractiveShell", (), {})()
    handle = SimpleNamespace(update=shown.append)
    ipython = ModuleType("IPython")
    ipython.get_ipython = lambda: shell  # type: ignore[attr-defined]
    paper = ModuleType("IPython.display")
    paper.HTML = str  # type: ignore[attr-defined]
    paper.display = lambda *_, **__: handle  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", paper)
    plain().fit(split[0])
    assert [f"round {k} of 6" in one for k, one in enumerate(shown)] == [True] * 7
    plain().fit(split[0], progress=False)
    assert len(shown) == 7


def test_predictions_come_in_batches(
    fitted: FederatedRecommender, split: tuple[Ratings, Ratings]
) -> None:
    test = split[1]
    users = [test.user_ids[code] for code in test.users]
    items = np.array([test.item_ids[code] for code in test.items])
    batch = fitted.predict(users, items)
    assert batch[0] == fitted.predict(users[0], items[0])
    rmse = float(np.sqrt(np.mean((batch - test.values) ** 2)))
    assert rmse == pytest.approx(fitted.evaluate(test).rmse.value)
    of_one = fitted.predict(np.int64(users[0]), pd.Series(items[:3]))  # type: ignore[call-overload]
    assert of_one.tolist() == [fitted.predict(users[0], item) for item in items[:3]]
    with pytest.raises(DataError, match="2 users and 3 items"):
        fitted.predict(users[:2], items[:3])
    with pytest.raises(UnknownNameError, match="unknown user 'x'"):
        fitted.predict([users[0], "x"], items[0])
    with pytest.raises(UnknownNameError, match="unknown user 'None'"):
        fitted.predict(None, items[0])  # type: ignore[call-overload]


def test_whole_floats_are_ids_as_frames_with_gaps_have_them(fitted: FederatedRecommender) -> None:
    user, item = fitted.model.user_ids[0], fitted.model.item_ids[0]
    asked: Any = float(user), np.float32(item)
    assert fitted.predict(*asked) == fitted.predict(user, item)
    assert fitted.similar_items(asked[1]) == fitted.similar_items(item)
    assert fitted.recommend_all(1, users=asked[0])["user"].to_pylist() == [user]
    with pytest.raises(SettingsError, match=r"at least 1, not 2\.5"):
        fitted.recommend(user, 2.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow"])
def test_everybody_s_recommendations_make_a_table(
    fitted: FederatedRecommender, tmp_path: Path, ending: str
) -> None:
    file = tmp_path / f"best.{ending}"
    users = fitted.model.user_ids[:4]
    table = fitted.recommend_all(3, users=users, file=file)
    rows = [(user, one.item, one.score) for user in users for one in fitted.recommend(user, 3)]
    columns = (table[name].to_pylist() for name in ("user", "item", "score"))
    assert list(zip(*columns, strict=True)) == rows
    assert table["rank"].to_pylist() == [1, 2, 3] * 4
    name = {"csv": "read_csv", "parquet": "read_parquet", "arrow": "read_ipc"}[ending]
    assert getattr(pl, name)(file).select(table.column_names).rows() == list(
        zip(*table.to_pydict().values(), strict=True)
    )


def test_tables_of_unknown_kinds_are_refused(fitted: FederatedRecommender, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"\.csv, \.parquet, \.arrow"):
        fitted.recommend_all(3, file=tmp_path / "best.xls")
    assert not list(tmp_path.iterdir())


def test_similar_items_are_those_whose_factors_point_the_same_way(
    fitted: FederatedRecommender,
) -> None:
    factors = fitted.model.item_factors[:, :4]
    item = fitted.model.item_ids[2]
    found = fitted.similar_items(item, 5)
    lengths = np.linalg.norm(factors, axis=1)
    cosines = factors @ factors[2] / lengths / lengths[2]
    expected = np.argsort(-cosines)[1:6]
    assert [one.item for one in found] == [fitted.model.item_ids[code] for code in expected]
    assert [one.similarity for one in found] == pytest.approx(cosines[expected].tolist())


def test_new_users_come_as_a_dict_a_frame_or_pairs(fitted: FederatedRecommender) -> None:
    items = fitted.model.item_ids[:3]
    pairs = list(zip(items, (5.0, 1.0, 4.0), strict=True))
    frame = {"item": list(items), "rating": [5.0, 1.0, 4.0]}
    expected = fitted.fold_in(pairs).recommend(4)
    forms = (dict(pairs), pd.Series(dict(pairs)), list(map(list, pairs)), iter(pairs))
    for given in (*forms, pd.DataFrame(frame), pl.DataFrame(frame), tuple(pairs)):
        assert fitted.fold_in(given).recommend(4) == expected
    for wrong, said in ((None, "rating None of item"), ("5", "rating '5' of item")):
        with pytest.raises(DataError, match=said):
            fitted.fold_in({items[0]: wrong})
    with pytest.raises(DataError, match=r"give \(item, rating\)"):
        fitted.fold_in([(1, items[0], 5.0)])


def test_reasons_are_what_a_prediction_loses_without_a_rating(
    fitted: FederatedRecommender, split: tuple[Ratings, Ratings], tmp_path: Path
) -> None:
    train, code = split[0], 3
    own = train.owned_by([code])
    user, item = train.user_ids[code], fitted.recommend(train.user_ids[code], 1)[0].item
    reasons = fitted.explain(user, item, n=100)
    assert len(reasons) == len(own)
    effects = [abs(one.effect) for one in reasons]
    assert effects == sorted(effects, reverse=True)
    rest = {train.item_ids[k]: v for k, v in zip(own.items, own.values, strict=True)}
    assert reasons[0].rating == rest.pop(reasons[0].item)
    vector = fitted.model.item_factors[train.item_code(item)]
    with_all = vector @ fitted.model.user_factors[code]
    without = vector @ fitted.fold_in(rest).factors
    # The closed form holds the noise and the prior of the user, which the rating moves a little.
    assert reasons[0].effect == pytest.approx(with_all - without, rel=0.3)
    fitted.save(tmp_path / "model")
    with pytest.raises(ModelFileError, match=r"fold_in\(ratings\)\.explain"):
        FederatedRecommender.load(tmp_path / "model").explain(user, item)


@pytest.mark.parametrize("workers", [0, -1, 1.0, "2"])
def test_workers_that_are_no_number_of_processes_are_refused(workers: object) -> None:
    with pytest.raises(SettingsError, match="workers"):
        FederatedRecommender(workers=workers)  # type: ignore[arg-type]


def test_mistakes_are_named(fitted: FederatedRecommender) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'rounds'"):
        FederatedRecommender().set_params(round=3)
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


def test_rankings_by_recency() -> None:
    training, heldout = load_ratings("movielens-small").take(60, 80).split(0.2, by="last")
    chosen: dict[str, Any] = {"method": "implicit", "rounds": 3, "factors": 8, "workers": 1}
    chosen["protection"] = "none"
    recent = FederatedRecommender(**chosen).fit(training)
    plain = FederatedRecommender(**chosen, recency=0).fit(training)
    assert recent.settings.recency is None
    user = training.user_ids[3]
    assert recent.recommend(user) != plain.recommend(user)
    assert recent.recommend(user, recency=0) == plain.recommend(user)
    assert recent.evaluate(heldout, recency=0).ndcg_at_10 == plain.evaluate(heldout).ndcg_at_10
    met = [item for item, _ in training.where(training.users == 3).in_turn()]
    assert recent.fold_in(met, in_order=True).recommend() == recent.recommend(user)
    assert recent.fold_in(met).recommend() == plain.recommend(user)
    reasons = recent.explain(user, recent.recommend(user, 1)[0].item)
    assert {one.rating for one in reasons} <= set(training.values)
