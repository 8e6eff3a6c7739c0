"""What everybody agrees on before the first round, and the digest that names it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

from fedmf.errors import SettingsError
from fedmf.protocol.committee_terms import CommitteeTerms
from fedmf.protocol.compact_words import DownloadTerms
from fedmf.protocol.json_documents import Format, JsonDocument
from fedmf.protocol.json_fields import OMITTED, TEXT, Named, Spelling, as_list, list_of
from fedmf.protocol.protection import protection_named
from fedmf.protocol.slices import Schedule, SliceTerms
from fedmf.protocol.table import GroupShape, TableShape

Upload = Literal["full", "slices", "part"]
UPLOADS: tuple[Upload, ...] = ("full", "slices", "part")
MOST_KEY_DIGITS = 4096
LABEL = f"{Format.SESSION}\n".encode()


def _unsigned(text: object) -> int:
    digits = TEXT.read(text)
    if digits.startswith("-"):
        raise ValueError("a positive number is due")
    if len(digits) > MOST_KEY_DIGITS:
        raise ValueError(f"at most {MOST_KEY_DIGITS} hexadecimal digits are due")
    return int(digits, 16)


_GROUPS = list_of(as_list(GroupShape))
_SHAPE = Spelling(
    lambda shape: _GROUPS.write(shape.groups), lambda groups: TableShape(_GROUPS.read(groups))
)
_HEXADECIMAL = Spelling("{:x}".format, _unsigned)


@dataclass(frozen=True)
class Session(JsonDocument):
    """The public parameters of one training session.

    Every message carries the session's digest, so that nothing said in one session, or under other
    parameters, is ever taken for something said in this one.

    Raises
    ------
    SettingsError
        Parameters that do not fit each other; all problems at once.
    UnknownNameError
        There is no such protection.
    """

    FORMAT = Format.SESSION
    NAMES_FORMAT = False

    session_id: bytes
    """16 random bytes: two sessions with equal parameters are different sessions."""
    protection: str
    """Name of the protection."""
    upload: Upload
    """``"full"``: every upload holds all rows, zeros included. ``"slices"``: all rows of the
    round's public slice. ``"part"``: only the rows that change, whose numbers the server sees."""
    shape: Annotated[TableShape, Named("groups"), _SHAPE]
    """Groups of the table and their words."""
    participants: int
    """Number of participants; their ids are 0 to participants - 1."""
    rounds: int
    """Number of rounds planned; the words hold the sums of this many and no more."""
    public_key: Annotated[int, _HEXADECIMAL] | None
    """Paillier's n; None where the protection has no public key."""
    learning_sha256: bytes
    """Digest of the learning settings, which the secrecy wing does not read but binds."""
    committee: Annotated[CommitteeTerms | None, OMITTED] = None
    """The committee's terms; None where the protection has none."""
    slices: Annotated[SliceTerms | None, OMITTED] = None
    """How the table is cut; None where all rows travel in every round."""
    download: Annotated[DownloadTerms | None, OMITTED] = None
    """How an opened table is sent in few bits; None where it is sent exactly, or is not opened."""

    def __post_init__(self) -> None:
        kind = protection_named(self.protection)
        problems = []
        if len(self.session_id) != 16:
            problems.append("a session id has 16 bytes")
        if self.upload not in UPLOADS:
            problems.append(f"upload is one of {', '.join(UPLOADS)}")
        if not self.shape.groups:
            problems.append("a table has at least one group")
        if not 1 <= self.participants < 2**32:
            problems.append("a session has 1 to 2^32 - 1 participants")
        # The table after the last round is that of round R + 1, which also has to fit into 32 bits.
        if not 1 <= self.rounds < 2**32 - 1:
            problems.append("a session has 1 to 2^32 - 2 rounds")
        if self.upload == "part" and not kind.names_rows:
            problems.append(f"protection {self.protection} never names rows: no upload part")
        if (self.upload == "slices") != (self.slices is not None):
            problems.append("upload slices, and no other, has terms of slices")
        if kind.has_committee != (self.committee is not None):
            problems.append("protection committee, and no other, has a committee's terms")
        if len(self.learning_sha256) != 32:
            problems.append("the digest of the learning settings has 32 bytes")
        if self.download is not None and not self.sends_opened_tables:
            problems.append("only tables that are opened before they are sent can be rounded")
        if problems:
            raise SettingsError("; ".join(problems))
        if (
            self.slices is not None
            and self.committee is not None
            and self.slices.setup_rounds != self.committee.setup_rounds
        ):
            raise SettingsError("slices and committee have the same set-up rounds")
        # A table that cannot be cut is no session. Nothing is made for its rows yet: the session
        # may be anybody's until it, or the charter that holds it, was compared.
        if self.slices is not None:
            self.slices.check_shape(self.shape)
        if self.download is not None:
            self.download.check_shape(self.shape)

    @cached_property
    def schedule(self) -> Schedule:
        """Which rows travel in which round."""
        return Schedule.of(self.shape, self.slices)

    @property
    def nonce_bytes(self) -> int:
        """Length of the nonce of every upload."""
        return protection_named(self.protection).nonce_bytes

    @property
    def sends_opened_tables(self) -> bool:
        """Whether the server reads the table, and hands it out as it reads it."""
        opened_by = None if self.committee is None else self.committee.opened_by
        return protection_named(self.protection).server_opens(opened_by)

    @property
    def last_round(self) -> int:
        """The largest number that a round may have; under a committee void rounds also count."""
        has_committee = protection_named(self.protection).has_committee
        return 2**32 - 3 if has_committee else self.rounds

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of a label and the canonical bytes."""
        return hashlib.sha256(LABEL + self.to_bytes()).digest()
