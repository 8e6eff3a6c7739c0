"""How an upload is made: words under a key of their own, and the key's seeds in envelopes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fedmf.crypto.envelopes import EnvelopePublicKey
from fedmf.crypto.labels import labelled
from fedmf.crypto.rlwe import encrypt
from fedmf.crypto.rlwe_key import PaddedKey
from fedmf.crypto.rlwe_words import pack_words
from fedmf.protocol.committee.layout import committee_layout, committee_pads
from fedmf.protocol.committee.upload import (
    SEEDS,
    CommitteePayload,
    SignedHeader,
    UploadHeader,
    commitment,
    envelope_content,
    envelope_context,
    words_digest,
)
from fedmf.protocol.framing import u32
from fedmf.protocol.integrity_tags import pack_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fedmf.crypto.randomness import KeyRandomness
    from fedmf.crypto.rlwe_public import PublicPolynomials
    from fedmf.crypto.signatures import SigningKey
    from fedmf.protocol.committee.held_table import HeldTable
    from fedmf.protocol.committee.opening import OpeningMessage
    from fedmf.protocol.committee.upload import Kind
    from fedmf.protocol.enrolment.charter import Charter
    from fedmf.protocol.table import Change


@dataclass(frozen=True, slots=True)
class OpenRound:
    """A round as a participant takes part in it."""

    opening: OpeningMessage
    context: bytes
    counted_round: int
    """Which of the session's rounds it is."""


def sealed_upload(
    change: Change,
    now: OpenRound,
    held: HeldTable,
    *,
    public: PublicPolynomials,
    participant: int,
    kind: Kind,
    bases: tuple[int, ...],
    key: SigningKey,
    randomness: KeyRandomness,
) -> CommitteePayload:
    """Return the payload of an upload.

    Parameters
    ----------
    change
        Checked against the session's shape.
    held
        The table that the participant works on.
    public
        The session's public polynomials.
    kind
        What the upload means.
    bases
        By part that travels, the last closed round whose set held it.
    key
        The participant's.
    randomness
        Source of seeds, nonce and noise; hedged with the change, so that even a stuck source
        repeats no key for another message.
    """
    charter = held.charter
    session, sharing = charter.session, charter.terms.sharing
    part = session.schedule.load(now.counted_round).part
    layout = committee_layout(session, now.counted_round)
    values = part.shape.flat_change(part.take_change(change))
    fresh = randomness.bytes(96, _listed(change))
    nonce, noise_seed, hedge = fresh[:32], fresh[32:64], fresh[64:]
    # The hedge stands for the values, so that they are read once.
    seeds = sharing.fresh_seeds(randomness, hedge)
    messages, beside = layout.split(values)
    padded = PaddedKey.sum_of_seeds(seeds, committee_pads(session))
    # The pads also hide the tags from a server that learns the masks from another participant.
    tags = held.tags_of(now.counted_round, values, beside, now.context, u32(participant), nonce)
    numbers = np.concatenate([tags, beside])
    encrypted = encrypt(
        messages, public=public, key=padded.key, noise_seed=noise_seed, size=layout.size
    )
    behind = pack_numbers(numbers + padded.pads[: layout.numbers])
    words = pack_words(encrypted, layout.size, behind=behind)
    committed = (
        commitment(now.context, participant, subset, seed) for subset, seed in enumerate(seeds)
    )
    header = UploadHeader(
        now.context, participant, kind, bases, words_digest(words), nonce, tuple(committed)
    )
    envelopes = _envelopes(seeds, header, now.opening, charter)
    signed = SignedHeader.signed(header, envelopes, key, charter)
    return CommitteePayload(held.digest, signed, envelopes, words)


def _envelopes(
    seeds: Sequence[bytes], header: UploadHeader, opening: OpeningMessage, charter: Charter
) -> tuple[bytes, ...]:
    """Seal to each member that made a key for the round the seeds that it is to hold."""
    digest, sharing = header.digest(charter), charter.terms.sharing
    return tuple(
        EnvelopePublicKey(member.public, suite=charter.terms.suite).seal(
            envelope_content({subset: seeds[subset] for subset in sharing.held_by(member.member)}),
            SEEDS,
            *envelope_context(digest, member.member),
        )
        for member in opening.keys
    )


def _listed(change: Change) -> bytes:
    """Return a change as bytes that no other change has."""
    arrays = [array for part in change for array in (part.rows, part.values)]
    return labelled("change", *(array.tobytes() for array in arrays))
