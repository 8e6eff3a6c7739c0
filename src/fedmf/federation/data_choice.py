"""Which ratings a training uses and which it holds back; a resumed run uses the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, cast

from fedmf.errors import SettingsError, UnknownNameError
from fedmf.protocol.json_fields import JsonFields, as_object
from fedmf.ratings import AS_GUESSED, Ratings, Reading, read_ratings

Split = Literal["random", "last"]
SPLITS = ("random", "last")


@dataclass(frozen=True, slots=True)
class DataChoice(JsonFields):
    """A source of ratings, a part of it, and a split.

    Raises
    ------
    UnknownNameError, SettingsError
        A split that does not exist, or numbers that cannot work.
    """

    source: str
    """Name of bundled ratings or a path; see `fedmf.load_ratings`."""
    reading: Annotated[Reading, as_object(Reading)] = AS_GUESSED
    """What was said of how to read the source."""
    interactions: bool = False
    """Whether a table without ratings is welcome."""
    users: int | None = None
    items: int | None = None
    """Use only this many users, the first ones, and this many items, the most rated; None: all."""
    holdout: float = 0.2
    """Share of the ratings held back for measuring, from 0 to below 1."""
    split: str = "random"
    """``"random"``: any ratings; ``"last"``: each user's last ones in time."""
    seed: int = 0
    """Seed of the random split."""
    file_order: bool = False
    """The rows stand in the order in which the ratings were given; timestamps are not used."""

    def __post_init__(self) -> None:
        self.take_plain_numbers()
        if self.split not in SPLITS:
            raise UnknownNameError.among("split", self.split, SPLITS)
        problems = [
            f"{name} must be at least 1, not {value}"
            for name, value in (("users", self.users), ("items", self.items))
            if value is not None and value < 1
        ]
        if not 0 <= self.holdout < 1:
            problems.append(f"holdout is a share from 0 to below 1, not {self.holdout}")
        if problems:
            raise SettingsError("; ".join(problems))

    def load(self) -> tuple[Ratings, Ratings, Ratings]:
        """Return all chosen ratings, the training part and the held-out part.

        Users who have no rating among the chosen items are left out, and a note says how many.

        Raises
        ------
        DataError, UnknownNameError
            The source cannot be used.
        """
        ratings = read_ratings(self.source, self.reading, interactions=self.interactions)
        ratings = ratings.take(self.users, self.items)
        if self.file_order:
            ratings = ratings.in_file_order()
        if self.holdout == 0:
            nothing, everything = ratings.split(0.0, self.seed)[1], ratings
            return ratings, everything, nothing
        training, heldout = ratings.split(self.holdout, self.seed, by=cast("Split", self.split))
        return ratings, training, heldout
