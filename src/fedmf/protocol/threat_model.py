"""Who learns what under each protection, in one line per adversary, for people about to train."""

from __future__ import annotations

from dataclasses import dataclass

from fedmf.protocol.committee_terms import CommitteeTerms
from fedmf.protocol.session import Session

SIZES = "nothing but message sizes"


@dataclass(frozen=True, slots=True)
class Threat:
    """What one adversary, or several who work together, learn beyond what is public.

    Public are the session's parameters, who takes part in which round, and all message sizes.
    """

    adversary: str
    learns: str


def threat_model(session: Session, key_bits: int, participants: int) -> tuple[Threat, ...]:
    """Return the threats of a session, by adversaries who follow the protocol and look.

    Parameters
    ----------
    key_bits
        Size of a Paillier key.
    participants
        The smallest number of participants in a round.
    """
    seen = "the item factors of every round, and so the sum of the others' moves"
    if participants <= 2:
        seen = "the other's moves, and from these its ratings: two are too few"
    if session.committee is not None:
        return _committee(session.committee, seen)
    if session.protection == "none":
        everything = "every participant's contributions, and from these its ratings"
        return (
            Threat("the server", everything),
            Threat("one participant", seen),
            Threat("the network", f"{everything}, unless the transport encrypts"),
        )
    everything = "every participant's contributions, and from these its ratings: the key is shared"
    rated = "which items each participant rated" if session.upload == "part" else SIZES
    weak = session.protection == "paillier" and key_bits < 2048
    hint = " (a 1024-bit key can be broken: for experiments only)" if weak else ""
    return (
        Threat("the server", f"{rated}{hint}"),
        Threat("one participant", seen),
        Threat("the server with one participant", everything),
        Threat("the network", f"{rated}{hint}"),
    )


def _committee(terms: CommitteeTerms, seen: str) -> tuple[Threat, ...]:
    others = "the sum of the others' moves, and nobody's alone"
    shown = SIZES if terms.blind else "the item factors of every round"
    everything = "every participant's contributions, and from these its ratings"
    threats = [
        Threat("the server", shown),
        Threat("one participant", seen),
        Threat(f"the server with up to {_count(terms.corrupt, 'participant')}", others),
    ]
    if terms.threshold > 1:
        members = _count(terms.threshold - 1, "member")
        threats.append(Threat(f"the server with {members} of the committee", shown))
    opening = _count(terms.threshold, "member")
    threats.append(Threat(f"the server with {opening} of the committee", everything))
    return (*threats, Threat("the network", SIZES))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
