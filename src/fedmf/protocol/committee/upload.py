"""What a participant sends in a round: words, a header that stands for them, and envelopes.

The key of the words is the sum of small keys from seeds, one for every subset of t-1 members. What
hides the numbers behind them, integrity tags and values that are too wide for words, is the sum of
pads from the same seeds. Each member gets, in an envelope that only it can open, the seeds of the
subsets that it is not in. The upload header commits to words, numbers and seeds: to words and
numbers by a Merkle root, and to each seed, so that all members
that hold a seed hold the same one.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np

from fedmf.crypto.derivation import KEY_BYTES as SEED_BYTES
from fedmf.crypto.derivation import labelled, labelled_hash
from fedmf.crypto.envelopes import EnvelopePublicKey
from fedmf.crypto.rlwe_key import PaddedKey, RlweKey
from fedmf.crypto.rlwe_words import Words, pack_words
from fedmf.crypto.signatures import SigningKey, check_signature
from fedmf.errors import MessageError
from fedmf.protocol.integrity_tags import Numbers, pack_numbers
from fedmf.protocol.lattice_layout import LatticeLayout, committee_layout, committee_pads
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
    u32,
)

if TYPE_CHECKING:
    from fedmf.crypto.secret_material import KeyRandomness
    from fedmf.protocol.enrolment.charter import Charter
    from fedmf.protocol.table import Change, Int64Array

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


def words_root(words: bytes, layout: LatticeLayout) -> bytes:
    """Return the Merkle root of an upload's words and all behind; MessageError: a wrong size."""
    return layout.root(words, "upload")


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
    """Merkle root of the words and what is behind them."""
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

    def check_words(self, words: bytes, layout: LatticeLayout) -> None:
        """Raise MessageError unless words have the right size and are those of the header."""
        if words_root(words, layout) != self.words:
            raise MessageError("the words are not those that their participant signed")


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
        """Check that the envelopes are those of the header."""
        found = tuple(labelled_hash("envelope", one) for one in self.envelopes)
        if found != self.signed.envelopes:
            raise MessageError("an envelope is not the one that its participant signed")


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


@dataclass(frozen=True, slots=True)
class OpenRound:
    """A round as a participant takes part in it."""

    round: int
    """Its number."""
    charter: Charter
    """The charter."""
    keys: Mapping[int, bytes]
    """The public envelope keys of the members that are there, by ascending member."""
    table: bytes
    """Digest of the table that the participant works on."""
    context: bytes
    """Its context."""
    counted_round: int
    """Which of the session's rounds it is."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class UploadDraft:
    """An upload whose words are still to be encrypted."""

    messages: Int64Array
    """What goes into words."""
    layout: LatticeLayout
    """How they lie there."""
    key: RlweKey
    """Of these words and of no others."""
    noise_seed: bytes
    """Of their noise."""
    behind: bytes
    """Tags and wide values under pads."""
    seeds: Sequence[bytes]
    """What the key and the pads are the sum of, by subset of the members."""
    nonce: bytes
    """The upload's nonce."""

    @classmethod
    def of(
        cls,
        change: Change,
        now: OpenRound,
        tagged: Callable[..., Numbers],
        participant: int,
        randomness: KeyRandomness,
    ) -> UploadDraft:
        """Return the draft of an upload.

        Parameters
        ----------
        change
            Checked against the session's shape.
        tagged
            Makes the tags of an upload; see `HeldTable.tags_of`.
        randomness
            Source of seeds, nonce and noise; hedged with the change, so that even a stuck source
            repeats no key for another message.
        """
        session, sharing = now.charter.session, now.charter.terms.sharing
        part = session.schedule.load(now.counted_round).part
        layout = committee_layout(session, now.counted_round)
        values = part.shape.flat_change(part.take_change(change))
        fresh = randomness.bytes(96, _listed(change))
        nonce, noise_seed, hedge = fresh[:32], fresh[32:64], fresh[64:]
        # The hedge stands for the values, so that they are read once.
        seeds = sharing.fresh_seeds(randomness, hedge)
        messages, beside = layout.split(values)
        padded = PaddedKey.sum_of_seeds(seeds, committee_pads(session))
        # Pads also hide the tags from a server that learns the masks from another participant.
        tags = tagged(now.counted_round, values, beside, now.context, u32(participant), nonce)
        numbers = np.concatenate([tags, beside]) + padded.pads[: layout.numbers]
        behind = pack_numbers(numbers)
        return cls(messages, layout, padded.key, noise_seed, behind, seeds, nonce)

    def sealed(
        self,
        encrypted: Words,
        now: OpenRound,
        *,
        participant: int,
        kind: Kind,
        bases: tuple[int, ...],
        key: SigningKey,
    ) -> CommitteePayload:
        """Return the payload: with a signed header, and the seeds in envelopes.

        Parameters
        ----------
        encrypted
            The messages under the draft's key.
        kind
            What the upload means.
        bases
            By part that travels, the last closed round whose set held it.
        key
            The participant's.
        """
        words = pack_words(encrypted, self.layout.size, behind=self.behind)
        committed = (
            commitment(now.context, participant, subset, seed)
            for subset, seed in enumerate(self.seeds)
        )
        root = words_root(words, self.layout)
        header = UploadHeader(
            now.context, participant, kind, bases, root, self.nonce, tuple(committed)
        )
        envelopes = _envelopes(self.seeds, header, now)
        signed = SignedHeader.signed(header, envelopes, key, now.charter)
        return CommitteePayload(now.table, signed, envelopes, words)


def _envelopes(seeds: Sequence[bytes], header: UploadHeader, now: OpenRound) -> tuple[bytes, ...]:
    """Seal to each member that made a key for the round the seeds that it is to hold."""
    digest, terms = header.digest(now.charter), now.charter.terms
    return tuple(
        EnvelopePublicKey(public, suite=terms.suite).seal(
            envelope_content({subset: seeds[subset] for subset in terms.sharing.held_by(member)}),
            SEEDS,
            *envelope_context(digest, member),
        )
        for member, public in now.keys.items()
    )


def _listed(change: Change) -> bytes:
    """Return a change as bytes that no other change has."""
    arrays = [array for part in change for array in (part.rows, part.values)]
    return labelled("change", *(array.tobytes() for array in arrays))
