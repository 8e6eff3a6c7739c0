"""Three organisations train one recommender under FedMF; nobody sees another's ratings."""

from __future__ import annotations

from fedmf import FederatedRecommender, load_ratings


def main() -> None:
    """Train, compare with no protection, and serve a customer who was not there."""
    ratings = load_ratings("movielens-small").take(users=60, items=50)
    train, test = ratings.split(holdout=0.2, seed=0)
    model = FederatedRecommender(protection="paillier", silos=3, factors=8).fit(train)
    plain = FederatedRecommender(protection="none", silos=3, factors=8).fit(train)
    assert model.result is not None
    assert plain.result is not None
    print(f"same table, bit for bit: {model.result.table_sha256 == plain.result.table_sha256}")
    print(f"held-out RMSE: {model.evaluate(test).rmse.value:.3f}")

    newcomer = model.fold_in(dict.fromkeys(train.item_ids[:3], 5.0))
    for one in newcomer.recommend(n=3):
        print(f"{one.score:.2f}  {one.title}, because of {newcomer.explain(one.item)[0].title}")


if __name__ == "__main__":
    main()
