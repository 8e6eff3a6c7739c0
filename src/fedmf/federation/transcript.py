"""The transcript: which role saw which messages. Audits work on it and on nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

SERVER = "server"
EVERYBODY = "participants"


def participant_name(number: int) -> str:
    """Return how the transcript calls a participant."""
    return f"participant {number}"


def member_name(number: int) -> str:
    """Return how the transcript calls a member of the committee."""
    return f"member {number}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One message that was carried."""

    round: int
    """The round it belongs to; the table after the last round R has R + 1."""
    sender: str
    receiver: str
    """Roles: ``"server"``, ``"participants"`` (a broadcast), ``"participant 7"``, ``"member 2"``.
    """
    kind: str
    """``"table"``, ``"opening"``, ``"upload"``, ``"closing"`` or ``"copy"``; between server and
    members ``"request"`` and ``"reply"``."""
    size: int
    """Size of the message in bytes."""
    sha256: str
    """Digest of the message, in hex."""
    data: bytes | None = field(default=None, repr=False)
    """The message itself, where the transcript keeps messages."""

    def as_json_line(self) -> str:
        """Return the entry without its data as one line of JSON."""
        fields = {
            "round": self.round,
            "sender": self.sender,
            "receiver": self.receiver,
            "kind": self.kind,
            "bytes": self.size,
            "sha256": self.sha256,
        }
        return json.dumps(fields)


class Transcript:
    """Records messages as an engine carries them.

    Parameters
    ----------
    keep_messages
        Keep the messages themselves, for an audit; without, sizes and digests are kept.
    is_kept
        False: nothing is recorded at all, and digests of all messages need not be computed.
    """

    def __init__(self, *, keep_messages: bool = False, is_kept: bool = True) -> None:
        self.entries: list[Entry] = []
        self._keep = keep_messages
        self._is_kept = is_kept
        self._last: bytes | None = None
        self._digest = ""

    def record(self, round_number: int, sender: str, receiver: str, kind: str, data: bytes) -> None:
        """Note one message."""
        if not self._is_kept:
            return
        if data is not self._last:
            # What goes to all members is hashed once.
            self._last, self._digest = data, hashlib.sha256(data).hexdigest()
        kept, digest = data if self._keep else None, self._digest
        self.entries.append(Entry(round_number, sender, receiver, kind, len(data), digest, kept))

    def view(self, role: str) -> Iterator[Entry]:
        """Yield what a role sent and received, in order."""
        for entry in self.entries:
            broadcast = entry.receiver == EVERYBODY and role.startswith("participant")
            if role in (entry.sender, entry.receiver) or broadcast:
                yield entry
