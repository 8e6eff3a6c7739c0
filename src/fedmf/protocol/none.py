"""Protection `none`: distributed matrix factorization, Algorithm 1 of the paper.

The server reads every upload. It is the reference that every other protection must equal bit for
bit, and the exhibit of what leaks.

Payload: the plain words of the table, or of the rows that travel; the table may go out in fewer
bits, see `fedmf.protocol.compact_words`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from fedmf.errors import FixedPointRangeError, MessageError
from fedmf.protocol.compact_words import decode_table, encode_table, table_bytes
from fedmf.protocol.enrolment.keyring import HeldKeys
from fedmf.protocol.halves import ParticipantProtection, Protected, ServerProtection
from fedmf.protocol.protection import Protection
from fedmf.protocol.session import Session
from fedmf.protocol.table import (
    Change,
    Int64Array,
    IntegerTable,
    Rows,
    check_words,
    decode_words,
    encode_change,
    encode_words,
    row_counts,
    word_sizes,
)
from fedmf.protocol.threat_model import EVERYTHING, Threat, seen_by_one

if TYPE_CHECKING:
    from fedmf.protocol.enrolment.charter import Charter


class NoneParticipant(ParticipantProtection):
    """Sends and reads plain words."""

    def protect(
        self,
        change: Change,
        *,
        round_number: int,
        participant: int,
        leaving: bool = False,
        renewing: bool = False,
    ) -> Protected:
        """Return the words of the change."""
        del participant, leaving, renewing
        self.session.shape.check_change(change)
        if self.session.upload == "part":
            return Protected(encode_words(self.session.shape, [part.values for part in change]))
        travelling = self.session.schedule.load(round_number).part
        return Protected(encode_change(travelling.shape, travelling.take_change(change)))

    def open(self, payload: bytes, rows: Rows | None = None) -> IntegerTable:
        """Return the table, whichever rows are asked for: reading costs nothing."""
        del rows
        return decode_table(self.session.shape, self.session.download, payload)

    def work(self, rows: Rows | None = None) -> int:
        """Return the number of words."""
        groups = self.session.shape.groups
        return sum(
            count * group.columns
            for group, count in zip(groups, row_counts(self.session.shape, rows), strict=True)
        )

    def payload_bytes(self, rows: Rows | None = None) -> int:
        """Return the size of this many words."""
        return sum(word_sizes(self.session.shape, rows))

    def table_bytes(self, uploaded: Rows | None) -> int:
        """Return the size of the words, or of as many bits of them as the session agreed on."""
        del uploaded
        return table_bytes(self.session.shape, self.session.download)


class NoneServer(ServerProtection):
    """Adds plain words."""

    def start(self, table: IntegerTable) -> None:
        """Take the start table."""
        self.session.shape.check_table(table)
        self._table = [part.copy() for part in table]

    def add(self, payload: bytes, rows: Rows | None, *, counted_round: int) -> None:
        """Add the words of an upload."""
        part = self.session.schedule.load(counted_round).part
        try:
            if rows is not None:
                change = decode_words(self.session.shape, payload, rows)
                self._add_rows(tuple(enumerate(rows)), change)
            elif part.is_whole:
                self._add_whole(decode_words(part.shape, payload))
            else:
                self._add_rows(part.rows, decode_words(part.shape, payload))
        except FixedPointRangeError as error:
            raise MessageError(f"an upload that no honest participant sends: {error}") from error

    def _add_whole(self, change: list[Int64Array]) -> None:
        self.session.shape.check_table(change)
        sums = [np.add(new, old, out=new) for new, old in zip(change, self._table, strict=True)]
        self.session.shape.check_table(sums)
        self._table = sums

    def _add_rows(self, places: tuple[tuple[int, Int64Array], ...], change: IntegerTable) -> None:
        groups = self.session.shape.groups
        sums = [self._table[k][at] + new for (k, at), new in zip(places, change, strict=True)]
        for (place, at), new, total in zip(places, change, sums, strict=True):
            check_words(groups[place], new, at)
            check_words(groups[place], total, at)
        for (place, at), total in zip(places, sums, strict=True):
            self._table[place][at] = total

    def payload(self) -> bytes:
        """Return the words of the table."""
        return encode_words(self.session.shape, self._table)

    def table_payload(self) -> bytes:
        """Return the words of the table, or as many bits of them as the session agreed on."""
        return encode_table(self.session.shape, self.session.download, self._table)

    def restore(self, payload: bytes) -> None:
        """Take words that `payload` returned."""
        self._table = decode_words(self.session.shape, payload)


class NoProtection(Protection):
    """The server reads everything."""

    name: ClassVar[str] = "none"
    protects: ClassVar[bool] = False
    names_rows: ClassVar[bool] = True
    has_key: ClassVar[bool] = False

    def server_opens(self, opened_by: str | None) -> bool:
        """Return True: there is nothing to open."""
        del opened_by
        return True

    def participants_half(
        self, session: Session, keys: HeldKeys, start: IntegerTable
    ) -> ParticipantProtection:
        """Return the half of everybody."""
        del keys, start
        return NoneParticipant(session)

    def server_half(self, session: Session, charter: Charter | None) -> ServerProtection:
        """Return the half that adds plain words."""
        del charter
        return NoneServer(session)

    def threats(self, session: Session, key_bits: int, participants: int) -> tuple[Threat, ...]:
        """Return who reads along."""
        del session, key_bits
        return (
            seen_by_one(participants),
            Threat("the server", EVERYTHING),
            Threat("the network", f"{EVERYTHING}, unless the transport encrypts"),
        )
