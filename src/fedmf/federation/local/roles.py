"""The roles of a session that is played on one machine, with the keys that each of them holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from fedmf.crypto.master_secret import MasterSecret
from fedmf.crypto.participants_key import ParticipantsKey
from fedmf.errors import KeyMaterialError
from fedmf.federation.local.keyring import LocalKeyring
from fedmf.protocol import (
    ClosingMessage,
    IntegerTable,
    ParticipantProtection,
    Server,
    Session,
    participant_protection,
    server_protection,
)
from fedmf.protocol.committee.member import CommitteeMember
from fedmf.protocol.committee.member_log import ForgetfulLog
from fedmf.protocol.committee.participant import CommitteeParticipant
from fedmf.protocol.committee.server import committee_server
from fedmf.protocol.committee.server_table import CommitteeTable
from fedmf.store.append_log import AppendLog
from fedmf.store.spool import FileSpool


def participants_half(
    session: Session, key: ParticipantsKey | None, start: IntegerTable, numbers: Iterable[int]
) -> ParticipantProtection:
    """Return the participants' half of the protection, for those who live in this process."""
    if session.committee is None:
        return participant_protection(session, key, start)
    ring = keyring(session, key)
    reader = ring.reader if session.committee.blind else None
    return CommitteeParticipant(ring.charter, ring.signing_keys(numbers), reader, start)


def make_server(
    session: Session,
    key: ParticipantsKey | None,
    start: IntegerTable,
    *,
    payload: bytes | None = None,
    closings: Sequence[ClosingMessage] = (),
) -> Server:
    """Return the server, at the start or with the table and the closings of a checkpoint.

    Parameters
    ----------
    key
        Read for the charter of a committee, which is public; a server holds no secret.
    payload
        The protected table of a checkpoint; None: the start table.
    """
    if session.committee is None:
        protection = server_protection(session)
    else:
        protection = CommitteeTable(keyring(session, key).charter)
    protection.start(start)
    if payload is not None:
        protection.restore(payload)
    if isinstance(protection, CommitteeTable):
        return committee_server(protection, FileSpool(), closings)
    return Server(session, protection, closings)


def make_members(
    session: Session, key: ParticipantsKey | None, logs: Path | None
) -> list[CommitteeMember]:
    """Return the members of the committee; none where the session has no committee.

    Parameters
    ----------
    logs
        Folder of the members' durable logs; None: the members forget when the process ends.
    """
    if session.committee is None:
        return []
    ring = keyring(session, key)
    return [
        CommitteeMember(
            ring.charter,
            number,
            signing_key,
            ForgetfulLog() if logs is None else AppendLog(logs / f"member-{number}.log"),
        )
        for number, signing_key in enumerate(ring.member_keys)
    ]


def keyring(session: Session, key: ParticipantsKey | None) -> LocalKeyring:
    """Return the keys of a played federation with a committee.

    Raises
    ------
    KeyMaterialError
        The key is missing.
    """
    if not isinstance(key, MasterSecret):
        raise KeyMaterialError("a played federation with a committee needs its secret")
    return LocalKeyring(key, session)
