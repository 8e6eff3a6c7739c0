"""What one participant owns: the ratings of one user, or of the many users of a silo.

Ratings are in arrays that nobody can change by accident.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


def frozen(values: npt.ArrayLike, dtype: type[np.generic]) -> npt.NDArray[Any]:
    """Return `values` as a read-only, contiguous, one-dimensional array of `dtype`.

    An array that is still writeable is copied, so that the caller's own array stays writeable and
    later changes to it cannot reach the copy.
    """
    array = np.ascontiguousarray(values, dtype=dtype)
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class OwnedRatings:
    """The ratings of the users of one participant, user after user, each in time order.

    The ratings of the k-th user stand at ``starts[k]:starts[k + 1]`` of `items` and `values`.
    """

    users: npt.NDArray[np.int32]
    """User codes in the order they were asked for, int32, shape (u,)."""
    starts: npt.NDArray[np.int64]
    """Where each user's ratings start, int64, shape (u + 1,); the last entry is n."""
    items: npt.NDArray[np.int32]
    """Item codes, int32, shape (n,)."""
    values: npt.NDArray[np.float64]
    """Ratings in their own scale, float64, shape (n,)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "users", frozen(self.users, np.int32))
        object.__setattr__(self, "starts", frozen(self.starts, np.int64))
        object.__setattr__(self, "items", frozen(self.items, np.int32))
        object.__setattr__(self, "values", frozen(self.values, np.float64))

    @classmethod
    def gathered(
        cls,
        users: npt.NDArray[np.int64],
        rows: npt.NDArray[np.int64],
        starts: npt.NDArray[np.int64],
        items: npt.NDArray[np.int32],
        values: npt.NDArray[np.float64],
    ) -> OwnedRatings:
        """Gather what some users own out of a table.

        `rows` are row numbers of the table grouped by user from `starts`, in time order.
        """
        counts = starts[users + 1] - starts[users]
        own_starts = np.concatenate(([0], np.cumsum(counts)))
        # Position p of the result lies p - own_starts[k] places into the stretch of its user k.
        stretches = np.repeat(starts[users] - own_starts[:-1], counts)
        own = rows[np.arange(own_starts[-1]) + stretches]
        return cls(users.astype(np.int32), own_starts, items[own], values[own])

    def __len__(self) -> int:
        return len(self.values)

    @property
    def digest(self) -> bytes:
        """SHA-256 of all of it. Private: few ratings can be guessed from it."""
        arrays = (self.users, self.starts, self.items, self.values)
        return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).digest()

    # Ratings are private: a representation ends up in logs and tracebacks, so it shows sizes only.
    def __repr__(self) -> str:
        return f"OwnedRatings({len(self.users):,} users, {len(self):,} ratings)"

    def only(self, items: npt.NDArray[np.int64]) -> OwnedRatings:
        """Return the ratings of these item codes, of the same users."""
        kept = np.isin(self.items, items)
        before = np.concatenate(([0], np.cumsum(kept)))
        return OwnedRatings(self.users, before[self.starts], self.items[kept], self.values[kept])

    def user_slices(self) -> Iterator[slice]:
        """Yield where each user's ratings stand in `items` and `values`, user after user."""
        return map(slice, self.starts[:-1], self.starts[1:])

    @property
    def rated_items(self) -> npt.NDArray[np.int32]:
        """Item codes that at least one of these users rated, sorted and unique, int32."""
        return np.unique(self.items)
