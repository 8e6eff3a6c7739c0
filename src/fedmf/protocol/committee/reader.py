"""What the participants of one version of the roster share, and what it opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedmf.crypto.envelopes import EnvelopeKey, EnvelopePublicKey
from fedmf.crypto.labels import labelled_hash
from fedmf.crypto.rlwe_words import unpack_words
from fedmf.crypto.secret_material import SecretMaterial
from fedmf.crypto.share_sum import ShareSum
from fedmf.errors import KeyMaterialError, MessageError, OpenError
from fedmf.protocol.committee.member import SHARE
from fedmf.protocol.committee.sum_opening import open_round_sum, warn_of_liars
from fedmf.protocol.framing import u32
from fedmf.protocol.integrity_tags import TAGS, IntegrityTags, split_tags

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedmf.crypto.master_secret import MasterSecret
    from fedmf.crypto.rlwe_public import PublicPolynomials
    from fedmf.protocol.committee.charter import Charter
    from fedmf.protocol.committee.closing import ClosingProof
    from fedmf.protocol.committee.roster import Roster
    from fedmf.protocol.lattice_layout import LatticeLayout
    from fedmf.protocol.messages import ClosingMessage
    from fedmf.protocol.table import Int64Array

COPY = "copy of the table"
READER_KEY = "reader envelope key"


def reader_envelope_key(reader: MasterSecret, charter_suite: str) -> EnvelopeKey:
    """Return the envelope key of a reader secret; its public half stands in the roster."""
    return EnvelopeKey(reader.derive(READER_KEY), suite=charter_suite)


def plain_table_digest(words: bytes, charter: Charter) -> bytes:
    """Return the digest of a table that the server holds itself."""
    return labelled_hash("table", charter.digest, words)


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
    layout
        How changes lie in words.
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
        "_layout",
        "_polynomials",
        "_public",
        "_secret",
        "tags",
        "version",
    )

    def __init__(
        self,
        secret: MasterSecret,
        roster: Roster,
        charter: Charter,
        layout: LatticeLayout,
        public: PublicPolynomials,
    ) -> None:
        suite = charter.terms.suite
        self._secret, self._charter = secret, charter
        self._layout, self._polynomials = layout, public
        self._key = reader_envelope_key(secret, suite)
        if self._key.public != roster.reader_key:
            raise KeyMaterialError("the roster names another reader key than the one given here")
        self._public = EnvelopePublicKey(self._key.public, suite=suite)
        self.version = roster.version
        """Version of the roster."""
        self.tags = IntegrityTags(secret, charter.digest, layout.value_limbs)
        """Factors and masks of integrity tags."""

    def keyed(self, plain_digest: bytes) -> bytes:
        """Return the digest of a table under a key, so that nobody else can confirm a guess."""
        return self._secret.derive("table digest", plain_digest)

    def open_sum(
        self, content: bytes, before: Int64Array, closing: ClosingMessage, proof: ClosingProof
    ) -> Int64Array:
        """Return the table after a closed round.

        Parameters
        ----------
        content
            The words of the round's sum, and behind them the sum of the padded tags.
        before
            The table that the round worked on, flat.
        closing, proof
            The checked closing of the round.

        Raises
        ------
        MessageError
            Not as many words and tags as there should be.
        OpenError
            They do not open to the sum of the included uploads.

        Warns
        -----
        LyingMemberWarning
            A member answered with something else than its share.
        """
        layout = self._layout
        packed, tags = split_tags(content, layout.payload_bytes)
        words = unpack_words(packed, layout.blocks, layout.size, to_read=True)
        context = proof.certificate.outcome.context
        masks = np.zeros(TAGS, dtype=np.uint64)
        for participant, nonce in zip(closing.included, closing.nonces, strict=True):
            masks += self.tags.mask(context, u32(participant), nonce)

        def check(messages: Int64Array, pads: NDArray[np.uint64]) -> None:
            exact = layout.exact_change(layout.read(messages), before)
            IntegrityTags.check(tags - pads, self.tags.of(exact) + masks)

        shares = self._shares(proof)
        opened = open_round_sum(
            words,
            shares,
            uploads=len(closing.included),
            charter=self._charter,
            layout=layout,
            public=self._polynomials,
            check=check,
        )
        unreadable = {answer.member for answer in proof.answers} - shares.keys()
        warn_of_liars(sorted(unreadable.union(opened.liars)), closing.round)
        table = layout.values(layout.read(opened.messages))
        table += before
        return layout.shape.wrap(table)

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

    def _shares(self, proof: ClosingProof) -> dict[int, ShareSum]:
        """Return the answers of members, by member; without those that are none."""
        shares = {}
        for answer in proof.answers:
            held = len(self._charter.terms.sharing.held_by(answer.member))
            statement = answer.outcome.statement(self._charter)
            try:
                content = self._key.open(answer.share, SHARE, *statement)
                shares[answer.member] = ShareSum.from_bytes(content, held)
            except (OpenError, MessageError):
                # An answer that is none counts like no answer: enough others may be there.
                continue
        return shares
