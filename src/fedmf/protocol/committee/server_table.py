"""What the server holds of the table under a committee: one round's sum of words, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedmf.crypto.derivation import MasterSecret
from fedmf.errors import MessageError
from fedmf.protocol.committee.sums import (
    RoundSum,
    open_round_sum,
    public_polynomials,
    servers_tags,
    warn_of_liars,
)
from fedmf.protocol.committee.table_payload import TableCopy, TableForm, TablePayload
from fedmf.protocol.compact_words import encode_table
from fedmf.protocol.halves import ServerProtection
from fedmf.protocol.lattice_layout import committee_layout
from fedmf.protocol.table import Int64Array, IntegerTable, Rows, decode_words, encode_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fedmf.crypto.share_sum import ShareSum
    from fedmf.protocol.committee.upload import CommitteePayload
    from fedmf.protocol.enrolment.charter import Charter


class CommitteeTable(ServerProtection):
    """Adds the words and numbers of one round; ciphertexts are never accumulated over rounds.

    A server that opens sums itself gives participants, but no member, a secret of its own along
    with the table: the factors of the tags by which it finds members that lie about pads.

    Parameters
    ----------
    charter
        The charter.
    """

    def __init__(self, charter: Charter) -> None:
        super().__init__(charter.session)
        self.charter = charter
        self._public = public_polynomials(charter)
        self._plain: Int64Array | None = None
        self._tag_secret = b""
        self.begin_round(1)

    def start(self, table: IntegerTable) -> None:
        """Take the public start table."""
        self.session.shape.check_table(table)
        if not self.charter.terms.blind:
            self._plain = self.session.shape.flat(table)
            self._tag_secret = MasterSecret.fresh().to_bytes()
        self._payload = TablePayload(TableForm.START, 0, self._tag_secret)

    def begin_round(self, counted_round: int) -> None:
        """Forget the words and numbers of the last round; this one is one of the session's."""
        self._counted_round = counted_round
        self._layout = committee_layout(self.session, counted_round)
        self.sum = RoundSum(self._layout)
        """The sum of the round's uploads."""

    def check_words(self, upload: CommitteePayload) -> None:
        """Raise MessageError unless an upload of this round has so many words, and those signed."""
        upload.signed.header.check_words(upload.words, self._layout)

    def add(self, payload: bytes, rows: Rows | None, *, counted_round: int) -> None:
        """Add the words and numbers of an upload."""
        del rows, counted_round
        self.sum.add(payload)

    def add_up(self, uploads: Iterable[bytes]) -> bytes:
        """Add the words of a round's uploads up again; return the Merkle root of the sum."""
        self.sum = RoundSum(self._layout)
        for upload in uploads:
            self.sum.add(upload)
        return self.sum.root()

    def restore_round(self, words: bytes, counted_round: int) -> None:
        """Take the sum that `RoundSum.to_bytes` returned; MessageError: it has another size."""
        self.begin_round(counted_round)
        self.sum.add(words)

    def finish(self, round_number: int, shares: Mapping[int, ShareSum], uploads: int) -> None:
        """Make the sum of a closed round the next table; open it if the server is to.

        Raises
        ------
        OpenError
            The server is to open the sum, and it does not open.
        """
        if self._plain is None:
            self._payload = TablePayload(TableForm.SUM, round_number, self.sum.to_bytes())
            return
        table = self.session.shape.table(self._plain.copy())
        part = self.session.schedule.load(self._counted_round).part
        before = part.shape.flat(part.take(table))
        opened = open_round_sum(
            self.sum.to_bytes(),
            shares,
            uploads=uploads,
            charter=self.charter,
            layout=self._layout,
            public=self._public,
            before=before,
            tags=servers_tags(self._tag_secret, self.charter, self._counted_round),
        )
        part.put(table, part.shape.table(before + opened.changes))
        self._plain = self.session.shape.flat(table)
        words = encode_words(self.session.shape, table)
        self._payload = TablePayload(TableForm.PLAIN, round_number, self._tag_secret + words)
        warn_of_liars(opened.liars, round_number)

    def keep_copy(self, copy: bytes, counted_round: int) -> None:
        """Keep the table before the last closed round as a participant sealed it.

        It goes out behind the round's sum from now on, for those who come late.

        Parameters
        ----------
        copy
            From a participant.
        counted_round
            Which of the session's rounds the last closed one was.

        Raises
        ------
        MessageError
            It is no copy, or one for another round.
        """
        late = TableCopy.from_bytes(copy)
        if (
            self._payload.form not in (TableForm.SUM, TableForm.COPY)
            or late.round != self._payload.round
        ):
            raise MessageError("not a sealed copy of the table before the last closed round")
        layout = committee_layout(self.session, counted_round)
        words, _ = self._payload.words_and_copy(layout.payload_bytes)
        self._payload = TablePayload(TableForm.COPY, late.round, words + late.sealed)

    def payload(self) -> bytes:
        """Return the table in the form that is at hand."""
        return self._payload.to_bytes()

    def table_payload(self) -> bytes:
        """Return the same, in as few bits as the session agreed on where the server opens."""
        if self._payload.form != TableForm.PLAIN:
            return self.payload()
        secret, words = self._payload.tag_secret_and_words()
        shape = self.session.shape
        compact = encode_table(shape, self.session.download, decode_words(shape, words))
        return TablePayload(TableForm.PLAIN, self._payload.round, secret + compact).to_bytes()

    def restore(self, payload: bytes) -> None:
        """Take a table that `payload` returned."""
        self._payload = TablePayload.from_bytes(payload)
        if not self.charter.terms.blind:
            self._tag_secret, content = self._payload.tag_secret_and_words()
            if self._payload.form == TableForm.PLAIN:
                self._plain = self.session.shape.flat(decode_words(self.session.shape, content))
