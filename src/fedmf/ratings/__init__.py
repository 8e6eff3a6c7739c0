"""What participants own: rating tables, where they come from, and how they are split.

`load_ratings` is the one door for ratings from outside. It checks everything, reports all
problems of one input together, and returns an immutable `Ratings` table that keeps the original
identifiers beside dense internal codes. Nothing in this package knows a model or a key.
"""

from fedmf.ratings.bundled import BUNDLED_NAMES
from fedmf.ratings.identifiers import Id, codes_by_text, id_text, ids_from_texts
from fedmf.ratings.loading import (
    load_fold_in_ratings,
    load_one_user,
    load_ratings,
    read_ratings,
)
from fedmf.ratings.owned import OwnedRatings
from fedmf.ratings.reading import AS_GUESSED, Guess, Reading
from fedmf.ratings.scale import RatingScale
from fedmf.ratings.table import Ratings

__all__ = [
    "AS_GUESSED",
    "BUNDLED_NAMES",
    "Guess",
    "Id",
    "OwnedRatings",
    "RatingScale",
    "Ratings",
    "Reading",
    "codes_by_text",
    "id_text",
    "ids_from_texts",
    "load_fold_in_ratings",
    "load_one_user",
    "load_ratings",
    "read_ratings",
]
