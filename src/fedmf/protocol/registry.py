"""The protections that there are, and what most callers make with them."""

from __future__ import annotations

from fedmf.crypto.participants_key import ParticipantsKey
from fedmf.protocol.committee.protection import CommitteeProtection
from fedmf.protocol.enrolment.keyring import HeldKeys
from fedmf.protocol.halves import ParticipantProtection, ServerProtection
from fedmf.protocol.none import NoProtection
from fedmf.protocol.paillier import PaillierProtection
from fedmf.protocol.protection import protection_named
from fedmf.protocol.rlwe import RlweProtection
from fedmf.protocol.session import Session
from fedmf.protocol.table import IntegerTable
from fedmf.protocol.traits import PROTECTIONS

for _one in (CommitteeProtection(), RlweProtection(), PaillierProtection(), NoProtection()):
    PROTECTIONS[_one.name] = _one


def fresh_key(protection: str, key_bits: int) -> ParticipantsKey | None:
    """Return a fresh key for the participants of a session; see `Protection.fresh_key`."""
    return protection_named(protection).fresh_key(key_bits)


def participant_protection(
    session: Session, key: ParticipantsKey | None, start: IntegerTable | None = None
) -> ParticipantProtection:
    """Return the participant's half of a protection whose participants share a key, or have none.

    Parameters
    ----------
    key
        The participants' key; None where the protection has none.
    start
        The public table before the first round; None: all zeros.

    Raises
    ------
    KeyMaterialError
        The key is missing, or not the session's.
    """
    if start is None:
        start = session.shape.zeros()
    half = protection_named(session.protection).participants_half
    return half(session, HeldKeys(key), start)


def server_protection(session: Session) -> ServerProtection:
    """Return the server's half of a protection without a committee."""
    return protection_named(session.protection).server_half(session, None)
