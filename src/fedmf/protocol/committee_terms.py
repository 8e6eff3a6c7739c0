"""The public terms of a committee: how many, how many of them it takes, and who reads the sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fedmf.crypto.envelopes import DEFAULT_SUITE, ENVELOPE_SUITES
from fedmf.crypto.replicated_sharing import ReplicatedSharing
from fedmf.errors import SettingsError
from fedmf.protocol.json_fields import JsonFields

OpenedBy = Literal["participants", "server"]
OPENED_BY: tuple[OpenedBy, ...] = ("participants", "server")
LEAST_COHORT = 3


@dataclass(frozen=True, slots=True)
class CommitteeTerms(JsonFields):
    """The terms of a committee; part of the session.

    Raises
    ------
    SettingsError
        Terms that protect nobody; all problems at once.
    """

    members: int
    """c, the number of members, 1 to 10."""
    threshold: int
    """t, how many of them have to answer; more than half."""
    opened_by: OpenedBy
    """``"participants"``: members seal their answers to the participants, and the server reads
    nothing (blind). ``"server"``: the server opens the sums and hands out the table."""
    corrupt: int
    """How many participants are assumed to work with the server."""
    smallest_cohort: int
    """Members answer for no fewer uploads; at least `corrupt` + 2 and never below 3, since a sum of
    one honest participant and of others who tell is that participant."""
    setup_rounds: int = 0
    """So many rounds come before those that learn. Who is summed in these alone has its first
    contribution still to come."""
    oldest_base: int = 3
    """K: an update's base, the last round that held its participant, is at most so many turns of
    its part of the table old; 1 would be the last turn. Whoever was away for longer renews."""
    suite: str = DEFAULT_SUITE
    """How envelopes to members are sealed, a name of `fedmf.crypto.envelopes.ENVELOPE_SUITES`."""

    def __post_init__(self) -> None:
        problems = []
        try:
            ReplicatedSharing(self.members, self.threshold)
        except SettingsError as error:
            problems.append(str(error))
        if self.opened_by not in OPENED_BY:
            problems.append(f"a sum is opened by {' or by '.join(OPENED_BY)}")
        if self.corrupt < 0:
            problems.append("the number of corrupt participants cannot be negative")
        least = max(LEAST_COHORT, self.corrupt + 2)
        if self.smallest_cohort < least:
            problems.append(
                f"with {self.corrupt} corrupt participants the smallest cohort is at least "
                f"{least}, not {self.smallest_cohort}"
            )
        if self.setup_rounds < 0 or self.oldest_base < 1:
            problems.append("set-up rounds are not negative, and bases at least one turn old")
        if self.suite not in ENVELOPE_SUITES:
            problems.append(f"the suite of envelopes is one of {', '.join(ENVELOPE_SUITES)}")
        if problems:
            raise SettingsError("; ".join(problems))

    @property
    def sharing(self) -> ReplicatedSharing:
        """How the key of an upload is shared out."""
        return ReplicatedSharing(self.members, self.threshold)

    @property
    def blind(self) -> bool:
        """Whether the server reads nothing."""
        return self.opened_by == "participants"
