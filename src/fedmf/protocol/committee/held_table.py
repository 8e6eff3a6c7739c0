"""The table as participants hold it between rounds: handed out to them, or opened from sums.

Under a blind committee what opens a sum is the `Reader` of a version of the roster.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.envelopes import EnvelopePublicKey
from fedmf.crypto.secret_material import SecretMaterial
from fedmf.crypto.share_sum import ShareSum
from fedmf.errors import KeyMaterialError, MessageError, OpenError, ProtocolError
from fedmf.protocol.committee.exchange import SHARE, AnswerReply
from fedmf.protocol.committee.sums import open_round_sum, read_share, servers_tags, warn_of_liars
from fedmf.protocol.committee.table_payload import (
    TableCopy,
    TableForm,
    TablePayload,
    plain_table_digest,
)
from fedmf.protocol.compact_words import decode_table
from fedmf.protocol.enrolment.reader_secret import reader_envelope_key
from fedmf.protocol.integrity_tags import IntegrityTags, Numbers, tag_context
from fedmf.protocol.lattice_layout import committee_layout
from fedmf.protocol.table import Int64Array, encode_words
from fedmf.protocol.wire import u32

if TYPE_CHECKING:
    from fedmf.crypto.rlwe_ring import PublicPolynomials
    from fedmf.protocol.committee.closing import ClosedRound
    from fedmf.protocol.enrolment.charter import Charter, Roster

COPY = "copy of the table"


class Reader(SecretMaterial):
    """Opens what only the participants of one version of the roster may read.

    Parameters
    ----------
    secret
        What they share.
    roster
        The version.
    charter
        The charter.
    public
        The session's public polynomials.

    Raises
    ------
    KeyMaterialError
        The roster names another reader key.
    """

    __slots__ = ("_charter", "_key", "_polynomials", "_public", "_secret", "_tags", "version")

    def __init__(
        self, secret: MasterSecret, roster: Roster, charter: Charter, public: PublicPolynomials
    ) -> None:
        suite = charter.terms.suite
        self._secret, self._charter = secret, charter
        self._polynomials = public
        self._key = reader_envelope_key(secret, suite)
        if self._key.public != roster.reader_key:
            raise KeyMaterialError("the roster names another reader key than the one given here")
        self._public = EnvelopePublicKey(self._key.public, suite=suite)
        self.version = roster.version
        """Version of the roster."""
        self._tags: dict[bytes, IntegrityTags] = {}

    def tags(self, counted_round: int = 1) -> IntegrityTags:
        """Return factors and masks of the integrity tags of a round."""
        context = tag_context(self._charter, counted_round)
        if context not in self._tags:
            layout = committee_layout(self._charter.session, counted_round)
            values = layout.shape.values
            self._tags[context] = IntegrityTags(self._secret, context, values, layout.tags)
        return self._tags[context]

    def keyed(self, plain_digest: bytes) -> bytes:
        """Return the digest of a table under a key, so that nobody else can confirm a guess."""
        return self._secret.derive("table digest", plain_digest)

    def open_sum(self, content: bytes, before: Int64Array, closed: ClosedRound) -> Int64Array:
        """Return the table after a closed round.

        Parameters
        ----------
        content
            The words of the round's sum, and behind them the sums of the padded numbers.
        before
            The table that the round worked on, flat.
        closed
            The round, with its checked closing.

        Raises
        ------
        MessageError
            Not as many words and numbers as there should be.
        OpenError
            They do not open to the sum of the included uploads.

        Warns
        -----
        LyingMemberWarning
            A member answered with something else than its share.
        """
        shape, closing = self._charter.session.shape, closed.closing
        counted_round = closed.counted_round
        part = self._charter.session.schedule.load(counted_round).part
        layout = committee_layout(self._charter.session, counted_round)
        table, tags = shape.table(before.copy()), self.tags(counted_round)
        travelled = part.shape.flat(part.take(table))
        masks = np.zeros(layout.tags, dtype=np.uint64)
        for participant, nonce in zip(closing.included, closing.nonces, strict=True):
            masks += tags.mask(closed.context, u32(participant), nonce)

        shares = self.shares(closed.proof.answers)
        opened = open_round_sum(
            content,
            shares,
            uploads=len(closing.included),
            charter=self._charter,
            layout=layout,
            public=self._polynomials,
            before=travelled,
            tags=tags,
            masks=masks,
        )
        unreadable = {answer.member for answer in closed.proof.answers} - shares.keys()
        warn_of_liars(sorted(unreadable.union(opened.liars)), closing.round)
        part.put(table, part.shape.table(travelled + opened.changes))
        return shape.flat(table)

    def seal_copy(self, words: bytes, round_number: int) -> bytes:
        """Return the words of the table before a round, sealed for those who come late."""
        return self._public.seal(words, COPY, self._charter.digest, u32(round_number))

    def open_copy(self, sealed: bytes, round_number: int) -> bytes:
        """Return what `seal_copy` sealed; anybody may have, so that its digest is to be checked.

        Raises
        ------
        OpenError
            It was sealed to another key, or for another round.
        """
        return self._key.open(sealed, COPY, self._charter.digest, u32(round_number))

    def shares(self, answers: Iterable[AnswerReply]) -> dict[int, ShareSum]:
        """Return the shares in members' answers, by member; without those that are none."""
        shares = {}
        for answer in answers:
            statement = answer.outcome.statement(self._charter)
            try:
                content = self._key.open(answer.share, SHARE, *statement)
                shares[answer.member] = read_share(answer.member, content, self._charter)
            except (OpenError, MessageError):
                # An answer that is none counts like no answer: enough others may be there.
                continue
        return shares


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
