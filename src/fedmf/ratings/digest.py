"""A fingerprint of the content of a rating table, the same on every machine."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fedmf.ratings.table import Ratings


def content_digest(ratings: Ratings) -> str:
    """Return the SHA-256 over identifiers, codes, ratings and times, in hexadecimal.

    The meaning of this digest must not change. It covers these bytes in this order:

    1. a header, one line of compact JSON in UTF-8 that ends in a line feed:
       ``["fedmf ratings 1", user_ids, item_ids, number of ratings, has timestamps]``;
    2. user codes and then item codes, int32 little-endian;
    3. ratings, float64 little-endian;
    4. timestamps in seconds, int64 little-endian, if there are any.

    The name, titles, scale and notes are left out: they change neither training nor its result.
    """
    header = json.dumps(
        [
            "fedmf ratings 1",
            ratings.user_ids,
            ratings.item_ids,
            len(ratings),
            ratings.timestamps is not None,
        ],
        ensure_ascii=False,
        separators=(",", ":"),
    )
    digest = hashlib.sha256(header.encode() + b"\n")
    digest.update(ratings.users.astype("<i4").tobytes())
    digest.update(ratings.items.astype("<i4").tobytes())
    digest.update(ratings.values.astype("<f8").tobytes())
    if ratings.timestamps is not None:
        digest.update(ratings.timestamps.astype("<i8").tobytes())
    return digest.hexdigest()
