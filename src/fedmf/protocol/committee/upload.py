"""What a participant sends in a round: words, a head that stands for them, and envelopes.

The key of the words is the sum of small keys from seeds, one for every subset of t-1 members. What
hides the numbers behind them, integrity tags and values that are too wide for words, is the sum of
pads from the same seeds. Each member gets, in an envelope that it alone opens, the seeds of the
subsets that it is not in. The head commits to words, numbers and seeds, so that all who hold a seed
hold the same one.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedmf.crypto.keystream import KEY_BYTES as SEED_BYTES
from fedmf.crypto.labels import labelled_hash
from fedmf.crypto.signatures import SIGNATURE_BYTES, SigningKey, check_signature
from fedmf.errors import MessageError
from fedmf.protocol.committee.certificate import DIGEST_BYTES
from fedmf.protocol.framing import BodyReader, sized, u32

if TYPE_CHECKING:
    from fedmf.protocol.committee.charter import Charter

LABEL = "upload"
MOST_ENVELOPE_BYTES = 16_384
NONCE_BYTES = 32


class Kind(enum.IntEnum):
    """What an upload means; members let the first two kinds and leaves pass in batches only."""

    FIRST = 1
    UPDATE = 2
    LEAVE = 3


def commitment(context: bytes, participant: int, subset: int, seed: bytes) -> bytes:
    """Return the commitment to the seed of a subset of members."""
    return labelled_hash("seed", context, u32(participant), u32(subset), seed)


def words_digest(words: bytes) -> bytes:
    """Return the digest that a head commits to the words with."""
    return labelled_hash("words", words)


@dataclass(frozen=True, slots=True)
class Head:
    """Stands for one upload in everything that follows."""

    context: bytes
    """The round's context."""
    participant: int
    """Who uploads."""
    kind: Kind
    """First, update or leave."""
    words: bytes
    """Digest of the words and what is behind them."""
    nonce: bytes
    """The upload's nonce."""
    commitments: tuple[bytes, ...]
    """To the seeds, in the order of the subsets."""

    def digest(self, charter: Charter) -> bytes:
        """Return the hash that names the upload."""
        return labelled_hash(
            "head",
            charter.digest,
            self.context,
            u32(self.participant),
            bytes([self.kind]),
            self.words,
            self.nonce,
            *self.commitments,
        )

    def to_bytes(self) -> bytes:
        """Return the head as bytes, without the participant, which every message names anyway."""
        return b"".join(
            [self.context, bytes([self.kind]), self.words, self.nonce, *self.commitments]
        )

    @classmethod
    def read(cls, reader: BodyReader, participant: int, charter: Charter) -> Head:
        """Read a head out of a body; raise MessageError if there is none."""
        context = reader.take(DIGEST_BYTES)
        kind = reader.take(1)[0]
        if kind not in list(Kind):
            raise MessageError(f"an upload of kind {kind}, which does not exist")
        return cls(
            context,
            participant,
            Kind(kind),
            reader.take(DIGEST_BYTES),
            reader.take(NONCE_BYTES),
            tuple(reader.take(DIGEST_BYTES) for _ in charter.terms.sharing.subsets),
        )


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head, the digests of its envelopes, and the participant's signature under both."""

    head: Head
    """The head."""
    envelopes: tuple[bytes, ...]
    """Digest of each envelope, in the order of the opening's members."""
    signature: bytes
    """64 bytes."""

    @classmethod
    def signed(
        cls, head: Head, envelopes: Sequence[bytes], key: SigningKey, charter: Charter
    ) -> SignedHead:
        """Return the head with the participant's signature."""
        digests = tuple(labelled_hash("envelope", envelope) for envelope in envelopes)
        return cls(head, digests, key.sign(LABEL, head.digest(charter), *digests))

    def check(self, key: bytes, charter: Charter) -> bytes:
        """Return the head's digest; raise MessageError unless the owner of this key signed it."""
        digest = self.head.digest(charter)
        check_signature(key, self.signature, LABEL, digest, *self.envelopes)
        return digest

    def to_bytes(self) -> bytes:
        """Return it as bytes."""
        return b"".join([self.head.to_bytes(), *self.envelopes, self.signature])

    @classmethod
    def read(
        cls, reader: BodyReader, participant: int, members: int, charter: Charter
    ) -> SignedHead:
        """Read a signed head out of a body; raise MessageError if there is none."""
        head = Head.read(reader, participant, charter)
        envelopes = tuple(reader.take(DIGEST_BYTES) for _ in range(members))
        return cls(head, envelopes, reader.take(SIGNATURE_BYTES))


@dataclass(frozen=True, slots=True)
class CommitteePayload:
    """The payload of an upload."""

    table: bytes
    """Digest of the table that the participant worked on, from which all compute the context."""
    signed: SignedHead
    """The signed head."""
    envelopes: tuple[bytes, ...]
    """One for each member of the opening, in its order."""
    words: bytes
    """The protected words, and the padded tags and values behind them."""

    def to_bytes(self) -> bytes:
        """Return the payload as bytes."""
        envelopes = b"".join(map(sized, self.envelopes))
        return b"".join([self.table, self.signed.to_bytes(), envelopes, self.words])

    @classmethod
    def from_bytes(
        cls, data: bytes, participant: int, members: int, charter: Charter
    ) -> CommitteePayload:
        """Read a payload; raise MessageError if `data` is not one.

        Whether the envelopes and the words are those of the head is checked here, too.
        """
        reader = BodyReader(data)
        table = reader.take(DIGEST_BYTES)
        signed = SignedHead.read(reader, participant, members, charter)
        envelopes = tuple(reader.sized(at_most=MOST_ENVELOPE_BYTES) for _ in range(members))
        words = reader.rest()
        if tuple(labelled_hash("envelope", one) for one in envelopes) != signed.envelopes:
            raise MessageError("an envelope is not the one that its participant signed")
        if words_digest(words) != signed.head.words:
            raise MessageError("the words are not those that their participant signed")
        return cls(table, signed, envelopes, words)


def envelope_context(head: bytes, member: int) -> tuple[bytes, ...]:
    """Return what an envelope is bound to: its head's digest, and the member that it is for."""
    return (head, u32(member))


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
