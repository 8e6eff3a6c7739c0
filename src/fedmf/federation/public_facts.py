"""What a plan knows of the ratings: facts that everybody may know, and no rating."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedmf.errors import SettingsError
from fedmf.ratings import Ratings, RatingScale


@dataclass(frozen=True, eq=False, slots=True)
class PublicFacts:
    """The public facts of a federation's ratings."""

    items: int
    """Size of the catalogue."""
    scale: RatingScale
    """The lowest and highest possible rating."""
    members: tuple[NDArray[np.int32], ...]
    """For each participant the codes of its users, int32."""

    @property
    def users(self) -> int:
        """All users of the federation."""
        return sum(map(len, self.members))

    @classmethod
    def dealt_out(cls, ratings: Ratings, silos: int | None) -> PublicFacts:
        """Return the facts of ratings that one machine holds, whose users are dealt out.

        Raises
        ------
        SettingsError
            More silos than users.
        """
        return cls(ratings.n_items, ratings.scale, deal_users(ratings.n_users, silos))

    @classmethod
    def of_silos(cls, items: int, scale: RatingScale, users: Sequence[int]) -> PublicFacts:
        """Return the facts of silos that own so many users each; codes go on from silo to silo.

        Raises
        ------
        SettingsError
            A silo without users.
        """
        empty = [str(silo) for silo, count in enumerate(users) if count < 1]
        if empty:
            raise SettingsError(f"every silo has users; silo {', '.join(empty)} has none")
        ends = np.cumsum(users)
        codes = np.arange(ends[-1], dtype=np.int32)
        return cls(items, scale, tuple(np.split(codes, ends[:-1])))


def deal_users(users: int, silos: int | None) -> tuple[NDArray[np.int32], ...]:
    """Return the user codes of each participant: one user each, or dealt out to silos in turn.

    Raises
    ------
    SettingsError
        More silos than users.
    """
    count = users if silos is None else silos
    if count > users:
        raise SettingsError(f"{silos} silos for {users} users: some would own nothing")
    codes = np.arange(users, dtype=np.int32)
    return tuple(codes[start::count] for start in range(count))
