"""One round of a small session, played to see what its protection costs on this machine."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fedmf.crypto.labels import HASH_BYTES
from fedmf.crypto.participants_key import ParticipantsKey
from fedmf.federation.local.played_round import PlayedSession
from fedmf.protocol import RowChange, Session, UploadMessage
from fedmf.protocol.committee_terms import LEAST_COHORT
from fedmf.protocol.framing import FRAME_BYTES


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a round cost: processor seconds per unit of work of the protection, and extra bytes."""

    protect: float
    add: float
    open: float
    """Seconds per unit of work, for one upload or one table."""
    member: float
    """Seconds of one member of the committee per upload; 0 without one."""
    protect_seconds: float
    """Seconds of protecting the whole sample."""
    upload_extra: int
    table_extra: int
    """Bytes of their messages beyond the protected words and what is listed."""
    round_extra: int
    """Bytes of the opening of the round, and of its closing beyond what it lists."""


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
    rows = [np.arange(group.rows) for group in session.shape.groups]
    change = [
        RowChange(listed, np.ones((group.rows, group.columns), dtype=np.int64))
        for listed, group in zip(rows, session.shape.groups, strict=True)
    ]
    played_session = PlayedSession(session, key, range(uploads))
    played = played_session.play(dict.fromkeys(range(uploads), change), warm_up=True)
    half = played_session.participants
    named = rows if session.upload == "part" else None
    plain = UploadMessage(1, 0, bytes(session.nonce_bytes), named, b"")
    work, protecting = half.work(), min(played.protect)
    return Rehearsed(
        protect=protecting / work,
        add=min(played.receive) / work,
        open=played.open / work,
        member=sum(played.members) / (len(played.members) * uploads) if played.members else 0.0,
        protect_seconds=protecting,
        upload_extra=(
            played.upload_bytes[0] - len(plain.to_bytes(session)) - half.payload_bytes(named)
        ),
        table_extra=played.table_bytes - FRAME_BYTES - half.payload_bytes(),
        round_extra=max(len(played.closing.proof) - HASH_BYTES * uploads, 0) + played.opening_bytes,
    )
