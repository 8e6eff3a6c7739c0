"""The roles of a session, made from the keys that each of them holds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fedmf.crypto.participants_key import ParticipantsKey
from fedmf.federation.checkpoints import Checkpoint
from fedmf.protocol import ClosingMessage, IntegerTable, ParticipantProtection, Server, Session
from fedmf.protocol.committee.member_log import ForgetfulLog
from fedmf.protocol.enrolment.charter import Charter
from fedmf.protocol.enrolment.keyring import Keyring
from fedmf.protocol.enrolment.roster_chain import SignedRoster
from fedmf.protocol.members import Member
from fedmf.protocol.protection import protection_named
from fedmf.store.append_log import AppendLog
from fedmf.store.spool import FileSpool


def keyring(session: Session, key: ParticipantsKey | None) -> Keyring:
    """Return all keys of a session that this machine plays; see `Protection.keyring`."""
    return protection_named(session.protection).keyring(session, key)


def participants_half(
    session: Session, key: ParticipantsKey | None, start: IntegerTable, numbers: Iterable[int]
) -> ParticipantProtection:
    """Return the half of the protection for those participants of a played session."""
    held = keyring(session, key).held_by(numbers)
    return protection_named(session.protection).participants_half(session, held, start)


def make_server(
    session: Session,
    start: IntegerTable,
    charter: Charter | None = None,
    rosters: Iterable[SignedRoster] = (),
    checkpoint: Checkpoint | None = None,
    words: Path | None = None,
) -> Server:
    """Return the server, at the start or with the table and the closings of a checkpoint.

    Parameters
    ----------
    charter, rosters
        Of a committee; a server holds no secret.
    checkpoint
        Where it goes on; None: at the start.
    words
        The file that keeps the words of the round under way; None: they vanish with the process.
    """
    protection = protection_named(session.protection)
    table = protection.server_half(session, charter)
    table.start(start)
    closings = []
    if checkpoint is not None:
        table.restore(checkpoint.server_payload)
        closings = [ClosingMessage.from_bytes(one, session) for one in checkpoint.closings]
    members = protection.consulted(table, lambda: FileSpool(words), rosters)
    return Server(session, table, closings, members)


def begin_member_logs(session: Session, folder: Path) -> None:
    """Make the empty logs of a new session's members; none where it has no committee."""
    if session.committee is not None:
        for number in range(session.committee.members):
            AppendLog.create(_member_log(folder, number))


def _member_log(folder: Path, number: int) -> Path:
    return folder / f"member-{number}.log"


def make_members(session: Session, keys: Keyring, logs: Path | None) -> list[Member]:
    """Return the members of the committee; none where the session has no committee.

    Parameters
    ----------
    logs
        Folder of the members' durable logs, which `begin_member_logs` made; None: the members
        forget when the process ends.
    """
    if keys.charter is None:
        return []
    return [
        protection_named(session.protection).member(
            keys.charter,
            number,
            key,
            ForgetfulLog() if logs is None else AppendLog(_member_log(logs, number)),
        )
        for number, key in enumerate(keys.member_keys)
    ]
