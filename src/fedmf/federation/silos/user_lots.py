"""Which changes of its users' ratings a silo lets travel: those of enough users together.

A committee of few silos lets each of them renew alone, so that partners read the change of a silo:
a sum over those of its users whose ratings have changed. The silo itself sees to it that these are
many. It keeps the ratings that it takes part with in a file of its own, beside those that it owns.
"""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fedmf.federation.silos.silo_ratings import SiloRatings
from fedmf.ratings import OwnedRatings
from fedmf.store.arrays import read_arrays
from fedmf.store.atomic import write_file
from fedmf.store.faults import reading

TRAVELLING = "travelling.npz"
_FIELDS = ("users", "starts", "items", "values")
_Cells = dict[int, float]
"""Item -> rating of one user, in time order."""


@dataclass(frozen=True, slots=True)
class UserLots:
    """How many users a change of ratings takes, within one federation."""

    federation: bytes
    """Digest of its file: what was kept under another one has other codes of items."""
    users: int
    """Fewer users whose ratings have changed wait for others."""
    raters: int
    """Of an item fewer users whose ratings of it have changed wait for others."""

    def travelling(self, folder: Path, owned: SiloRatings) -> SiloRatings:
        """Return the ratings that a silo takes part with, and keep them in its folder.

        Parameters
        ----------
        owned
            What it owns now.

        Raises
        ------
        RunDirectoryError
            The file is damaged, or cannot be written.
        """
        path = folder / TRAVELLING
        if not path.exists():
            return self._kept(path, owned)
        with reading(path):
            arrays = read_arrays(path)
            if arrays["federation"].tobytes() != self.federation:
                return self._kept(path, owned)
            before = OwnedRatings(*(arrays[f"training_{name}"] for name in _FIELDS))
            heldout = OwnedRatings(*(arrays[f"heldout_{name}"] for name in _FIELDS))
        training = self.let_through(before, owned.training)
        if training is before:
            return replace(owned, training=before, heldout=heldout)
        return self._kept(
            path, replace(owned, training=training, heldout=_unlike(owned.heldout, training))
        )

    def let_through(self, before: OwnedRatings, now: OwnedRatings) -> OwnedRatings:
        """Return the ratings with those changes that enough users share; `before` if none are."""
        if now.digest == before.digest:
            return before
        old, new = _cells(before), _cells(now)
        changed = [
            {item for item in was.keys() | cells.keys() if was.get(item) != cells.get(item)}
            for was, cells in zip(old, new, strict=True)
        ]
        behind = Counter(item for items in changed for item in items)
        passing = [{item for item in items if behind[item] >= self.raters} for items in changed]
        if sum(map(bool, passing)) < self.users:
            return before
        merged = [
            _merged(was, cells, items - passes)
            for was, cells, items, passes in zip(old, new, changed, passing, strict=True)
        ]
        return _owned(now, merged)

    def _kept(self, path: Path, ratings: SiloRatings) -> SiloRatings:
        arrays = {
            f"{kind}_{name}": getattr(owned, name)
            for kind, owned in (("training", ratings.training), ("heldout", ratings.heldout))
            for name in _FIELDS
        }
        content = io.BytesIO()
        np.savez(content, federation=np.frombuffer(self.federation, np.uint8), **arrays)
        write_file(path, content.getvalue(), private=True)
        return ratings


def _merged(old: _Cells, new: _Cells, waiting: set[int]) -> _Cells:
    """Return new ratings, with the old ones where a change waits."""
    kept = {item: value for item, value in old.items() if item in waiting and item not in new}
    for item, value in new.items():
        if item not in waiting:
            kept[item] = value
        elif item in old:
            kept[item] = old[item]
    return kept


def _cells(owned: OwnedRatings) -> list[_Cells]:
    return [
        dict(zip(owned.items[own].tolist(), owned.values[own].tolist(), strict=True))
        for own in owned.user_slices()
    ]


def _owned(like: OwnedRatings, cells: list[_Cells]) -> OwnedRatings:
    starts = np.concatenate(([0], np.cumsum([len(one) for one in cells])))
    items = [item for one in cells for item in one]
    values = [value for one in cells for value in one.values()]
    return OwnedRatings(like.users, starts, np.array(items, np.int32), np.array(values, np.float64))


def _unlike(heldout: OwnedRatings, training: OwnedRatings) -> OwnedRatings:
    """Leave out what is held out and yet still learned from, since its change waits."""
    cells = [
        {item: value for item, value in one.items() if item not in learned}
        for one, learned in zip(_cells(heldout), _cells(training), strict=True)
    ]
    return _owned(heldout, cells)
