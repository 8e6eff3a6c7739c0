"""Small sessions and changes for tests of the protocol."""

from __future__ import annotations

from typing import Any

import numpy as np

from fedmf.protocol import GroupShape, RowChange, Session, TableShape
from fedmf.protocol.session import Upload

SHAPE = TableShape((GroupShape("items", rows=4, columns=3, word_bits=20),))


def small_session(
    upload: Upload = "full",
    protection: str = "none",
    shape: TableShape = SHAPE,
    *,
    participants: int = 3,
    rounds: int = 2,
    public_key: int | None = None,
    session_id: bytes = bytes(16),
    **terms: Any,
) -> Session:
    """Return a session; what is not given is small, and the same everywhere."""
    return Session(
        session_id=session_id,
        protection=protection,
        upload=upload,
        shape=shape,
        participants=participants,
        rounds=rounds,
        public_key=public_key,
        learning_sha256=bytes(32),
        **terms,
    )


def no_change(shape: TableShape = SHAPE) -> list[RowChange]:
    """Return the change of somebody who has nothing new."""
    return [no_rows(group.columns) for group in shape.groups]


def no_rows(columns: int = 1) -> RowChange:
    """Return the change of no row of a group."""
    return RowChange(np.zeros(0, np.int64), np.zeros((0, columns), np.int64))
