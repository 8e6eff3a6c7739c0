"""How good recommended lists are: full ranking, binary relevance, one number per user.

Lists are meant to be ranked among *all* items that a user has not rated in training; ranking
among a sample of them can order methods wrongly (Krichene and Rendle, "On Sampled Metrics for
Item Recommendation", KDD 2020).

Functions of quality take the same two arguments. `ranked` holds the recommended item codes, best
first, as (users, length) or, for a single user, as (length,); where a user has fewer candidates,
the row ends in -1. `relevant` holds one array per user, in the order of the rows of `ranked`: the
codes of the items that the user really chose, in any order. A user without any has no defined
quality, so the caller leaves such users out instead of having them counted as 0 or 1 here.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from fedmf.errors import DataError, SettingsError
from fedmf.evaluation._checks import CodeArray, FloatArray, refuse


def ndcg_at(k: int, ranked: CodeArray, relevant: Sequence[CodeArray]) -> FloatArray:
    """Normalised discounted cumulative gain of the first `k` places, 0 to 1, float64 (users,).

    A relevant item in place p (from 1) gains ``1 / log2(p + 1)``; the sum is divided by that of
    an ideal list, which has relevant items in its first ``min(k, number of relevant items)``
    places. Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS
    20(4), 2002; the discount that also tells the first two places apart is the one of Burges et
    al., "Learning to rank using gradient descent", ICML 2005.

    Parameters
    ----------
    k
        Number of places that count.
    ranked
        Recommended item codes, integers (users, length) or (length,), with length >= k.
    relevant
        Codes of the relevant items, one array for each user.

    Raises
    ------
    DataError
        If lists and relevant items do not fit together, repeat an item, or are empty.
    SettingsError
        If `k` is smaller than 1.
    """
    hits, sizes = _judge(k, ranked, relevant)
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    # Both sums run from the first place to the last: an ideal list then scores exactly 1, and
    # because rounding is monotone, no list scores more.
    gains = np.cumsum(hits * discounts, axis=1)[:, -1]
    ideal = np.cumsum(discounts)[np.minimum(k, sizes) - 1]
    ndcg: FloatArray = gains / ideal
    return ndcg


def recall_at(k: int, ranked: CodeArray, relevant: Sequence[CodeArray]) -> FloatArray:
    """Share of relevant items that stand in the first `k` places, 0 to 1, float64 (users,).

    The divisor is the number of relevant items, as recall is defined, and not ``min(k, that
    number)``: a user with more than `k` relevant items cannot reach 1.

    Parameters and errors are those of `ndcg_at`.
    """
    hits, sizes = _judge(k, ranked, relevant)
    recall: FloatArray = hits.sum(axis=1) / sizes
    return recall


def hit_rate_at(k: int, ranked: CodeArray, relevant: Sequence[CodeArray]) -> FloatArray:
    """1 for users with a relevant item in the first `k` places, else 0; its mean is the hit rate.

    Parameters and errors are those of `ndcg_at`.
    """
    hits, _ = _judge(k, ranked, relevant)
    hit: FloatArray = hits.max(axis=1).astype(np.float64)
    return hit


def reciprocal_rank(ranked: CodeArray, relevant: Sequence[CodeArray]) -> FloatArray:
    """One over the place (from 1) of the first relevant item, 0 without any, float64 (users,).

    The mean over users is the MRR: Voorhees, "The TREC-8 question answering track report", 1999;
    of lists with ten places it is MRR@10.

    Parameters and errors are those of `ndcg_at`.
    """
    hits, _ = _judge(None, ranked, relevant)
    best: FloatArray = np.max(hits / np.arange(1, hits.shape[1] + 1), axis=1)
    return best


def novelty_at(k: int, ranked: CodeArray, raters: NDArray[np.integer], n_users: int) -> FloatArray:
    """Mean self-information of the items in the first `k` places: how unexpected a list is.

    An item that a share s of all users rated in training carries ``-log2(s)`` bits: Zhou et al.,
    "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS 107(10), 2010.
    An item that nobody rated would carry infinitely many; it counts as if one user had rated it.

    Parameters
    ----------
    k, ranked
        As of `ndcg_at`.
    raters
        Number of users who rated each item in training, integers (n_items,).
    n_users
        Number of users in training, those without a recommendation included.

    Returns
    -------
    float64 (users,)
        In bits, from 0 (everybody has rated all of them) to ``log2(n_users)``; NaN for a user to
        whom nothing is recommended.

    Raises
    ------
    DataError
        If a list repeats an item or is shorter than `k`, a code is not in the catalogue, or an
        item has fewer than 0 or more than `n_users` raters.
    SettingsError
        If `k` is smaller than 1.
    """
    places = _first_places(k, ranked)
    _check_catalogue(places, raters.size)
    if raters.size and not 0 <= raters.min() <= raters.max() <= n_users:
        raise DataError(f"raters must lie in 0..{n_users:,}: a user rates an item once at most")
    information = np.log2(n_users) - np.log2(np.maximum(raters, 1))
    filled = places >= 0
    totals = np.where(filled, information[places], 0.0).sum(axis=1)
    counts = filled.sum(axis=1)
    novelty = np.full(len(places), np.nan)
    np.divide(totals, counts, out=novelty, where=counts > 0)
    return novelty


def coverage_at(k: int, ranked: CodeArray, n_items: int) -> float:
    """Share of the catalogue that stands in the first `k` places of at least one user.

    Parameters
    ----------
    k, ranked
        As of `ndcg_at`.
    n_items
        Size of the catalogue; all codes are smaller.

    Returns
    -------
    float
        Between 0 and 1; catalogue coverage as in Ge, Delgado-Battenfeld and Jannach, "Beyond
        accuracy", RecSys 2010.

    Raises
    ------
    DataError
        If a list repeats an item or is shorter than `k`, or a code is not in the catalogue.
    SettingsError
        If `k` is smaller than 1.
    """
    places = _first_places(k, ranked)
    _check_catalogue(places, n_items)
    return np.unique(places[places >= 0]).size / n_items


def _check_catalogue(places: NDArray[np.int64], n_items: int) -> None:
    largest = max(int(places.max()), 0)
    if largest >= n_items:
        raise DataError(
            f"the catalogue of {n_items:,} items has no item code {largest:,}, and ranked does"
        )


def _judge(
    k: int | None, ranked: CodeArray, relevant: Sequence[CodeArray]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return which of the places are hits, (users, k), and how many items are relevant, (users,).

    All of `ranked` counts where `k` is None.
    """
    places = _first_places(k, ranked)
    refuse(_relevant_problems(len(places), relevant))
    sizes = np.array([len(items) for items in relevant])
    items = np.concatenate(relevant).astype(np.int64)
    # One number for each pair of user and item makes finding the hits one search for all users.
    width = max(items.max(), places.max()) + 1
    wanted = np.sort(np.repeat(np.arange(sizes.size), sizes) * width + items)
    refuse(_row_problems(wanted[1:][np.diff(wanted) == 0] // width, "relevant repeats an item"))
    offered = np.arange(sizes.size)[:, np.newaxis] * width + places
    found = wanted.take(np.searchsorted(wanted, offered), mode="clip") == offered
    # The filler -1 would otherwise pass for the last item of the user before.
    return found & (places >= 0), sizes


def _first_places(k: int | None, ranked: CodeArray) -> NDArray[np.int64]:
    if k is not None and k < 1:
        raise SettingsError(
            f"k is {k} and must be at least 1: it is the number of places that count"
        )
    lists = np.atleast_2d(ranked)
    if lists.ndim != 2 or lists.dtype.kind not in "iu" or not lists.size:
        raise DataError(
            "ranked must hold integers, one row for each user, and is an array of "
            f"{lists.dtype} with the shape {lists.shape}"
        )
    if k is not None and lists.shape[1] < k:
        raise DataError(
            f"ranked has {lists.shape[1]} places and k is {k}; rank more items, or fill up with "
            "-1 where there are no more candidates"
        )
    places = lists[:, :k].astype(np.int64)
    ordered = np.sort(places, axis=1)
    repeats = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    resumes = (places[:, :-1] < 0) & (places[:, 1:] >= 0)
    refuse(
        [
            *_row_problems(np.nonzero(repeats)[0], "ranked repeats an item"),
            *_row_problems(np.nonzero(resumes)[0], "ranked goes on after the filler -1"),
            *_row_problems(np.nonzero(places < -1)[0], "ranked holds a code below -1"),
        ]
    )
    return places


def _relevant_problems(n_users: int, relevant: Sequence[CodeArray]) -> Iterator[str]:
    if len(relevant) != n_users:
        yield f"ranked has {n_users:,} rows and relevant {len(relevant):,}; give one each per user"
    arrays = [np.asarray(items) for items in relevant]
    empty = np.flatnonzero([array.size == 0 for array in arrays])
    yield from _row_problems(empty, "relevant is empty; leave such users out")
    unfit = [
        bool(array.size)
        and (array.ndim != 1 or array.dtype.kind not in "iu" or bool(array.min() < 0))
        for array in arrays
    ]
    yield from _row_problems(np.flatnonzero(unfit), "relevant is no vector of item codes")


def _row_problems(rows: NDArray[np.int64], problem: str) -> Iterator[str]:
    if rows.size:
        yield f"{problem} (in {np.unique(rows).size:,} rows, the first is row {rows.min():,})"
