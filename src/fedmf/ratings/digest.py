"""A fingerprint of the content of a rating table, the same on every machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fedmf.ratings.identifiers import Id


def content_digest(
    user_ids: Sequence[Id],
    item_ids: Sequence[Id],
    users: npt.NDArray[np.int32],
    items: npt.NDArray[np.int32],
    values: npt.NDArray[np.float64],
    timestamps: npt.NDArray[np.int64] | None,
) -> str:
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
            user_ids,
            item_ids,
            len(values),
            timestamps is not None,
        ],
        ensure_ascii=False,
        separators=(",", ":"),
    )
    digest = hashlib.sha256(header.encode() + b"\n")
    digest.update(users.astype("<i4").tobytes())
    digest.update(items.astype("<i4").tobytes())
    digest.update(values.astype("<f8").tobytes())
    if timestamps is not None:
        digest.update(timestamps.astype("<i8").tobytes())
    return digest.hexdigest()
