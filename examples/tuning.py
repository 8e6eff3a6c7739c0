"""Choose settings in cross-validation, and measure the choice on ratings the search never saw."""

from __future__ import annotations

from fedmf import load_ratings, tune


def main() -> None:
    """Search over two settings on a sample: the first 60 users and the 100 most rated items."""
    sample = load_ratings("movielens-small").take(users=60, items=100)
    found = tune(sample, {"factors": [2, 8], "rounds": [3, 6]}, folds=2, silos=3, workers=1)
    for one in found.trials:
        print(f"{one.mean('rmse'):.4f}  {dict(one.chosen)}")
    print(f"test RMSE of the first: {found.test.rmse.value:.4f}")


if __name__ == "__main__":
    main()
