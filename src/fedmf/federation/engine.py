"""The seam between rounds and transport: an engine carries messages to participants and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fedmf.model import FloatArray
from fedmf.protocol import IntegerTable


@dataclass(frozen=True, slots=True)
class Fit:
    """How well the model of a round fits ratings; sums, so that fits of several hosts add up.

    This is measurement by whoever runs the experiment, not a message of the protocol: the server
    never sees it.

    Parameters
    ----------
    squared_error, absolute_error
        Sums over the ratings.
    count
        Number of ratings.
    """

    squared_error: float = 0.0
    absolute_error: float = 0.0
    count: int = 0

    def __add__(self, other: Fit) -> Fit:
        return Fit(
            self.squared_error + other.squared_error,
            self.absolute_error + other.absolute_error,
            self.count + other.count,
        )

    @property
    def rmse(self) -> float:
        """Root of the mean squared error; NaN without ratings."""
        return float((self.squared_error / self.count) ** 0.5) if self.count else float("nan")

    @property
    def mae(self) -> float:
        """Mean absolute error; NaN without ratings."""
        return self.absolute_error / self.count if self.count else float("nan")


@dataclass(frozen=True, slots=True)
class Observation:
    """What a table is worth: its fit to training and held-out ratings.

    Parameters
    ----------
    training
        Of the raw products u_i . v_j: the loss that training minimises.
    heldout
        Of predictions, which are clipped to the scale.
    """

    training: Fit = Fit()
    heldout: Fit = Fit()

    def __add__(self, other: Observation) -> Observation:
        return Observation(self.training + other.training, self.heldout + other.heldout)


@dataclass(frozen=True, slots=True)
class Uploaded:
    """An upload on its way to the server.

    Parameters
    ----------
    participant
        Who sent it.
    message
        The bytes of the upload message.
    seconds
        Processor time of the participant in this round: opening what it needs, its step, and
        protecting the change.
    """

    participant: int
    message: bytes
    seconds: float


class Engine(Protocol):
    """Carries the server's messages to all participants and their uploads back.

    Results do not depend on the engine, nor on how many processes it uses: every participant's
    step depends on the table and on its own state alone, and the server's sum has no order.
    """

    def distribute(self, table: bytes) -> Observation:
        """Hand a table message to everybody; return how well its model fits."""
        ...

    def collect(self, cohort: Iterable[int]) -> Iterator[Uploaded]:
        """Have these participants take part; yield their uploads as they come.

        A participant that drops out yields nothing.
        """
        ...

    def settle(self, closing: bytes) -> None:
        """Hand the closing message of the round to everybody."""
        ...

    def opened_table(self) -> IntegerTable:
        """Return the last distributed table as a participant opened it."""
        ...

    def user_factors(self) -> FloatArray:
        """Return all users' vectors, in the order of the user codes.

        For experiments: in a real federation nobody holds them all.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write every participant's private state into a folder of a checkpoint."""
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
