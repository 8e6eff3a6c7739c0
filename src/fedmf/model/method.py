"""What a learning method is: rows of one shared table, and the private step that changes them.

The server keeps one table. Participants download it, work on their private ratings and upload
an additive change; the server adds. A method says which rows the table has, how item factors
are read off it, and what one participant contributes to it. It works on real numbers and has
never heard of a key: ``federation`` turns its contributions into integers and back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from fedmf.errors import SettingsError
from fedmf.model.public_model import PublicModel
from fedmf.model.rows import (
    Contribution,
    FloatArray,
    FloatTable,
    RowGroup,
    fraction_bits,
)
from fedmf.ratings import OwnedRatings, RatingScale

RATERS = "raters"
"""Name of the group that tells how many users rated each item; the federation keeps it."""
DEFAULT_RECENCY = 4.0
"""What the latest item weighs where the order of a user's items is known; see `recency_weights`."""


@dataclass(frozen=True, slots=True, repr=False)
class PrivateStep:
    """The result of one participant's step; none of it leaves the participant unprotected."""

    user_factors: FloatArray
    """The new user vectors, shape (users of the participant, k)."""
    contribution: Contribution
    """The participant's new contribution. It takes the place of the last included one: the upload
    is the difference of the two."""


def recency_weights(count: int, recency: float) -> FloatArray:
    """Return what each of a user's items weighs, oldest first, shape (count,).

    The item of age a, 0 for the latest, weighs ``recency / (1 + a)``; without recency (0) each
    weighs 1.
    """
    if recency == 0:
        return np.ones(count)
    weights: FloatArray = recency / np.arange(count, 0.0, -1.0)
    return weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Method(ABC):
    """A learning method, configured for one federation; every parameter of it is public.

    A subclass adds its own parameters as fields and holds the mathematics. What most methods have
    in common is here, and a method that differs overrides it.
    """

    name: ClassVar[str]
    """The name that command line, JSON and documentation use."""
    predicts_ratings: ClassVar[bool]
    """Whether products of vectors are ratings; otherwise they only rank."""
    needs_raters: ClassVar[bool]
    """Whether `decode` reads the group `RATERS`, which a set-up round fills."""
    renews_contribution: ClassVar[bool]
    """Whether a contribution depends only on the public model and the current ratings."""
    reads_all_items: ClassVar[bool] = False
    """Whether a participant's step reads the rows of items that the participant did not rate."""
    usual_factors: ClassVar[int] = 32
    usual_rounds: ClassVar[int] = 12
    """Factors and rounds that suffice where nobody says how many."""
    sums_show: ClassVar[str | None] = None
    """What else the sums of a round tell anyone who opens them, if that is more than usual."""
    most_rounds: ClassVar[int | None] = None
    """Rounds after which nothing is left to learn, if that is known beforehand."""
    resting_groups: ClassVar[tuple[str, ...]] = ()
    """Groups to which nobody contributes anything else once everybody has had `resting_after` turns
    with them. What they sum stays, so that no change of one participant shows there alone."""
    resting_after: ClassVar[int] = 0

    factors: int
    """Number d of latent factors."""
    users: int
    items: int
    """Size of the federation: all users, all items of the public catalogue."""
    scale: RatingScale
    """The public rating scale."""
    seed: int = 0
    """Public seed of the start."""

    @classmethod
    def defaults(cls, users: int, items: int, scale: RatingScale) -> dict[str, Any]:
        """Return the parameters whose defaults depend on the federation, by name."""
        del users, items, scale
        return {}

    def with_recency(self, recency: float) -> Self:
        """Return the method with another weight of what a user met last; 0 weighs all alike.

        Raises
        ------
        SettingsError
            The method predicts ratings, and knows no recency.
        """
        if "recency" not in self.settings():
            raise SettingsError(
                f"method {self.name} weighs all ratings of a user alike: leave recency out"
            )
        changed: Self = replace(self, recency=recency)  # type: ignore[call-arg]
        return changed

    @property
    def vector_length(self) -> int:
        """Length k of user and item vectors: d, and what a method appends to them."""
        return self.factors

    def settings(self) -> dict[str, object]:
        """Return all settings as JSON values; `fedmf.model.restore_method` reads them."""
        return {"name": self.name, **asdict(self)}

    @abstractmethod
    def row_groups(self) -> tuple[RowGroup, ...]:
        """Return the method's own rows of the table, group by group."""

    def _sum_row(self, name: str, columns: int, limit: float, most_bits: int) -> RowGroup:
        """Return a group of one row that belongs to no item: a sum over all users, from zero."""
        return RowGroup(
            name=name,
            rows=1,
            columns=columns,
            fraction_bits=fraction_bits(self.users * limit, most_bits),
            limit=limit,
            start_limit=0.0,
            of_items=False,
        )

    def start_table(self) -> FloatTable:
        """Return the method's part of the public table before the first round: zeros."""
        return {group.name: np.zeros((group.rows, group.columns)) for group in self.row_groups()}

    @abstractmethod
    def decode(
        self,
        table: FloatTable,
        previous: PublicModel | None,
        renewed: NDArray[np.int64] | None = None,
    ) -> PublicModel:
        """Return the public model that a table stands for.

        Parameters
        ----------
        table
            The method's groups. With `needs_raters` also `RATERS`, shape (items, 1): the number of
            users who rated each item, and 0 where they are too few to be told.
        previous
            The public model that the table of the round before stood for; None at the start.
        renewed
            Items, ascending, whose rows the round before renewed, shape (k,); None: all. Other
            items' rows were made in the light of older models.
        """

    def start_user_factors(self, users: NDArray[np.int32]) -> FloatArray:
        """Return the vectors, shape (u, k), of these user codes before the first round: zeros."""
        return np.zeros((len(users), self.vector_length))

    def rows_needed(self, ratings: OwnedRatings) -> dict[str, NDArray[np.int64]]:
        """Return, group by group, the table rows that a participant's step reads, ascending.

        Those of `RATERS` are among them. Items whose rows are not may have anything in their
        factors.
        """
        items = self.items_read(ratings)
        rows = {
            group.name: items if group.of_items else np.arange(group.rows)
            for group in self.row_groups()
        }
        return {**rows, RATERS: items}

    def items_read(self, ratings: OwnedRatings) -> NDArray[np.int64]:
        """Return the items whose rows a participant's step reads, ascending."""
        if self.reads_all_items:
            return np.arange(self.items)
        return ratings.rated_items.astype(np.int64)

    def setup_contribution(self, ratings: OwnedRatings) -> Contribution:
        """Return what a participant contributes in the set-up round: nothing.

        A method that overrides this may not contribute to groups of items: nobody knows yet how
        many users rated them.
        """
        del ratings
        return {}

    @abstractmethod
    def participant_step(
        self,
        public: PublicModel,
        ratings: OwnedRatings,
        user_factors: FloatArray,
        previous: Contribution | None,
    ) -> PrivateStep:
        """Return the new user vectors and the new contribution of one participant.

        Parameters
        ----------
        public
            Of the downloaded table. Only what `rows_needed` names has to be filled.
        ratings
            The participant's own ratings.
        user_factors
            Its user vectors as of the last round that included it.
        previous
            Its contribution as of that round; None before the first. Rows of items that had too
            few raters were left out of it.
        """

    def user_factors(
        self, public: PublicModel, ratings: OwnedRatings, kept: FloatArray
    ) -> FloatArray:
        """Return the vectors with which a participant's users predict by this public model.

        They never leave the participant, and finding them takes no round: every user is folded in.

        Parameters
        ----------
        kept
            The user vectors as of the last round that included the participant.
        """
        vectors = kept.copy()
        for k, own in enumerate(ratings.user_slices()):
            vectors[k] = self.fold_in(public, ratings.items[own], ratings.values[own])
        return vectors

    def prediction_variances(
        self,
        public: PublicModel,
        user_factors: FloatArray,
        rated: NDArray[np.int32],
        items: NDArray[np.int32],
    ) -> FloatArray | None:
        """Return the variances of a user's ratings around their predictions, shape (n,).

        Takes the user's vector, shape (k,), and codes of items: those it rated, those to predict.

        Returns
        -------
        numpy.ndarray or None
            None: the method finds point estimates and cannot tell how sure it is.
        """
        del public, user_factors, rated, items
        return None

    @abstractmethod
    def fold_in(
        self, public: PublicModel, items: NDArray[np.int32], values: FloatArray
    ) -> FloatArray:
        """Return a new user's vector, shape (k,), from nothing but its ratings, oldest first."""

    def effects(
        self, public: PublicModel, items: NDArray[np.int32], values: FloatArray, item: int
    ) -> FloatArray:
        """Return by how much each rating of a user moves the prediction for one item, shape (n,).

        Found by folding the user in again without each rating in turn: what the prediction is with
        all of them, less what it is without the one. A method that knows it in closed form
        overrides this.

        Parameters
        ----------
        items, values
            Codes of the items that the user rated, each once, and the ratings, shape (n,).
        item
            Code of the item to predict.
        """
        vector = public.item_factors[item]
        with_all = vector @ self.fold_in(public, items, values)
        left = np.ones(len(items), dtype=np.bool_)
        found = np.empty(len(items))
        for k in range(len(items)):
            left[k] = False
            found[k] = with_all - vector @ self.fold_in(public, items[left], values[left])
            left[k] = True
        return found
