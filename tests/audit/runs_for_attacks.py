"""Small real runs, each played once for all tests."""

from __future__ import annotations

import functools
import warnings

from fedmf.audit.observables import Adversary
from fedmf.audit.runs import PlayedRun, play
from fedmf.federation import TrainingSettings
from fedmf.ratings import Ratings, load_ratings

SERVER, NETWORK = Adversary(server=True), Adversary(network=True)
PARTICIPANT = Adversary(participants=(0,))
WITH_PARTICIPANT = Adversary(server=True, participants=(0,))
FEWER_MEMBERS, T_MEMBERS = (Adversary(server=True, members=one) for one in ((0, 1), (0, 1, 2)))


@functools.cache
def ratings(users: int = 16, items: int = 160) -> Ratings:
    return load_ratings("movielens-small").take(users=users, items=items, min_ratings=4)


@functools.cache
def run(protection: str, method: str = "bayes", **changed: object) -> PlayedRun:
    chosen: dict[str, object] = {
        "factors": 6, "rounds": 2, "min_raters": 1, "key_bits": 1024, **changed
    }  # fmt: skip
    with warnings.catch_warnings():
        # A weak Paillier key: quick, and no attack here depends on it.
        warnings.simplefilter("ignore")
        settings = TrainingSettings(protection=protection, method=method, **chosen)  # type: ignore[arg-type]
        return play(settings, ratings())
