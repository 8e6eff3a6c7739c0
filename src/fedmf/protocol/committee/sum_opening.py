"""Opening a round's sum with the members' answers, whoever does it: participants or the server."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fedmf.crypto.labels import labelled_hash
from fedmf.crypto.master_secret import MasterSecret
from fedmf.crypto.rlwe import DOES_NOT_OPEN, open_sum
from fedmf.crypto.rlwe_public import PublicPolynomials
from fedmf.crypto.rlwe_words import unpack_words
from fedmf.errors import OpenError
from fedmf.protocol.framing import u32
from fedmf.protocol.integrity_tags import IntegrityTags, split_numbers
from fedmf.protocol.lattice_layout import LatticeLayout
from fedmf.protocol.slices import MOST_SLICES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedmf.crypto.share_sum import ShareSum
    from fedmf.protocol.enrolment.charter import Charter
    from fedmf.protocol.session import Session
    from fedmf.protocol.table import Int64Array, TableShape


class LyingMemberWarning(UserWarning):
    """A member of the committee answered with something else than its share of the sum."""


@dataclass(frozen=True, slots=True)
class OpenedSum:
    """A sum that opened."""

    changes: Int64Array
    """The exact sums of the round's changes, int64, shape (values,)."""
    liars: tuple[int, ...]
    """Members whose answers were not their shares, ascending."""


def public_polynomials(charter: Charter) -> PublicPolynomials:
    """Return the public polynomials: a hash of all that was agreed upon; nobody may choose them."""
    seed = labelled_hash("public polynomials", charter.digest)
    return PublicPolynomials(seed)


def committee_layout(session: Session, counted_round: int = 1) -> LatticeLayout:
    """Return how the changes of a round lie in words; no sum is over several rounds.

    Raises
    ------
    WordSizeError
        So many uploads are more than any sum may have.
    """
    return planned_layout(session.schedule.load(counted_round).part.shape, session.participants)


@functools.lru_cache(maxsize=MOST_SLICES)
def planned_layout(shape: TableShape, uploads: int) -> LatticeLayout:
    """Return `LatticeLayout.plan` of these, which every upload asks for."""
    return LatticeLayout.plan(shape, uploads=uploads)


def committee_pads(session: Session) -> int:
    """Return how many pads every seed stands for, whichever round it is for.

    Members need not know what travels in a round. Where fewer numbers do, the last pads are spare.

    Raises
    ------
    WordSizeError
        So many uploads are more than any sum may have.
    """
    return max(
        planned_layout(load.part.shape, session.participants).numbers
        for load in session.schedule.loads
    )


def tag_context(charter: Charter, counted_round: int) -> bytes:
    """Return what the factors of a round's tags are for: the charter, and the parts that travel."""
    numbers = charter.session.schedule.load(counted_round).numbers
    return charter.digest + b"".join(map(u32, numbers))


def servers_tags(secret: bytes, charter: Charter, counted_round: int = 1) -> IntegrityTags:
    """Return what tags are made with where the server opens: over the values beside words alone.

    Only members could lie to such a server. Words under a false key do not open, and so need no
    tags; but nothing in a value beside them tells whether its pad was true.
    """
    layout = committee_layout(charter.session, counted_round)
    context = tag_context(charter, counted_round)
    return IntegrityTags(MasterSecret(secret), context, layout.beside, layout.tags)


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
