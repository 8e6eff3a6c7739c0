"""ranx, an independent implementation of the ranking metrics, as the oracle.

The lists come from scores with many ties, are shorter than the places asked for, or hold nothing
at all. How ties are broken is the recommender's matter and not the metrics': both sides get the
order that `best_items` made, ranx as strictly falling scores.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fedmf.evaluation import hit_rate_at, ndcg_at, recall_at, reciprocal_rank
from fedmf.model import PublicModel, best_items

# Compiling ranx's functions for each test run would take longer than to interpret them.
os.environ.setdefault("NUMBA_DISABLE_JIT", "1")
ranx = pytest.importorskip("ranx", reason="ranx, the oracle, is not installed")

USERS, ITEMS, PLACES = 60, 25, 10


@pytest.fixture(scope="module")
def lists() -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    rng = np.random.default_rng(7)
    ranked, relevant = np.full((USERS, PLACES), -1), []
    for user, row in enumerate(ranked):
        # Whole numbers from 0 to 3 tie often; users with many rated items have few left.
        public = PublicModel(rng.integers(0, 4, (ITEMS, 1)).astype(np.float64))
        rated = rng.choice(ITEMS, size=rng.integers(0, ITEMS + 1), replace=False)
        if user == 0:
            rated = np.arange(ITEMS)
        best = best_items(public, np.ones(1), rated.astype(np.int32), PLACES)
        row[: len(best)] = best
        relevant.append(rng.choice(ITEMS, size=rng.integers(1, ITEMS + 1), replace=False))
    return ranked, relevant


def by_ranx(
    measure: str, ranked: NDArray[np.int64], relevant: list[NDArray[np.int64]]
) -> NDArray[np.float64]:
    wanted = {f"{user:03d}": {str(item): 1 for item in one} for user, one in enumerate(relevant)}
    offered = {
        f"{user:03d}": {str(item): float(-place) for place, item in enumerate(row) if item >= 0}
        for user, row in enumerate(ranked)
    }
    values: Any = ranx.evaluate(
        ranx.Qrels(wanted), ranx.Run(offered), measure, return_mean=False, make_comparable=True
    )
    return np.asarray(values, dtype=np.float64)


def test_the_lists_have_short_and_empty_ones_among_them(
    lists: tuple[NDArray[np.int64], list[NDArray[np.int64]]],
) -> None:
    lengths = (lists[0] >= 0).sum(axis=1)
    assert lengths.min() == 0
    assert lengths.max() == PLACES
    assert ((lengths > 0) & (lengths < PLACES)).any()


@pytest.mark.parametrize("k", [1, 3, 10])
def test_ndcg_recall_and_hit_rate_are_those_of_ranx(
    k: int, lists: tuple[NDArray[np.int64], list[NDArray[np.int64]]]
) -> None:
    np.testing.assert_allclose(ndcg_at(k, *lists), by_ranx(f"ndcg@{k}", *lists))
    np.testing.assert_allclose(recall_at(k, *lists), by_ranx(f"recall@{k}", *lists))
    np.testing.assert_allclose(hit_rate_at(k, *lists), by_ranx(f"hit_rate@{k}", *lists))


def test_reciprocal_rank_of_ten_places_is_mrr_at_10_of_ranx(
    lists: tuple[NDArray[np.int64], list[NDArray[np.int64]]],
) -> None:
    np.testing.assert_allclose(reciprocal_rank(*lists), by_ranx("mrr@10", *lists))
