"""The protections by name: their keys, and their two halves."""

from __future__ import annotations

from fedmf.crypto.master_secret import MasterSecret
from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.participants_key import ParticipantsKey
from fedmf.errors import KeyMaterialError, UnknownNameError
from fedmf.protocol.committee.layout import committee_pads
from fedmf.protocol.none import NoneParticipant, NoneServer
from fedmf.protocol.paillier import PaillierParticipant, PaillierServer
from fedmf.protocol.protection import ParticipantProtection, ServerProtection
from fedmf.protocol.rlwe import RlweParticipant, RlweServer
from fedmf.protocol.session import Session
from fedmf.protocol.table import IntegerTable

PROTECTIONS = ("committee", "rlwe", "paillier", "none")


def fresh_key(protection: str, key_bits: int) -> ParticipantsKey | None:
    """Return a fresh key for the participants of a session; None where there is none.

    Where one machine plays all roles of a committee, all their keys are derived from it.

    Parameters
    ----------
    protection
        Name of the protection.
    key_bits
        Size of a Paillier key; the others have one size.

    Warns
    -----
    WeakKeyWarning
        A Paillier key of 1024 bits.
    """
    if protection == "paillier":
        return PrivateKey.generate(key_bits, allow_weak=True)
    return MasterSecret.fresh() if protection in ("rlwe", "committee") else None


def participant_protection(
    session: Session, key: ParticipantsKey | None, start: IntegerTable | None = None
) -> ParticipantProtection:
    """Return the participant's half of the session's protection.

    Parameters
    ----------
    key
        The participants' key; None for `none`.
    start
        The public table before the first round; None: all zeros.

    Raises
    ------
    KeyMaterialError
        The key is missing, or not the session's.
    UnknownNameError
        There is no such protection.
    """
    if session.protection == "none":
        return NoneParticipant(session)
    if start is None:
        start = session.shape.zeros()
    if session.protection == "paillier":
        if not isinstance(key, PrivateKey):
            raise KeyMaterialError("protection paillier needs the participants' Paillier key")
        return PaillierParticipant(session, key, start)
    if session.protection == "rlwe":
        if not isinstance(key, MasterSecret):
            raise KeyMaterialError("protection rlwe needs the participants' master secret")
        return RlweParticipant(session, key, start)
    raise UnknownNameError.among("protection", session.protection, PROTECTIONS)


def check_session(session: Session) -> None:
    """Raise WordSizeError unless the session's protection can hold its sums."""
    if session.committee is None:
        server_protection(session)
    else:
        committee_pads(session)


def server_protection(session: Session) -> ServerProtection:
    """Return the server's half of the session's protection.

    Raises
    ------
    UnknownNameError
        There is no such protection.
    """
    if session.protection == "none":
        return NoneServer(session)
    if session.protection == "paillier":
        return PaillierServer(session)
    if session.protection == "rlwe":
        return RlweServer(session)
    raise UnknownNameError.among("protection", session.protection, PROTECTIONS)
