"""Who learns what, in one line per adversary, for people about to train; what protections share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fedmf.protocol.session import Session

SIZES = "sizes, times and who takes part, and nothing of any value"
KINDS = "sizes, times, who takes part and with what kind of upload, and nothing of any value"
EVERYTHING = "every participant's contributions, and from these its ratings"
SUMS = (
    "the sum of every round; by comparing sums over rounds and changing sets of people, a "
    "determined one can find out what single others rated (measured: every rating of one who is "
    "missing from a second session)"
)
LONE_LOTS = (
    "of a silo that joins, leaves, renews or comes back alone, the sum over its users: there are "
    "too few silos to let any wait"
)
OVER_SETS = "what that participant learns, over sets of people that the server chooses"
CHOSEN_TABLES = f"{EVERYTHING}, by choosing the tables that others work on"


@dataclass(frozen=True, slots=True)
class Threat:
    """What one adversary, or several who work together, learn beyond what is public.

    They look at all they receive, and follow the protocol unless `adversary` says that they break
    it. Public are the session's parameters.
    """

    adversary: str
    learns: str


def seen_by_one(participants: int) -> Threat:
    """Return what a participant learns in rounds of at least this many participants."""
    seen = SUMS
    if participants <= 2:
        seen = "the other's moves, and from these its ratings: two are too few"
    return Threat("one participant", seen)


def shared_key_threats(session: Session, participants: int, hint: str = "") -> tuple[Threat, ...]:
    """Return the threats where participants share a key; `hint` says how good the key is."""
    rated = "which items each participant rated" if session.upload == "part" else SIZES
    return (
        seen_by_one(participants),
        Threat("the server with one participant", f"{EVERYTHING}: the key is shared"),
        Threat("the server", f"{rated}{hint}"),
        Threat("the network", f"{rated}{hint}"),
    )
