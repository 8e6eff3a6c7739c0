"""Opening a round's sum with the members' answers, by participants or by the server.

Participants open it under a blind committee, with what they share, the `Reader` of their version of
the roster; otherwise the server does, and hands the table out.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fedmf.crypto.envelopes import EnvelopePublicKey
from fedmf.crypto.master_secret import MasterSecret
from fedmf.crypto.rlwe import DOES_NOT_OPEN, open_sum
from fedmf.crypto.rlwe_words import unpack_words
from fedmf.crypto.secret_material import SecretMaterial
from fedmf.crypto.share_sum import ShareSum
from fedmf.errors import KeyMaterialError, MessageError, OpenError
from fedmf.protocol.committee.exchange import SHARE, AnswerReply
from fedmf.protocol.committee.layout import committee_layout, committee_pads, tag_context
from fedmf.protocol.enrolment.reader_secret import reader_envelope_key
from fedmf.protocol.framing import u32
from fedmf.protocol.integrity_tags import IntegrityTags, split_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedmf.crypto.rlwe_public import PublicPolynomials
    from fedmf.protocol.committee.closing import SumProof
    from fedmf.protocol.enrolment.charter import Charter
    from fedmf.protocol.enrolment.roster import Roster
    from fedmf.protocol.lattice_layout import LatticeLayout
    from fedmf.protocol.messages import ClosingMessage
    from fedmf.protocol.table import Int64Array

COPY = "copy of the table"


class LyingMemberWarning(UserWarning):
    """A member of the committee answered with something else than its share of the sum."""


@dataclass(frozen=True, slots=True)
class OpenedSum:
    """A sum that opened."""

    changes: Int64Array
    """The exact sums of the round's changes, int64, shape (values,)."""
    liars: tuple[int, ...]
    """Members whose answers were not their shares, ascending."""


def servers_tags(secret: bytes, charter: Charter, counted_round: int = 1) -> IntegrityTags:
    """Return what tags are made with where the server opens: only over wide values.

    Only members could lie to such a server. Words under a false key do not open, and so need no
    tags; but nothing in a value beside them tells whether its pad was true.
    """
    layout = committee_layout(charter.session, counted_round)
    context = tag_context(charter, counted_round)
    return IntegrityTags(MasterSecret(secret), context, layout.beside, layout.tags)


def read_share(member: int, content: bytes, charter: Charter) -> ShareSum:
    """Return the share that a member answered with; raise MessageError if it is none."""
    held = len(charter.terms.sharing.held_by(member))
    return ShareSum.from_bytes(content, held, committee_pads(charter.session))


def open_round_sum(
    payload: bytes,
    answers: Mapping[int, ShareSum],
    *,
    uploads: int,
    charter: Charter,
    layout: LatticeLayout,
    public: PublicPolynomials,
    before: Int64Array,
    tags: IntegrityTags,
    masks: NDArray[np.uint64] | None = None,
) -> OpenedSum:
    """Open a sum; where members disagree, find the liars by what opens.

    Parameters
    ----------
    payload
        The sum of the included uploads' words, and of the padded numbers behind them.
    answers
        The members' shares.
    uploads
        How many uploads are included.
    before
        The rows that travelled, of the table that the round worked on, flat.
    tags
        What the tags of the uploads were made with: over all values in a blind session, and
        otherwise `servers_tags`.
    masks
        The sum of the masks of their tags, uint64, shape (tags,); none unless given.

    Raises
    ------
    MessageError
        Not as many words and numbers as there should be.
    OpenError
        No set of liars small enough explains the answers, or the sum is not that of these
        uploads. Which of the two, nobody is told.
    """
    packed, numbers = split_numbers(payload, layout.words_bytes, layout.numbers)
    words = unpack_words(packed, layout.blocks, layout.size, to_read=True)
    if masks is not None:
        numbers[: layout.tags] -= masks
    for padded, liars in charter.terms.sharing.candidate_keys(answers, uploads):
        try:
            messages = open_sum(
                words, public=public, key=padded.key, size=layout.size, uploads=uploads
            )
            found = numbers - padded.pads[: layout.numbers]
            beside = found[layout.tags :]
            changes = layout.sums(messages, beside, before)
            tagged = changes if charter.terms.blind else beside.view(np.int64)
            tags.check(found[: layout.tags], tags.of(tagged))
            layout.check_beside(changes, before)
        except OpenError:
            continue
        return OpenedSum(changes, liars)
    raise OpenError(DOES_NOT_OPEN)


def warn_of_liars(liars: Sequence[int], round_number: int) -> None:
    """Warn of members that answered with something else than their shares."""
    if liars:
        warnings.warn(
            f"of the committee, members {', '.join(map(str, liars))} answered with something else "
            f"than their shares in round {round_number}; the others' answers opened the sum",
            LyingMemberWarning,
            stacklevel=3,
        )


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
