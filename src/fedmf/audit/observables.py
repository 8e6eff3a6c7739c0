"""What one adversary sees and holds: the only thing that an attack is ever given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fedmf.audit.row import Attacked

if TYPE_CHECKING:
    from fedmf.crypto.participants_key import ParticipantsKey
    from fedmf.federation import Entry, TrainingPlan
    from fedmf.protocol import Session
    from fedmf.protocol.enrolment.charter import Charter
    from fedmf.ratings import OwnedRatings


@dataclass(frozen=True, slots=True)
class Adversary:
    """Who works together, without breaking any rule of the protocol."""

    server: bool = False
    """The server is one of them."""
    network: bool = False
    """They read every message on its way, as if nothing encrypted the transport."""
    participants: tuple[int, ...] = ()
    members: tuple[int, ...] = ()
    """The participants and members of the committee among them."""

    def name(self, session: Session) -> str:
        """Return how a table of results calls them."""
        parts = ["the network"] if self.network else []
        parts += ["the server"] if self.server else []
        if self.members:
            terms = session.committee
            threshold = 0 if terms is None else terms.threshold
            known = {threshold: "t members", threshold - 1: "t-1 members", 1: "one member"}
            parts.append(known.get(len(self.members), f"{len(self.members)} members"))
        left = session.participants - len(self.participants)
        if len(self.participants) == 1:
            parts.append("one participant")
        elif len(self.participants) == 2:
            parts.append("two participants")
        elif self.participants:
            parts.append(f"all but {left} participants")
        return " with ".join(parts[:2]) + "".join(f" and {part}" for part in parts[2:])


@dataclass(frozen=True, slots=True)
class Observables:
    """What an adversary has in hand when the run is over; only `fedmf.audit.runs` makes it."""

    adversary: Adversary
    """Who it is."""
    plan: TrainingPlan
    """The public plan."""
    charter: Charter | None
    """The public charter of a session with a committee."""
    entries: tuple[Entry, ...]
    """All messages that the adversary sent, received or read, in order."""
    key: ParticipantsKey | None = field(default=None, repr=False)
    """The participants' shared secret, where one of the adversaries is a participant: Paillier's
    private key, the master secret, or the reader secret of a blind committee."""
    ratings: Mapping[int, OwnedRatings] = field(default_factory=dict, repr=False)
    """What the adversary's own participants rated."""
    seeds: Mapping[tuple[int, int], Mapping[int, bytes]] = field(default_factory=dict, repr=False)
    """Of each upload (round, participant) the seeds that the adversary's members received, by
    subset."""

    @property
    def attacked(self) -> Attacked:
        """The run that was seen, and who saw it, as a row of results names them."""
        session, method = self.plan.session, self.plan.method.name
        return Attacked(session.protection, session.upload, method, self.adversary.name(session))
