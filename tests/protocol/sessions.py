"""Small sessions for tests of the protocol."""

from __future__ import annotations

from fedmf.protocol import GroupShape, Session, TableShape
from fedmf.protocol.session import Upload

SHAPE = TableShape((GroupShape("items", rows=4, columns=3, word_bits=20),))


def small_session(
    upload: Upload = "full",
    *,
    participants: int = 3,
    rounds: int = 2,
    session_id: bytes = bytes(16),
) -> Session:
    """Return a session of protection none."""
    return Session(
        session_id=session_id,
        protection="none",
        upload=upload,
        shape=SHAPE,
        participants=participants,
        rounds=rounds,
        public_key=None,
        learning_sha256=bytes(32),
    )
