"""What a round costs, counted as the authors of the paper count it.

It is the slowest user, then the server, then the network for one user's messages; where there is a
committee, a member of it comes on top. Users run side by side, so that one of them counts.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Self

from fedmf.benchmarking.scheme import Scheme
from fedmf.federation.rounds import Played

GIGABIT = 2**30
"""Bits a second of the authors' network, as their prototype computes it."""
THE_WHOLE = "the whole"


@dataclass(frozen=True, slots=True)
class RoundCost:
    """The cost of one round, which the paper calls an iteration."""

    scheme: str
    items: int
    users: int
    upload: str
    """What was measured."""
    user_seconds: float
    """The slowest user: opening what it reads, its step, protecting, and its checks of the round.
    """
    server_seconds: float
    """The server for all users."""
    member_seconds: float
    """A member of the committee for all users; 0 without one."""
    communication_seconds: float
    """One user's messages at 1 Gb/s, and one member's."""
    upload_bytes: float
    download_bytes: float
    """Of the average user."""
    extrapolated: bool
    """Whether from a slice."""
    measured_on: str
    """The slice, or the whole."""

    @property
    def iteration_seconds(self) -> float:
        """Everything, one after the other."""
        return (
            self.user_seconds
            + self.server_seconds
            + self.member_seconds
            + self.communication_seconds
        )

    @property
    def server_share(self) -> float:
        """The server's part of an iteration."""
        return self.server_seconds / self.iteration_seconds

    @classmethod
    def of(
        cls,
        scheme: Scheme,
        played: Played,
        *,
        items: int,
        users: int,
        user_seconds: float,
        server_seconds: float,
        upload: str = "full",
        upload_bytes: float,
        download_bytes: float,
        measured_on: str = THE_WHOLE,
    ) -> Self:
        """Return the cost of a round: a played one, or one foretold from it; see the fields."""
        members = len(played.members)
        carried = upload_bytes + download_bytes
        carried += played.member_bytes / members if members else 0
        return cls(
            scheme=scheme.name,
            items=items,
            users=users,
            upload=upload,
            user_seconds=user_seconds,
            server_seconds=server_seconds,
            member_seconds=statistics.median(played.members) if members else 0.0,
            communication_seconds=carried * 8 / GIGABIT,
            upload_bytes=upload_bytes,
            download_bytes=download_bytes,
            extrapolated=measured_on != THE_WHOLE,
            measured_on=measured_on,
        )
