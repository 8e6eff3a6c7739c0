"""The seams of a round: what carries its messages, and the simulated participants behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fedmf.federation.measurement import NOTHING, Fit
from fedmf.federation.ranking import NO_RANKING, Ranking
from fedmf.model import FloatArray, PublicModel
from fedmf.protocol import IntegerTable
from fedmf.ratings import OwnedRatings


@dataclass(frozen=True, slots=True)
class Observation:
    """What a table is worth: its fit to training and held-out ratings."""

    training: Fit = NOTHING
    """Of the raw products of user and item vectors: the loss that training minimises. Measured by
    the experimenter, outside of the protocol."""
    heldout: Fit = NOTHING
    """Of predictions, which are clipped to the scale. Measured likewise."""
    ranking: Ranking = NO_RANKING
    """How well held-out items are ranked, with methods whose predictions are no ratings; then
    nothing is known of the others. Measured likewise."""
    summed: Fit | Ranking | None = None
    """What the table itself says: the sum of what participants measured, each on the model of the
    last round that included it. None where nothing is held back."""
    has_converged: bool = False
    """The last round that counted left the table as it was, to the bit."""

    def __add__(self, other: Observation) -> Observation:
        return Observation(
            self.training + other.training,
            self.heldout + other.heldout,
            self.ranking + other.ranking,
            # Everybody reads the same sum off the same table.
            self.summed or other.summed,
            self.has_converged or other.has_converged,
        )


@dataclass(frozen=True, slots=True)
class Uploaded:
    """An upload on its way to the server."""

    participant: int
    """Who sent it."""
    message: bytes
    """The bytes of the upload message."""
    seconds: float
    """Processor time of the participant in this round: opening what it needs, its step, and
    protecting the change."""


class Carrier(Protocol):
    """Carries the server's messages to all participants and their uploads back.

    Results do not depend on what carries: every participant's step depends on the table and on its
    own state, and the server's sum has no order.
    """

    def distribute(self, table: bytes) -> Observation:
        """Hand a table message to everybody; return how well its model fits, as far as is known."""
        ...

    def consult(self, requests: Mapping[int, bytes]) -> Iterator[tuple[int, bytes]]:
        """Hand messages to members of the committee, by member; yield their replies as they come.

        A member that is not there yields nothing.
        """
        ...

    def begin_round(self, opening: bytes) -> None:
        """Tell everybody how the round begins, where the protection has something to say."""
        ...

    def collect(
        self, cohort: Iterable[int], leaving: frozenset[int] = frozenset()
    ) -> Iterator[Uploaded]:
        """Have these participants take part; yield their uploads as they come.

        A participant that drops out yields nothing.

        Parameters
        ----------
        leaving
            Those of them that take back all that they ever contributed.
        """
        ...

    def deliver_closing(self, closing: bytes) -> None:
        """Hand the closing message of the round to everybody."""
        ...

    def table_copy(self) -> bytes:
        """Return the last distributed table as a participant seals it for those who come late.

        Empty where they are served otherwise.
        """
        ...


class Population(Protocol):
    """All participants of a federation that is simulated, and what they hold."""

    def replace_ratings(self, number: int, training: OwnedRatings, heldout: OwnedRatings) -> None:
        """Give a participant other ratings of the same users from the next round on.

        For trainings that go on: new ratings come in, old ones change or are withdrawn. Its next
        contribution takes the place of the last one, as ever.
        """
        ...

    def opened_table(self) -> IntegerTable:
        """Return the last distributed table as a participant opened it."""
        ...

    def public_model(self) -> PublicModel:
        """Return the public model that the last distributed table stands for."""
        ...

    def user_factors(self) -> FloatArray:
        """Return the vectors with which users predict by it, in the order of the user codes.

        For experiments: in a real federation nobody holds them all.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write the public model and all private states into a folder of a checkpoint."""
        ...

    def save_pending(self, folder: Path) -> None:
        """Write what participants have uploaded and await the closing of into a folder."""
        ...

    def restore_pending(self, folder: Path) -> None:
        """Take what `save_pending` wrote, after `restore`."""
        ...

    def restore(self, folder: Path, closings: Sequence[bytes]) -> None:
        """Take the states that `save` wrote, by an engine with any number of processes.

        Parameters
        ----------
        closings
            The closing messages of all rounds until then.
        """
        ...

    def close(self) -> None:
        """Let go of processes and keys."""
        ...


class Engine(Carrier, Population, Protocol):
    """A federation that is simulated whole: its participants, and what carries their messages."""
