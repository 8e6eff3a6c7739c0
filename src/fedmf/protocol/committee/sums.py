"""Opening a round's sum with the members' answers, by participants or by the server.

Participants open it under a blind committee, with what they share; see
`fedmf.protocol.committee.held_table`. Otherwise the server does, and hands the table out.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fedmf.crypto.derivation import MasterSecret, labelled_hash
from fedmf.crypto.rlwe import DOES_NOT_OPEN, open_sum
from fedmf.crypto.rlwe_ring import PublicPolynomials
from fedmf.crypto.rlwe_words import (
    Words,
    add_words,
    pack_words,
    subtract_words,
    unpack_words,
    zero_words,
)
from fedmf.crypto.share_sum import ShareSum
from fedmf.errors import OpenError
from fedmf.protocol.integrity_tags import (
    IntegrityTags,
    pack_numbers,
    split_numbers,
    tag_context,
)
from fedmf.protocol.lattice_layout import LatticeLayout, committee_layout, committee_pads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedmf.protocol.enrolment.charter import Charter
    from fedmf.protocol.table import Int64Array


class LyingMemberWarning(UserWarning):
    """A member of the committee answered with something else than its share of the sum."""


@dataclass(frozen=True, slots=True)
class OpenedSum:
    """A sum that opened."""

    changes: Int64Array
    """The exact sums of the round's changes, int64, shape (values,)."""
    liars: tuple[int, ...]
    """Members whose answers were not their shares, ascending."""


class RoundSum:
    """The words of some uploads, added up, and the numbers behind them; nothing is opened.

    Parameters
    ----------
    layout
        How they lie in an upload.
    """

    def __init__(self, layout: LatticeLayout) -> None:
        self._layout = layout
        self._words = zero_words(layout.blocks, layout.size)
        self._numbers = np.zeros(layout.numbers, dtype=np.uint64)

    def add(self, upload: bytes) -> None:
        """Add an upload; raise MessageError, and add nothing, if there are too few words."""
        words, numbers = self._read(upload)
        add_words(self._words, words, self._layout.size)
        self._numbers += numbers

    def remove(self, upload: bytes) -> None:
        """Take an upload out again that was added."""
        words, numbers = self._read(upload)
        subtract_words(self._words, words, self._layout.size)
        self._numbers -= numbers

    def to_bytes(self) -> bytes:
        """Return the sum in the form of an upload."""
        return pack_words(self._words, self._layout.size) + pack_numbers(self._numbers)

    def root(self) -> bytes:
        """Return the Merkle root of the sum."""
        return sum_root(self.to_bytes(), self._layout)

    def _read(self, upload: bytes) -> tuple[Words, NDArray[np.uint64]]:
        layout = self._layout
        words, numbers = split_numbers(upload, layout.words_bytes, layout.numbers)
        return unpack_words(words, layout.blocks, layout.size, to_read=True), numbers


def sum_root(content: bytes, layout: LatticeLayout) -> bytes:
    """Return the Merkle root of a sum's words and all behind them; MessageError: a wrong size."""
    return layout.root(content, "sum")


def public_polynomials(charter: Charter) -> PublicPolynomials:
    """Return the public polynomials: a hash of all that was agreed upon; nobody may choose them."""
    seed = labelled_hash("public polynomials", charter.digest)
    return PublicPolynomials(seed)


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
