"""What the server holds of the table under a committee: one round's sum of words, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.rlwe_words import add_words, pack_words, subtract_words, unpack_words, zero_words
from fedmf.errors import MessageError
from fedmf.protocol.committee.sums import (
    open_round_sum,
    public_polynomials,
    servers_tags,
    warn_of_liars,
)
from fedmf.protocol.committee.table_payload import TableCopy, TableForm, TablePayload
from fedmf.protocol.compact_words import encode_table
from fedmf.protocol.halves import ServerProtection
from fedmf.protocol.integrity_tags import pack_numbers, split_numbers
from fedmf.protocol.lattice_layout import committee_layout
from fedmf.protocol.table import Rows, decode_words, encode_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from fedmf.crypto.rlwe_words import Words
    from fedmf.crypto.share_sum import ShareSum
    from fedmf.protocol.enrolment.charter import Charter
    from fedmf.protocol.table import Int64Array, IntegerTable


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
        self._words = zero_words(self._layout.blocks, self._layout.size)
        self._numbers = np.zeros(self._layout.numbers, dtype=np.uint64)

    def check_size(self, payload: bytes) -> None:
        """Raise MessageError unless an upload has as many words and numbers as the round's."""
        split_numbers(payload, self._layout.words_bytes, self._layout.numbers)

    def add(self, payload: bytes, rows: Rows | None, *, counted_round: int) -> None:
        """Add the words and numbers of an upload."""
        del rows, counted_round
        words, numbers = self._read(payload, to_read=True)
        add_words(self._words, words, self._layout.size)
        self._numbers += numbers

    def remove(self, payload: bytes) -> None:
        """Take the words and numbers of an upload out again."""
        words, numbers = self._read(payload, to_read=True)
        subtract_words(self._words, words, self._layout.size)
        self._numbers -= numbers

    def round_words(self) -> bytes:
        """Return the sum of the round's words so far, and behind it those of the numbers."""
        return pack_words(self._words, self._layout.size) + pack_numbers(self._numbers)

    def restore_round(self, words: bytes, counted_round: int) -> None:
        """Take sums that `round_words` returned; on any error the sums are as before."""
        self.begin_round(counted_round)
        self._words, self._numbers = self._read(words)

    def finish(self, round_number: int, shares: Mapping[int, ShareSum], uploads: int) -> None:
        """Make the sum of a closed round the next table; open it if the server is to.

        Raises
        ------
        OpenError
            The server is to open the sum, and it does not open.
        """
        if self._plain is None:
            self._payload = TablePayload(TableForm.SUM, round_number, self.round_words())
            return
        table = self.session.shape.table(self._plain.copy())
        part = self.session.schedule.load(self._counted_round).part
        before = part.shape.flat(part.take(table))
        opened = open_round_sum(
            self.round_words(),
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

    def _read(self, payload: bytes, *, to_read: bool = False) -> tuple[Words, NDArray[np.uint64]]:
        words, numbers = split_numbers(payload, self._layout.words_bytes, self._layout.numbers)
        return (
            unpack_words(words, self._layout.blocks, self._layout.size, to_read=to_read),
            numbers,
        )
