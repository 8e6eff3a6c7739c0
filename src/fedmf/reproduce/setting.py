"""The authors' setting: which ratings, which learning, and which schemes are held against theirs.

The bundled ratings stand in where the authors' are not at hand.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from fedmf.benchmarking.scheme import FACTORS, Scheme
from fedmf.crypto.paillier_numbers import WeakKeyWarning
from fedmf.federation import TrainingPlan, TrainingSettings
from fedmf.ratings import Ratings, load_ratings

AUTHORS_DATA = "ml-latest-small"
BUNDLED = "movielens-small"
USUAL_PLACES = (Path(), Path("data"), Path.home() / "data", Path.home())
"""Folders that are searched for `AUTHORS_DATA`, or its zip archive, unless a path is given."""
AUTHORS_RATINGS = 100_836
"""In the edition of September 2018, which the authors used."""
FIRST_USERS, LEAST_RATINGS, HELD_OUT = 10, 5, 3
PUBLISHED_ITEMS, PUBLISHED_USERS = 40, 7
LEARNING_RATE, REG = 1e-3, 1e-4
KEYS = (1024, 3072)
"""Bits of Paillier keys: the paper's size, and one that protects."""


@dataclass(frozen=True, slots=True)
class Source:
    """Ratings to run on."""

    ratings: Ratings
    """All of them."""
    is_the_authors: bool
    """Whether losses can be compared with the published ones."""

    def published_setting(self) -> tuple[Ratings, Ratings]:
        """Return training and held-out ratings as the authors chose theirs.

        The 40 most rated items; of the first 10 users those with 5 ratings of them, who are 7; the
        last 3 ratings of each user are held out. Of other ratings the first 7 such users.
        """
        first = FIRST_USERS if self.is_the_authors else None
        chosen = self.ratings.take(users=first, items=PUBLISHED_ITEMS, min_ratings=LEAST_RATINGS)
        return chosen.take(users=PUBLISHED_USERS).split(HELD_OUT, by="last")


def find_source(data: Path | None) -> Source:
    """Return the ratings of a path, of one of the usual places, or the bundled ones.

    Parameters
    ----------
    data
        Folder or archive; None: look for the authors' data set, and take the bundled ratings where
        it is not found.

    Raises
    ------
    DataError
        The path is missing, or its ratings cannot be read.
    """
    path = data if data is not None else _usual_place()
    ratings = load_ratings(BUNDLED if path is None else path)
    is_theirs = len(ratings) == AUTHORS_RATINGS and ratings.n_users == 610
    return Source(ratings, is_theirs)


def _usual_place() -> Path | None:
    for folder in USUAL_PLACES:
        for name in (AUTHORS_DATA, f"{AUTHORS_DATA}.zip"):
            if (folder / name).exists():
                return folder / name
    return None


def authors_plan(scheme: Scheme, upload: str, rounds: int, ratings: Ratings) -> TrainingPlan:
    """Return a training as the authors set it: d = 100, gamma = 1e-3, lambda = 1e-4, start 0.01."""
    settings = TrainingSettings(
        protection=scheme.protection,
        upload=upload,
        key_bits=scheme.key_bits,
        method="sgd",
        factors=FACTORS,
        rounds=rounds,
        learning_rate=LEARNING_RATE,
        reg=REG,
        start="constant",
        min_raters=1,
    )
    return TrainingPlan.make(settings, ratings, public_key=scheme.public_key)


def all_schemes() -> list[Scheme]:
    """Return the schemes with fresh keys, the paper's first."""
    with warnings.catch_warnings():
        # The paper's key size is weak, and the report says so.
        warnings.simplefilter("ignore", WeakKeyWarning)
        paillier = [Scheme.fresh("paillier", f"paillier {bits}", key_bits=bits) for bits in KEYS]
    return [*paillier, Scheme.fresh("rlwe"), Scheme.fresh("committee")]
