"""One round of a small session, played to see what its protection costs on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np

from fedmf.crypto.participants_key import ParticipantsKey
from fedmf.federation.local.roles import make_members, make_server, participants_half
from fedmf.protocol import RowChange, Server, Session, UploadMessage
from fedmf.protocol.committee.certificate import DIGEST_BYTES
from fedmf.protocol.committee.member import CommitteeMember
from fedmf.protocol.committee.terms import LEAST_COHORT

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a round cost: processor seconds per unit of work of the protection, and extra bytes.

    Parameters
    ----------
    protect, add, open
        Seconds per unit of work, for one upload or one table.
    member
        Seconds of one member of the committee per upload; 0 without one.
    protect_seconds
        Seconds of protecting the whole sample.
    upload_extra, table_extra
        Bytes of their messages beyond the protected words and what is listed.
    round_extra
        Bytes of the opening of the round, and of its closing beyond what it lists.
    """

    protect: float
    add: float
    open: float
    member: float
    protect_seconds: float
    upload_extra: int
    table_extra: int
    round_extra: int


def rehearse(session: Session, key: ParticipantsKey | None) -> Rehearsed:
    """Play one round of a session, with as few participants as it takes, and measure it.

    Parameters
    ----------
    session
        A session like the one in question with fewer rows.
    key
        The key that this machine plays all roles with.
    """
    uploads = 1
    if session.committee is not None:
        uploads = LEAST_COHORT
        least = replace(session.committee, corrupt=1, smallest_cohort=uploads)
        session = replace(session, committee=least)
    start = session.shape.zeros()
    half = participants_half(session, key, start, range(uploads))
    server = make_server(session, key, start)
    members = make_members(session, key, None)
    rows = [np.arange(group.rows) for group in session.shape.groups]
    change = [
        RowChange(listed, np.ones((group.rows, group.columns), dtype=np.int64))
        for listed, group in zip(rows, session.shape.groups, strict=True)
    ]
    half.open(server.payload())
    server.prepare_round()
    _consult(server, members)
    opening = server.open_round(range(uploads))
    half.begin(opening)

    def protect(number: int) -> bytes:
        protected = half.protect(change, round_number=1, participant=number)
        named = rows if session.upload == "part" else None
        upload = UploadMessage(1, number, named, protected.payload, protected.nonce)
        return upload.to_bytes(session)

    # The first call builds tables that last for the whole training.
    protect(0)
    sent = [_timed(partial(protect, number)) for number in range(uploads)]
    added = [_timed(partial(server.receive, data)) for data, _ in sent]
    server.freeze()
    member = _consult(server, members)
    server.settle()
    member += _consult(server, members)
    closing = server.close_round()
    half.hear(closing)
    table = server.table_message()
    opened = _timed(partial(half.open, table.payload))[1]
    work = half.work()
    protecting = min(seconds for _, seconds in sent)
    plain = UploadMessage(
        1, 0, rows if session.upload == "part" else None, b"", bytes(session.nonce_bytes)
    )
    words = half.payload_bytes(rows if session.upload == "part" else None)
    return Rehearsed(
        protect=protecting / work,
        add=min(seconds for _, seconds in added) / work,
        open=opened / work,
        member=member / (len(members) * uploads) if members else 0.0,
        protect_seconds=protecting,
        upload_extra=len(sent[0][0]) - len(plain.to_bytes(session)) - words,
        table_extra=len(table.payload) - half.payload_bytes(),
        round_extra=max(len(closing.proof) - DIGEST_BYTES * uploads, 0) + len(opening),
    )


def _consult(server: Server, members: list[CommitteeMember]) -> float:
    """Carry messages between server and members; return the members' processor seconds."""
    total = 0.0
    while requests := server.requests():
        for member, request in requests.items():
            reply, seconds = _timed(partial(members[member].respond, request))
            server.hear(member, reply)
            total += seconds
    return total


def _timed(act: Callable[[], Result]) -> tuple[Result, float]:
    start = time.process_time()
    result = act()
    return result, time.process_time() - start
