"""What the participants of one version of the roster share, and what it opens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fedmf.crypto.envelopes import EnvelopePublicKey
from fedmf.crypto.labels import labelled_hash
from fedmf.crypto.secret_material import SecretMaterial
from fedmf.crypto.share_sum import ShareSum
from fedmf.errors import KeyMaterialError, MessageError, OpenError
from fedmf.protocol.committee.member import SHARE
from fedmf.protocol.committee.sum_opening import (
    committee_layout,
    committee_pads,
    open_round_sum,
    tag_context,
    warn_of_liars,
)
from fedmf.protocol.enrolment.reader_secret import reader_envelope_key
from fedmf.protocol.framing import u32
from fedmf.protocol.integrity_tags import IntegrityTags

if TYPE_CHECKING:
    from fedmf.crypto.master_secret import MasterSecret
    from fedmf.crypto.rlwe_public import PublicPolynomials
    from fedmf.protocol.committee.closing import SumProof
    from fedmf.protocol.enrolment.charter import Charter
    from fedmf.protocol.enrolment.roster import Roster
    from fedmf.protocol.messages import ClosingMessage
    from fedmf.protocol.table import Int64Array

COPY = "copy of the table"


def plain_table_digest(words: bytes, charter: Charter, tag_secret: bytes = b"") -> bytes:
    """Return the digest of a table, and of the tag secret that a server hands out with it.

    Uploads of one context have one digest, so that all their tags have the same factors: with
    factors of its own for everybody, a server could tell single uploads apart.
    """
    return labelled_hash("table", charter.digest, tag_secret + words)


@dataclass(frozen=True, slots=True)
class ClosedRound:
    """A round whose sum is still to be opened, as its checked closing says."""

    closing: ClosingMessage
    context: bytes
    """The round's context."""
    proof: SumProof
    counted_round: int
    """Which of the session's rounds it was."""


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

    __slots__ = (
        "_charter",
        "_key",
        "_polynomials",
        "_public",
        "_secret",
        "_tags",
        "version",
    )

    def __init__(
        self,
        secret: MasterSecret,
        roster: Roster,
        charter: Charter,
        public: PublicPolynomials,
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

    def open_sum(
        self,
        content: bytes,
        before: Int64Array,
        closed: ClosedRound,
    ) -> Int64Array:
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

        shares = self._shares(closed.proof)
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

    def _shares(self, proof: SumProof) -> dict[int, ShareSum]:
        """Return the answers of members, by member; without those that are none."""
        shares, pads = {}, committee_pads(self._charter.session)
        for answer in proof.answers:
            held = len(self._charter.terms.sharing.held_by(answer.member))
            statement = answer.outcome.statement(self._charter)
            try:
                content = self._key.open(answer.share, SHARE, *statement)
                shares[answer.member] = ShareSum.from_bytes(content, held, pads)
            except (OpenError, MessageError):
                # An answer that is none counts like no answer: enough others may be there.
                continue
        return shares
