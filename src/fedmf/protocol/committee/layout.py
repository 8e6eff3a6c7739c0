"""How changes lie in the words of a round, and what a charter's rounds have in common."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from fedmf.crypto.labels import labelled_hash
from fedmf.crypto.rlwe_public import PublicPolynomials
from fedmf.protocol.framing import u32
from fedmf.protocol.lattice_layout import LatticeLayout
from fedmf.protocol.slices import MOST_SLICES

if TYPE_CHECKING:
    from fedmf.protocol.enrolment.charter import Charter
    from fedmf.protocol.halves import Rows
    from fedmf.protocol.session import Session
    from fedmf.protocol.table import TableShape


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


def layout_carrying(session: Session, rows: Rows | None) -> LatticeLayout:
    """Return how what travels with some rows lies in words; with None, the whole table."""
    part = session.schedule.carrying(rows) if rows is not None else None
    return planned_layout(session.shape if part is None else part.shape, session.participants)


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


def plain_table_digest(words: bytes, charter: Charter, tag_secret: bytes = b"") -> bytes:
    """Return the digest of a table, and of the tag secret that a server hands out with it.

    Uploads of one context have one digest, so that all their tags have the same factors: with
    factors of its own for everybody, a server could tell single uploads apart.
    """
    return labelled_hash("table", charter.digest, tag_secret + words)
