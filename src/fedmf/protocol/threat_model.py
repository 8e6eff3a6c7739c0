"""Who learns what under each protection, in one line per adversary, for people about to train."""

from __future__ import annotations

from dataclasses import dataclass

from fedmf.protocol.committee.terms import CommitteeTerms
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
        everything = "every participant's gradients, and from these its ratings"
        return (
            Threat("the server", everything),
            Threat("one participant", seen),
            Threat("the network", f"{everything}, unless the transport encrypts"),
        )
    everything = "every participant's gradients, and from these its ratings: the key is shared"
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
    few = terms.threshold - 1
    others = "the sum of the others' moves, and nobody's alone"
    helpers = f"{few} member{'s' if few != 1 else ''} of the committee"
    return (
        Threat("the server", SIZES if terms.blind else "the item factors of every round"),
        Threat("one participant", seen),
        Threat(f"the server with up to {terms.corrupt} participants", others),
        Threat(
            f"the server with {helpers}" if few else "the server without the one helper",
            SIZES if terms.blind else "the item factors of every round",
        ),
        Threat(
            f"the server with {terms.threshold} members of the committee",
            "every participant's gradients, and from these its ratings",
        ),
        Threat("the network", SIZES),
    )
