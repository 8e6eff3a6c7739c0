"""The protections by name."""

from __future__ import annotations

from fedmf.crypto.paillier import PrivateKey
from fedmf.errors import KeyMaterialError, UnknownNameError
from fedmf.protocol.none import NoneParticipant, NoneServer
from fedmf.protocol.paillier import PaillierParticipant, PaillierServer
from fedmf.protocol.protection import ParticipantProtection, ServerProtection
from fedmf.protocol.session import Session

PROTECTIONS = ("none", "paillier")


def participant_protection(session: Session, key: PrivateKey | None) -> ParticipantProtection:
    """Return the participant's half of the session's protection.

    Parameters
    ----------
    key
        The participants' key; None for `none`.

    Raises
    ------
    KeyMaterialError
        The key is missing, or not the session's.
    UnknownNameError
        There is no such protection.
    """
    if session.protection == "none":
        return NoneParticipant(session)
    if session.protection == "paillier":
        if key is None:
            raise KeyMaterialError("protection paillier needs the participants' key")
        return PaillierParticipant(session, key)
    raise UnknownNameError.among("protection", session.protection, PROTECTIONS)


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
    raise UnknownNameError.among("protection", session.protection, PROTECTIONS)
