"""What participants own: rating tables, where they come from, and how they are split.

`load_ratings` is the one door for ratings from outside. It checks everything, reports all
problems of one input together, and returns an immutable `Ratings` table that keeps the original
identifiers beside dense internal codes. Nothing in this package knows a model or a key.
"""

from fedmf.ratings.bundled import BUNDLED_NAMES
from fedmf.ratings.identifiers import Id, codes_by_text
from fedmf.ratings.loading import load_fold_in_ratings, load_one_user, load_ratings
from fedmf.ratings.owned import OwnedRatings
from fedmf.ratings.scale import RatingScale
from fedmf.ratings.table import Ratings

__all__ = [
    "BUNDLED_NAMES",
    "Id",
    "OwnedRatings",
    "RatingScale",
    "Ratings",
    "codes_by_text",
    "load_fold_in_ratings",
    "load_one_user",
    "load_ratings",
]
