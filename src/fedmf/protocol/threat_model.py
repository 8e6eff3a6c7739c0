"""Who learns what under each protection, in one line per adversary, for people about to train."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Threat:
    """What one adversary, or several who work together, learn beyond what is public.

    Public are the session's parameters, who takes part in which round, and all message sizes.
    """

    adversary: str
    learns: str


def threat_model(
    protection: str, upload: str, key_bits: int, participants: int
) -> tuple[Threat, ...]:
    """Return the threats of a protection, by adversaries who follow the protocol and look.

    Parameters
    ----------
    participants
        The smallest number of participants in a round.
    """
    rated = (
        "which items each participant rated" if upload == "part" else "nothing but message sizes"
    )
    seen = "the item factors of every round, and so the sum of the others' moves"
    if participants <= 2:
        seen = "the other's moves, and from these its ratings: two are too few"
    if protection == "none":
        everything = "every participant's gradients, and from these its ratings"
        return (
            Threat("the server", everything),
            Threat("one participant", seen),
            Threat("the network", f"{everything}, unless the transport encrypts"),
        )
    everything = "every participant's gradients, and from these its ratings: the key is shared"
    key_bits = 3072 if protection == "rlwe" else key_bits
    weak = " (a 1024-bit key can be broken: for experiments only)" if key_bits < 2048 else ""
    return (
        Threat("the server", f"{rated}{weak}"),
        Threat("one participant", seen),
        Threat("the server with one participant", everything),
        Threat("the network", f"{rated}{weak}"),
    )
