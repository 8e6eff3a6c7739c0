"""Who learns what, in one line per adversary, for people about to train; what protections share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fedmf.protocol.session import Session

SIZES = "nothing but message sizes"
EVERYTHING = "every participant's contributions, and from these its ratings"


@dataclass(frozen=True, slots=True)
class Threat:
    """What one adversary, or several who work together, learn beyond what is public.

    Public are the session's parameters, who takes part in which round, and all message sizes.
    """

    adversary: str
    learns: str


def seen_by_one(participants: int) -> Threat:
    """Return what a participant learns in rounds of so many at the least."""
    seen = "the item factors of every round, and so the sum of the others' moves"
    if participants <= 2:
        seen = "the other's moves, and from these its ratings: two are too few"
    return Threat("one participant", seen)


def shared_key_threats(session: Session, participants: int, hint: str = "") -> tuple[Threat, ...]:
    """Return the threats where participants share a key; `hint` says how good the key is."""
    rated = "which items each participant rated" if session.upload == "part" else SIZES
    return (
        Threat("the server", f"{rated}{hint}"),
        seen_by_one(participants),
        Threat("the server with one participant", f"{EVERYTHING}: the key is shared"),
        Threat("the network", f"{rated}{hint}"),
    )
