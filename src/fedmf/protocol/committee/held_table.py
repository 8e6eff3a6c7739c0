"""The table as participants hold it between rounds: handed out to them, or opened from sums."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fedmf.errors import MessageError, OpenError, ProtocolError
from fedmf.protocol.committee.layout import committee_layout, plain_table_digest
from fedmf.protocol.committee.sums import servers_tags
from fedmf.protocol.committee.table_payload import TableCopy, TableForm
from fedmf.protocol.compact_words import decode_table
from fedmf.protocol.plain_words import encode_words

if TYPE_CHECKING:
    from fedmf.protocol.committee.sums import ClosedRound, Reader
    from fedmf.protocol.committee.table_payload import TablePayload
    from fedmf.protocol.enrolment.charter import Charter
    from fedmf.protocol.table import Int64Array


Numbers = NDArray[np.uint64]


class HeldTable:
    """A table that the server hands out in plain, with a secret of its own for tags.

    Parameters
    ----------
    charter
        The charter.
    start
        The public table before the first round, flat.
    """

    reader: Reader | None = None
    """What opens sums; None where the server does."""

    def __init__(self, charter: Charter, start: Int64Array) -> None:
        self.charter = charter
        self._tag_secret = b""
        self.set(start, 0)

    def set(self, flat: Int64Array, round_number: int) -> None:
        """Hold the table after this round from now on."""
        self.flat, self.round = flat, round_number
        self.digest = self.digest_of(flat)

    def digest_of(self, flat: Int64Array) -> bytes:
        """Return the digest by which uploads name a table."""
        return plain_table_digest(self._words(flat), self.charter, self._tag_secret)

    def tags_of(
        self, counted_round: int, values: Int64Array, beside: Numbers, *upload: bytes
    ) -> Numbers:
        """Return the tags of an upload, without pads.

        Parameters
        ----------
        values, beside
            All values of the upload, and those of them that are beside words.
        upload
            What names it: the round's context, the participant, the nonce.
        """
        del values, upload
        if not self._tag_secret:
            raise ProtocolError("an upload before the server's table was opened")
        servers = servers_tags(self._tag_secret, self.charter, counted_round)
        return servers.of(beside.view(np.int64))

    def take(self, table: TablePayload, closed: ClosedRound | None) -> None:
        """Take a table from the server, another one where a round has closed.

        Raises
        ------
        MessageError
            It is malformed.
        OpenError
            It does not open to the table that t members and its participants stand for.
        ProtocolError
            The table before is not here, and no copy came with the sum, or one that there is no key
            to.
        """
        secret, words = table.tag_secret_and_words()
        if self._tag_secret not in (b"", secret):
            raise MessageError("the server hands out another tag secret than before")
        if not self._tag_secret:
            self._tag_secret = secret
            self.set(self.flat, self.round)
        if closed is not None:
            self.set(self._decoded(words), table.round)

    def adopt(self, reader: Reader | None) -> Mapping[bytes, bytes]:
        """Go by the reader of another roster; return the new digests of tables, by their old."""
        del reader
        return {}

    def copy(self) -> bytes:
        """Return the table before the last sum, sealed; see `ParticipantProtection.copy`."""
        raise ProtocolError("the server holds the table itself")

    def _words(self, flat: Int64Array) -> bytes:
        shape = self.charter.session.shape
        return encode_words(shape, shape.table(flat))

    def _decoded(self, words: bytes) -> Int64Array:
        session = self.charter.session
        return session.shape.flat(decode_table(session.shape, session.download, words))


class BlindTable(HeldTable):
    """Participants open the sums; nobody else knows the table, nor its digest.

    Parameters
    ----------
    reader
        What opens sums.
    """

    reader: Reader

    def __init__(self, charter: Charter, start: Int64Array, reader: Reader) -> None:
        self.reader = reader
        self._unkeyed: dict[bytes, bytes] = {}
        self._before: Int64Array | None = None
        super().__init__(charter, start)

    def digest_of(self, flat: Int64Array) -> bytes:
        """Return a digest under the reader's key."""
        plain = plain_table_digest(self._words(flat), self.charter)
        digest = self.reader.keyed(plain)
        self._unkeyed[digest] = plain
        return digest

    def tags_of(
        self, counted_round: int, values: Int64Array, beside: Numbers, *upload: bytes
    ) -> Numbers:
        """Return tags over all values, each behind a mask of the upload's own."""
        del beside
        own = self.reader.tags(counted_round)
        return own.of(values) + own.mask(*upload)

    def take(self, table: TablePayload, closed: ClosedRound | None) -> None:
        """Open a sum on top of the table before."""
        if table.form == TableForm.START and table.content:
            raise MessageError("a start table with content")
        if closed is None:
            return
        layout = committee_layout(self.charter.session, closed.counted_round)
        words, copy = table.words_and_copy(layout.payload_bytes)
        before = self._table_before(copy, closed)
        after = self.reader.open_sum(words, before, closed)
        self._before = before
        self.set(after, table.round)

    def adopt(self, reader: Reader | None) -> Mapping[bytes, bytes]:
        """Go by the reader of another roster: digests change, the tables stay."""
        assert reader is not None  # noqa: S101 - a blind committee has one
        self.reader, self._before = reader, None
        # The tables were worked on all the same.
        renamed = {digest: reader.keyed(plain) for digest, plain in self._unkeyed.items()}
        self.set(self.flat, self.round)
        return renamed

    def copy(self) -> bytes:
        """Seal the table before the last sum."""
        if self._before is None:
            raise ProtocolError("no sum was opened yet under this version of the roster")
        sealed = self.reader.seal_copy(self._words(self._before), self.round)
        return TableCopy(self.round, sealed).to_bytes()

    def _table_before(self, copy: bytes | None, closed: ClosedRound) -> Int64Array:
        """Return the table that a closed round worked on: the one held here, or the copy's."""
        number = closed.closing.round
        if closed.proof.opening.roster_version != self.reader.version:
            raise ProtocolError(
                f"the sum of round {number} is sealed to another version of the roster than "
                f"{self.reader.version}; take part when the next round has closed"
            )
        if closed.proof.table == self.digest:
            return self.flat
        if copy is None:
            raise ProtocolError(
                f"the table that round {number} worked on is not here; take part when the server "
                "hands out a copy"
            )
        before = self._decoded(self.reader.open_copy(copy, number))
        if self.digest_of(before) != closed.proof.table:
            raise OpenError(
                f"the copy of the table is not of the one that round {number} worked on"
            )
        return before
