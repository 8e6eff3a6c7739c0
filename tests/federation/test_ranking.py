import numpy as np
import pytest

from fedmf.evaluation import evaluate_model
from fedmf.federation import TrainingSettings, make_plan, train_locally, trained_model
from fedmf.federation.ranking import NO_RANKING, SummedRankings, rank
from fedmf.federation.table_codec import TableCodec
from fedmf.model import PublicModel
from fedmf.ratings import OwnedRatings, load_ratings


def owned(starts: list[int], items: list[int]) -> OwnedRatings:
    return OwnedRatings(
        np.arange(len(starts) - 1, dtype=np.int32),
        np.array(starts),
        np.array(items, dtype=np.int32),
        np.ones(len(items)),
    )


def test_held_out_items_are_ranked_among_all_that_were_not_rated() -> None:
    public = PublicModel(np.arange(20, dtype=float)[:, np.newaxis])
    vectors = np.array([[1.0], [1.0], [1.0]])
    training, heldout = owned([0, 2, 2, 2], [19, 17]), owned([0, 1, 2, 2], [16, 3])
    # User 0: 18 comes first and 16 second, since 19 and 17 were rated. User 1: 3 is not among ten.
    found = rank(public, vectors, training, heldout)
    assert (found.hits, found.users) == (1.0, 2)
    assert found.ndcg == pytest.approx(1 / np.log2(3))
    assert found.hr_at_10 == 0.5
    assert rank(public, vectors[:1], owned([0, 0], []), owned([0, 0], [])) == NO_RANKING
    assert np.isnan(NO_RANKING.ndcg_at_10)


@pytest.mark.parametrize("users", [1, 610, 2_000_000])
def test_rows_come_back_to_the_nearest_step(users: int) -> None:
    public = PublicModel(np.arange(20, dtype=float)[:, np.newaxis])
    summed = SummedRankings(users)
    codec = TableCodec([summed.group], users)
    row = summed.row(public, np.ones((1, 1)), owned([0, 0], []), owned([0, 1], [18]))
    back = summed.from_row(
        codec.decode_contribution(codec.encode_contribution({"errors": row}, users=1))[
            "errors"
        ].values
    )
    assert back.ndcg == pytest.approx(1 / np.log2(3), abs=2**-8)
    assert (back.hits, back.users) == (1.0, 1.0)
    assert codec.shape.groups[0].word_bits <= 31


def test_the_table_sums_the_rankings_of_the_model_before_the_round() -> None:
    training, heldout = load_ratings("movielens-small").take(users=40, items=80).split(0.2, seed=1)
    settings = TrainingSettings(protection="none", method="implicit", factors=8, rounds=3)
    plan, key = make_plan(settings, training, measured=True)
    result = train_locally(plan, key, training, heldout)
    outside = [record.ndcg_at_10 for record in result.rounds]
    summed = [record.summed_ndcg_at_10 for record in result.rounds]
    np.testing.assert_allclose(summed[1:], outside[:-1], rtol=1e-3)
    assert all(np.isnan([record.rmse, record.summed_rmse]).all() for record in result.rounds)
    found = evaluate_model(trained_model(result, training, heldout), heldout)
    assert found.ndcg_at_10.value == pytest.approx(outside[-1])
    assert found.hr_at_10.value == pytest.approx(result.rounds[-1].hr_at_10)
    assert np.isnan(found.rmse.value)
