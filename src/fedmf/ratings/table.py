"""The rating table: original identifiers beside dense codes, immutable once it is built."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from fedmf.errors import DataError, SettingsError, UnknownNameError
from fedmf.markup import facts
from fedmf.ratings.identifiers import Id, find_code, index_of
from fedmf.ratings.owned import OwnedRatings, frozen
from fedmf.ratings.parts import (
    any_held_out,
    check_sizes,
    first_with_enough,
    last_held_out,
    most_rated,
    renumbered,
)
from fedmf.ratings.reading import Guess
from fedmf.ratings.scale import RatingScale


@dataclass(frozen=True, eq=False, repr=False)
class Ratings:
    """Ratings of items by users, one row per rating, in the order of the file they came from.

    Users and items have dense codes 0, 1, 2, ... in the order in which the file first names them.
    Codes are for computing; people only ever see identifiers. All arrays are read-only.

    Raises
    ------
    DataError
        If the arrays do not fit each other or a code has no identifier.
    """

    name: str
    """What to call these ratings in tables and messages."""
    user_ids: tuple[Id, ...]
    item_ids: tuple[Id, ...]
    """The original identifiers; the place of an identifier is its code."""
    users: npt.NDArray[np.int32]
    items: npt.NDArray[np.int32]
    """Codes of the users who rated and of the items that they rated, int32, shape (n,)."""
    values: npt.NDArray[np.float64]
    """Ratings in their own scale, float64, shape (n,)."""
    timestamps: npt.NDArray[np.int64] | None
    """When each rating was given, in seconds since 1970 (UTC), int64, shape (n,), or None."""
    titles: Mapping[Id, str]
    """Titles of items by their identifier; items may be absent."""
    scale: RatingScale
    """The lowest and highest possible rating."""
    notes: tuple[str, ...] = ()
    """Sentences that tell a person what was noticed or left out while loading."""
    file_order: bool = False
    """Somebody said that rows stand in the order in which the ratings were given."""
    drawn: bool = False
    """Part of a random split: a user's last ratings here need not be its last ones."""
    interactions: bool = False
    """Whether rows say who met what, and not how much they liked it (implicit feedback)."""
    guesses: tuple[Guess, ...] = ()
    """What was understood of the source, and which option says that it is otherwise."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "users", frozen(self.users, np.int32))
        object.__setattr__(self, "items", frozen(self.items, np.int32))
        object.__setattr__(self, "values", frozen(self.values, np.float64))
        if self.timestamps is not None:
            object.__setattr__(self, "timestamps", frozen(self.timestamps, np.int64))
        self._check_codes("user", self.users, self.user_ids)
        self._check_codes("item", self.items, self.item_ids)
        for column in (self.values, self.timestamps):
            if column is not None and column.shape != self.users.shape:
                raise DataError(f"ratings {self.name!r}: the columns differ in length")

    def _check_codes(self, kind: str, codes: npt.NDArray[np.int32], ids: tuple[Id, ...]) -> None:
        if codes.shape != self.users.shape or codes.ndim != 1:
            raise DataError(f"ratings {self.name!r}: the columns differ in length")
        if len(codes) and not (codes.min() >= 0 and codes.max() < len(ids)):
            raise DataError(f"ratings {self.name!r}: a {kind} code has no identifier")
        if len(set(ids)) != len(ids):
            raise DataError(f"ratings {self.name!r}: a {kind} identifier occurs twice")

    def __len__(self) -> int:
        return len(self.values)

    # Ratings are private: a representation ends up in logs and tracebacks, so it shows sizes only.
    def __repr__(self) -> str:
        return (
            f"Ratings({self.name!r}: {len(self):,} ratings, "
            f"{self.n_users:,} users, {self.n_items:,} items)"
        )

    def _repr_html_(self) -> str:
        sizes = {"users": self.n_users, "items": self.n_items, "ratings": len(self)}
        counts = [(name, f"{size:,}") for name, size in sizes.items()]
        return facts([("name", self.name), *counts, ("scale", str(self.scale))])

    @property
    def n_users(self) -> int:
        """Number of users, those without a rating included."""
        return len(self.user_ids)

    @property
    def n_items(self) -> int:
        """Number of items, those without a rating included."""
        return len(self.item_ids)

    @property
    def density(self) -> float:
        """Share of all pairs of a user and an item that are rated, between 0 and 1."""
        return len(self) / max(1, self.n_users * self.n_items)

    @cached_property
    def _user_index(self) -> dict[Id, int]:
        return index_of(self.user_ids)

    @cached_property
    def _item_index(self) -> dict[Id, int]:
        return index_of(self.item_ids)

    @cached_property
    def rows_by_user(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Row numbers grouped by user, each group in time order, and where each group starts.

        Rows of equal time, or of a table without timestamps, stay in file order. Shapes (n,) and
        (n_users + 1,), int64.
        """
        keys = (self.users,) if self.timestamps is None else (self.timestamps, self.users)
        counts = np.bincount(self.users, minlength=self.n_users)
        starts = np.concatenate(([0], np.cumsum(counts)))
        # lexsort is stable, which keeps file order where the keys are equal.
        return frozen(np.lexsort(keys), np.int64), frozen(starts, np.int64)

    @property
    def order_known(self) -> bool:
        """Whether it is known which ratings a user gave before others."""
        return self.timestamps is not None or self.file_order

    @property
    def ends_known(self) -> bool:
        """Whether the last ratings of each user here are those that it gave last."""
        return self.order_known and not self.drawn

    def check_order(self, why: str) -> None:
        """Raise DataError, which begins with `why` the order is needed, if it is not known."""
        if not self.order_known:
            raise DataError(
                f"{why}, and the ratings {self.name!r} have no timestamps: add a column of them, "
                "or say that rows stand in this order with --file-order, in Python in_file_order()"
            )

    def in_file_order(self) -> Ratings:
        """Return the ratings with the order of their rows in place of timestamps."""
        return replace(self, timestamps=None, file_order=True)

    def in_turn(self) -> list[tuple[Id, float]]:
        """Return (item identifier, rating) user by user, oldest first where that is known."""
        rows, _ = self.rows_by_user
        chosen = zip(self.items[rows].tolist(), self.values[rows].tolist(), strict=True)
        return [(self.item_ids[item], value) for item, value in chosen]

    def user_code(self, user_id: Id) -> int:
        """Return a user's code; ``"1"`` finds 1 as well. Raise UnknownNameError for others."""
        return _code("user", user_id, self._user_index)

    def item_code(self, item_id: Id) -> int:
        """Return the code of an item, as `user_code` does."""
        return _code("item", item_id, self._item_index)

    def title(self, item_id: Id) -> str:
        """Return the title of an item, or its identifier as text where no title is known."""
        code = find_code(item_id, self._item_index)
        if code is None:
            return str(item_id)
        return self.titles.get(self.item_ids[code], str(item_id))

    def take(
        self, users: int | None = None, items: int | None = None, min_ratings: int = 1
    ) -> Ratings:
        """Return a smaller table for experiments.

        First the `items` most rated items of the whole table are kept (ties go to the lower
        code), then the first `users` of all users, and then users left with fewer than
        `min_ratings` ratings are dropped and a note says how many. The items of the result are
        numbered by how often the whole table rates them, most rated first; its users keep their
        order. Kept items stay even where no kept user rated them.

        Parameters
        ----------
        users, items
            How many to keep; None keeps all, and so does a number above what there is.
        min_ratings
            How many of the kept ratings a user needs to stay.

        Raises
        ------
        SettingsError
            If a number is negative, or `users` or `items` is zero.
        DataError
            If no user is left.
        """
        check_sizes(users, items, min_ratings)
        kept_items = most_rated(self.items, self.n_items, items)
        item_codes = renumbered(kept_items, self.n_items)
        n_first = self.n_users if users is None else min(users, self.n_users)
        among_first = (self.users < n_first) & (item_codes[self.items] >= 0)
        kept_users = first_with_enough(self.users[among_first], n_first, min_ratings)
        if len(kept_users) == 0:
            raise DataError(
                f"ratings {self.name!r}: none of the first {n_first:,} users has {min_ratings:,} "
                f"ratings of the {len(kept_items):,} most rated items; take more users or items, "
                "or ask for fewer ratings per user"
            )
        user_codes = renumbered(kept_users, self.n_users)
        part = self.where(among_first & (user_codes[self.users] >= 0))
        item_ids = tuple(self.item_ids[code] for code in kept_items)
        dropped = n_first - len(kept_users)
        too_few = "none" if min_ratings == 1 else f"fewer than {min_ratings:,}"
        note = (
            f"{dropped:,} of the first {n_first:,} users left out: "
            f"{too_few} of their ratings remained"
        )
        return replace(
            part,
            user_ids=tuple(self.user_ids[code] for code in kept_users),
            item_ids=item_ids,
            users=user_codes[part.users],
            items=item_codes[part.items],
            titles={one: self.titles[one] for one in item_ids if one in self.titles},
            notes=(*self.notes, note) if dropped else self.notes,
        )

    def split(
        self,
        holdout: float = 0.2,
        seed: int = 0,
        by: Literal["random", "last"] = "random",
    ) -> tuple[Ratings, Ratings]:
        """Split into training and test ratings that share identifiers and codes.

        Parameters
        ----------
        holdout
            A share of the ratings (float, 0 to below 1) or a number of them (int). ``"random"``
            takes it of the whole table; ``"last"`` takes it of every user. Shares are rounded to
            the nearest number, halves to the even one. At least one rating stays for training: in
            the table under ``"random"``, of every user who has any under ``"last"``.
        seed
            Seed of the permutation behind ``"random"``; ``"last"`` involves no chance.
        by
            ``"random"``: any ratings. ``"last"``: the last ones in time, so that no model learns
            from the future of the user it is tested on; ties in time are broken by file order.

        Returns
        -------
        tuple of Ratings
            Training and test ratings, each in file order.

        Raises
        ------
        SettingsError
            If `holdout` is neither a share nor a number of ratings.
        UnknownNameError
            If `by` is neither of the two.
        DataError
            If ``by="last"`` and the order of the ratings is not known.
        """
        if by not in ("random", "last"):
            raise UnknownNameError.among("split", by, ("random", "last"))
        if by == "random":
            held_out = any_held_out(len(self), holdout, seed)
        else:
            self.check_order("the last ratings of each user are to be held out")
            held_out = last_held_out(*self.rows_by_user, holdout)
        parts = self.where(~held_out), self.where(held_out)
        if by == "random" and held_out.any():
            return replace(parts[0], drawn=True), replace(parts[1], drawn=True)
        return parts

    def owned_by(self, user_codes: Sequence[int] | npt.NDArray[np.int32]) -> OwnedRatings:
        """Return what a participant with these users owns, each user's ratings in time order.

        Raises
        ------
        UnknownNameError
            If a code belongs to no user.
        SettingsError
            If a user is named twice: every rating has one owner.
        """
        users = np.asarray(user_codes, dtype=np.int64)
        unknown = users[(users < 0) | (users >= self.n_users)]
        if len(unknown):
            raise UnknownNameError.among("user code", unknown[0], range(self.n_users))
        if len(np.unique(users)) != len(users):
            raise SettingsError("a participant was given the same user twice; name each user once")
        return OwnedRatings.gathered(users, *self.rows_by_user, self.items, self.values)

    def sha256(self) -> str:
        """Return the SHA-256 of the content, in hexadecimal, the same on every machine.

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
                self.user_ids,
                self.item_ids,
                len(self),
                self.timestamps is not None,
            ],
            ensure_ascii=False,
            separators=(",", ":"),
        )
        digest = hashlib.sha256(header.encode() + b"\n")
        digest.update(self.users.astype("<i4").tobytes())
        digest.update(self.items.astype("<i4").tobytes())
        digest.update(self.values.astype("<f8").tobytes())
        if self.timestamps is not None:
            digest.update(self.timestamps.astype("<i8").tobytes())
        return digest.hexdigest()

    def where(self, rows: npt.NDArray[np.bool_]) -> Ratings:
        """Return the chosen rows, with all users and items."""
        return replace(
            self,
            users=self.users[rows],
            items=self.items[rows],
            values=self.values[rows],
            timestamps=None if self.timestamps is None else self.timestamps[rows],
        )


def _code(kind: str, wanted: Id, index: Mapping[Id, int]) -> int:
    code = find_code(wanted, index)
    if code is None:
        raise UnknownNameError.among(kind, wanted, index)
    return code
