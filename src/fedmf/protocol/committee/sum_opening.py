"""Opening a round's sum with the members' answers, whoever does it: participants or the server."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedmf.crypto.labels import labelled_hash
from fedmf.crypto.rlwe import DOES_NOT_OPEN, open_sum
from fedmf.crypto.rlwe_public import PublicPolynomials
from fedmf.errors import OpenError
from fedmf.protocol.lattice_layout import LatticeLayout

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from fedmf.crypto.rlwe_words import Words
    from fedmf.crypto.share_sum import ShareSum
    from fedmf.protocol.committee.charter import Charter
    from fedmf.protocol.session import Session
    from fedmf.protocol.table import Int64Array


class LyingMemberWarning(UserWarning):
    """A member of the committee answered with something else than its share of the sum."""


@dataclass(frozen=True, slots=True)
class OpenedSum:
    """A sum that opened.

    Parameters
    ----------
    messages
        What the words held, int64, flat, padding included.
    liars
        Members whose answers were not their shares, ascending.
    """

    messages: Int64Array
    liars: tuple[int, ...]


def public_polynomials(charter: Charter) -> PublicPolynomials:
    """Return the public polynomials: a hash of all that was agreed upon; nobody may choose them."""
    seed = labelled_hash("public polynomials", charter.digest)
    return PublicPolynomials(seed)


def committee_layout(session: Session) -> LatticeLayout:
    """Return how changes lie in words; a sum is one round's, so nothing adds up over rounds.

    Raises
    ------
    WordSizeError
        No words have room for so many uploads.
    """
    return LatticeLayout.plan(session.shape, uploads=session.participants, spare_bits=1)


def open_round_sum(
    words: Words,
    answers: Mapping[int, ShareSum],
    *,
    uploads: int,
    charter: Charter,
    layout: LatticeLayout,
    public: PublicPolynomials,
    check: Callable[[Int64Array, NDArray[np.uint64]], None] | None = None,
) -> OpenedSum:
    """Open a sum; where members disagree, find the liars by what opens.

    Parameters
    ----------
    words
        The sum of the included uploads' words.
    answers
        The members' shares.
    uploads
        How many uploads are included.
    check
        Raises OpenError unless the opened messages are what they should be, given the sum of the
        pads of the uploads' integrity tags; None where uploads have no tags. What members say of
        pads counts nothing then.

    Raises
    ------
    OpenError
        No set of liars small enough explains the answers, or the sum is not that of these
        uploads. Which of the two, nobody is told.
    """
    if check is None:
        answers = {member: answer.without_pads() for member, answer in answers.items()}
    for padded, liars in charter.terms.sharing.candidate_keys(answers, uploads):
        try:
            messages = open_sum(
                words, public=public, key=padded.key, size=layout.size, uploads=uploads
            ).reshape(-1)
            if check is not None:
                check(messages, padded.pads)
        except OpenError:
            continue
        return OpenedSum(messages, liars)
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
