"""What the participants that live here have in the table, and what they sent in this round."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from fedmf.errors import ProtocolError
from fedmf.protocol.committee.upload import Kind
from fedmf.protocol.messages import ClosingMessage


@dataclass(frozen=True, slots=True)
class Sent:
    """An upload of the round under way, as its participant signed it."""

    digest: bytes
    kind: Kind


class OwnUploads:
    """Keeps, by participant, which table its last included upload went into, and what is summed."""

    def __init__(self) -> None:
        self.worked_on: dict[int, bytes] = {}
        """Digest of the table that the last included upload went into."""
        self.summed: dict[int, set[int]] = {}
        """Numbers of the parts that hold a contribution."""
        self.sent: dict[int, Sent] = {}
        """What was sent in the round under way."""

    def kind(self, participant: int, travelling: Collection[int], *, leaving: bool) -> Kind:
        """Return what an upload of these parts means."""
        if leaving:
            return Kind.LEAVE
        known = self.summed.get(participant, set())
        return Kind.UPDATE if known.issuperset(travelling) else Kind.FIRST

    def check_sent(self, closing: ClosingMessage, headers: Sequence[bytes]) -> None:
        """Check that a round includes no other upload of these participants than they sent.

        Parameters
        ----------
        headers
            Digests of the included uploads, in the order of the closing's participants.

        Raises
        ------
        ProtocolError
            It does.
        """
        for participant, header in zip(closing.included, headers, strict=True):
            sent = self.sent.get(participant)
            if sent is not None and sent.digest != header:
                raise ProtocolError(
                    f"round {closing.round} includes an upload of participant {participant} "
                    "that it did not send"
                )

    def note_included(
        self, participants: Iterable[int], table: bytes, travelled: Iterable[int]
    ) -> None:
        """Note whose uploads of these parts, made from a table, a closed round has summed."""
        for participant in participants:
            self.worked_on[participant] = table
            summed = self.summed.setdefault(participant, set())
            sent = self.sent.get(participant)
            if sent is None or sent.kind != Kind.LEAVE:
                summed.update(travelled)
                continue
            summed.difference_update(travelled)
            if not summed:
                # Nothing of it is in the table: should it come back, it begins anew.
                del self.worked_on[participant]

    def rename_tables(self, renamed: Mapping[bytes, bytes]) -> None:
        """Go by new digests of the same tables."""
        for participant, digest in self.worked_on.items():
            self.worked_on[participant] = renamed.get(digest, digest)
