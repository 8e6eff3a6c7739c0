"""What the server hands out between rounds under a committee: the table in one of four forms.

======== ======================= ==============================================================
form     who makes it            what it holds
======== ======================= ==============================================================
START    everybody               no table: the public start table is known
SUM      the blind server        the sum of a round's words, for those who hold the table before
COPY     the blind server        the same, and behind it a `TableCopy` of the table before
PLAIN    the server that opens   the table, in plain words; on its way out in as few bits as agreed
======== ======================= ==============================================================

A copy is of the table *before* the last closed round, and not of the one after it: everybody can
seal to the reader key, but of the table before a closed round t members have signed the digest,
which no server can make without the participants' secret.

A server that opens puts its *tag secret* in front of what it hands out, 32 bytes, in START and in
PLAIN.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from fedmf.crypto.derivation import MASTER_SECRET_BYTES, labelled_hash
from fedmf.errors import MessageError
from fedmf.protocol.wire import U32, BodyReader, Record, Rest, one_of

if TYPE_CHECKING:
    from fedmf.protocol.enrolment.charter import Charter

OPENED_TABLE_EXTRA = 1 + 4 + MASTER_SECRET_BYTES
"""Bytes of a payload in form PLAIN in front of the table itself."""


class TableForm(enum.IntEnum):
    """The form of a table payload."""

    START = 0
    SUM = 1
    COPY = 2
    PLAIN = 3


@dataclass(frozen=True, slots=True)
class TableCopy(Record):
    """A participant's copy of the table for those who come late."""

    round: U32
    """The last closed round."""
    sealed: Rest = field(repr=False)
    """The table before it, sealed to the reader key."""


@dataclass(frozen=True, slots=True)
class TablePayload(Record):
    """A table on its way to participants."""

    form: Annotated[TableForm, one_of(TableForm, "a table in form {}")]
    """What the content is."""
    round: U32
    """The last round that the table includes; 0 for the start."""
    content: Rest = field(default=b"", repr=False)
    """As the form says."""

    def words_and_copy(self, words_bytes: int) -> tuple[bytes, bytes | None]:
        """Return the words of a sum, and the copy behind it, if there is one."""
        if self.form == TableForm.COPY:
            return self.content[:words_bytes], self.content[words_bytes:]
        return self.content, None

    def tag_secret_and_words(self) -> tuple[bytes, bytes]:
        """Return the tag secret of a server that opens, and the plain words behind it.

        Raises
        ------
        MessageError
            There is no secret, or a start table with words.
        """
        reader = BodyReader(self.content)
        secret, words = reader.take(MASTER_SECRET_BYTES), reader.rest()
        if self.form == TableForm.START and words:
            raise MessageError("a start table with words")
        return secret, words

    def check_read(self) -> None:
        """Check that a start table includes no round."""
        if self.form == TableForm.START and self.round:
            raise MessageError("a start table that includes rounds")


def plain_table_digest(words: bytes, charter: Charter, tag_secret: bytes = b"") -> bytes:
    """Return the digest of a table, and of the tag secret that a server hands out with it.

    Uploads of one context have one digest, so that all their tags have the same factors: with
    factors of its own for everybody, a server could tell single uploads apart.
    """
    return labelled_hash("table", charter.digest, tag_secret + words)
