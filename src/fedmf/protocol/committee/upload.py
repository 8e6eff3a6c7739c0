"""What a participant sends in a round: words, a header that stands for them, and envelopes.

The key of the words is the sum of small keys from seeds, one for every subset of t-1 members. What
hides the numbers behind them, integrity tags and values that are too wide for words, is the sum of
pads from the same seeds. Each member gets, in an envelope that only it can open, the seeds of the
subsets that it is not in. The upload header commits to words, numbers and seeds, so that all
members that hold a seed hold the same one.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fedmf.crypto.keystream import KEY_BYTES as SEED_BYTES
from fedmf.crypto.labels import labelled_hash
from fedmf.crypto.signatures import SigningKey, check_signature
from fedmf.errors import MessageError
from fedmf.protocol.framing import u32
from fedmf.protocol.wire import (
    U32,
    Digest,
    Given,
    Known,
    Record,
    Rest,
    Signature,
    fixed,
    many,
    one_of,
    sized_bytes,
    times,
)

if TYPE_CHECKING:
    from fedmf.protocol.enrolment.charter import Charter

LABEL = "upload"
SEEDS = "seeds"
MOST_ENVELOPE_BYTES = 16_384
NONCE_BYTES = 32
BASE_BYTES = 4

Nonce = Annotated[bytes, fixed(NONCE_BYTES)]
Envelope = Annotated[bytes, sized_bytes(MOST_ENVELOPE_BYTES)]


class Kind(enum.IntEnum):
    """What an upload means; members answer for none of a kind, or for enough of it."""

    JOIN = 1
    """The table holds nothing of the participant."""
    FIRST = 2
    """It holds what set-up rounds summed, and nothing that was learned."""
    RENEW = 3
    """The participant was away for long, or its ratings are others now."""
    LEAVE = 4
    """The participant takes back all that it contributed."""
    UPDATE = 5
    """Anything else."""


def commitment(context: bytes, participant: int, subset: int, seed: bytes) -> bytes:
    """Return the commitment to the seed of a subset of members."""
    return labelled_hash("seed", context, u32(participant), u32(subset), seed)


def words_digest(words: bytes) -> bytes:
    """Return the digest that an upload header commits to the words with."""
    return labelled_hash("words", words)


def _subsets(known: Known) -> int:
    return len(known.charter.terms.sharing.subsets)


def _parts(known: Known) -> int:
    return len(known.charter.session.schedule.parts)


def _openers(known: Known) -> int:
    return len(known.opening.keys)


@dataclass(frozen=True, slots=True)
class UploadHeader(Record):
    """Stands for one upload in everything that follows."""

    context: Digest
    """The round's context."""
    participant: Given[int]
    """Who uploads; every message names it before the header."""
    kind: Annotated[Kind, one_of(Kind, "an upload of kind {}")]
    """What the upload means."""
    bases: Annotated[tuple[U32, ...], many(_parts)]
    """For each part that travels the last closed round whose set held it, as the participant knows
    it; 0: none did."""
    words: Digest
    """Digest of the words and what is behind them."""
    nonce: Nonce
    """The upload's nonce."""
    commitments: Annotated[tuple[Digest, ...], times(_subsets)]
    """To the seeds, in the order of the subsets."""

    def digest(self, charter: Charter) -> bytes:
        """Return the hash that names the upload."""
        return labelled_hash(
            "head",
            charter.digest,
            self.context,
            u32(self.participant),
            bytes([self.kind]),
            b"".join(map(u32, self.bases)),
            self.words,
            self.nonce,
            *self.commitments,
        )


@dataclass(frozen=True, slots=True)
class SignedHeader(Record):
    """An upload header, the digests of its envelopes, and a signature under both."""

    header: UploadHeader
    """The header."""
    envelopes: Annotated[tuple[Digest, ...], times(_openers)]
    """Digest of each envelope, in the order of the opening's members."""
    signature: Signature
    """64 bytes."""

    @classmethod
    def signed(
        cls, header: UploadHeader, envelopes: Sequence[bytes], key: SigningKey, charter: Charter
    ) -> SignedHeader:
        """Return the header with the participant's signature."""
        digests = tuple(labelled_hash("envelope", envelope) for envelope in envelopes)
        return cls(header, digests, key.sign(LABEL, header.digest(charter), *digests))

    def check(self, key: bytes, charter: Charter) -> bytes:
        """Return the header's digest; raise MessageError unless the owner of this key signed it."""
        digest = self.header.digest(charter)
        check_signature(key, self.signature, LABEL, digest, *self.envelopes)
        return digest


@dataclass(frozen=True, slots=True)
class CommitteePayload(Record):
    """The payload of an upload."""

    table: Digest
    """Digest of the table that the participant worked on, from which all compute the context."""
    signed: SignedHeader
    """The signed header."""
    envelopes: Annotated[tuple[Envelope, ...], times(_openers)]
    """One for each member of the opening, in its order."""
    words: Rest
    """The protected words, and the padded tags and values behind them."""

    def check_read(self) -> None:
        """Check that the envelopes and the words are those of the header."""
        found = tuple(labelled_hash("envelope", one) for one in self.envelopes)
        if found != self.signed.envelopes:
            raise MessageError("an envelope is not the one that its participant signed")
        if words_digest(self.words) != self.signed.header.words:
            raise MessageError("the words are not those that their participant signed")


def envelope_context(header: bytes, member: int) -> tuple[bytes, ...]:
    """Return what an envelope is bound to: its header's digest, and the member that it is for."""
    return (header, u32(member))


def envelope_content(seeds: Mapping[int, bytes]) -> bytes:
    """Return what goes into a member's envelope: its seeds, by ascending subset."""
    return b"".join(seeds[subset] for subset in sorted(seeds))


def envelope_seeds(content: bytes, subsets: Sequence[int]) -> dict[int, bytes]:
    """Return the seeds of an envelope by subset.

    Raises
    ------
    MessageError
        Not as many seeds as the member holds.
    """
    if len(content) != SEED_BYTES * len(subsets):
        raise MessageError("an envelope holds one seed for each subset that its member is not in")
    return {
        subset: content[at * SEED_BYTES : (at + 1) * SEED_BYTES]
        for at, subset in enumerate(subsets)
    }
