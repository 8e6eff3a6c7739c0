"""What everybody agrees on before the first round, and the digest that names it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

from fedmf.crypto.envelopes import DEFAULT_SUITE, ENVELOPE_SUITES
from fedmf.crypto.replicated_sharing import ReplicatedSharing
from fedmf.errors import SettingsError
from fedmf.protocol.compact_words import DownloadTerms
from fedmf.protocol.json_documents import Format, JsonDocument
from fedmf.protocol.json_fields import OMITTED, TEXT, JsonFields, Named, Spelling, as_list, list_of
from fedmf.protocol.slices import Schedule, SliceTerms
from fedmf.protocol.table import Change, GroupShape, Rows, TableShape
from fedmf.protocol.traits import Traits, traits_of

Upload = Literal["full", "slices", "part"]
UPLOADS: tuple[Upload, ...] = ("full", "slices", "part")
OpenedBy = Literal["participants", "server"]
OPENED_BY: tuple[OpenedBy, ...] = ("participants", "server")
LEAST_COHORT = 3
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


@dataclass(frozen=True, slots=True)
class CommitteeTerms(JsonFields):
    """The terms of a committee; part of the session.

    Raises
    ------
    SettingsError
        Terms that protect nobody; all problems at once.
    """

    members: int
    """c, the number of members, 1 to 10."""
    threshold: int
    """t, how many of them have to answer; more than half."""
    opened_by: OpenedBy
    """``"participants"``: members seal their answers to the participants, and the server reads
    nothing (blind). ``"server"``: the server opens the sums and hands out the table."""
    corrupt: int
    """How many participants are assumed to work with the server."""
    smallest_cohort: int
    """Members answer for no fewer uploads; at least `corrupt` + 2 and never below 3, since a sum of
    one honest participant and of others who tell is that participant."""
    setup_rounds: int = 0
    """So many rounds come before those that learn. Who is summed in these alone has its first
    contribution still to come."""
    oldest_base: int = 3
    """K: an update's base, the last round that held its participant, is at most this many turns of
    its part of the table old; 1 would be the last turn. Those who were away for longer renew."""
    lone_lots: bool = False
    """Whether a lot may be a single upload, as where participants are a few silos, whose uploads
    are sums of their own. The set still holds `smallest_cohort` uploads."""
    suite: str = DEFAULT_SUITE
    """How envelopes to members are sealed, a name of `fedmf.crypto.envelopes.ENVELOPE_SUITES`."""

    def __post_init__(self) -> None:
        problems = []
        try:
            ReplicatedSharing(self.members, self.threshold)
        except SettingsError as error:
            problems.append(str(error))
        if self.opened_by not in OPENED_BY:
            problems.append(f"a sum is opened by {' or by '.join(OPENED_BY)}")
        if self.corrupt < 0:
            problems.append("the number of corrupt participants cannot be negative")
        least = max(LEAST_COHORT, self.corrupt + 2)
        if self.smallest_cohort < least:
            problems.append(
                f"with {self.corrupt} corrupt participants the smallest cohort is at least "
                f"{least}, not {self.smallest_cohort}"
            )
        if self.setup_rounds < 0 or self.oldest_base < 1:
            problems.append("set-up rounds are not negative, and bases at least one turn old")
        if self.suite not in ENVELOPE_SUITES:
            problems.append(f"the suite of envelopes is one of {', '.join(ENVELOPE_SUITES)}")
        if problems:
            raise SettingsError("; ".join(problems))

    @property
    def sharing(self) -> ReplicatedSharing:
        """How the key of an upload is shared out."""
        return ReplicatedSharing(self.members, self.threshold)

    @property
    def smallest_lot(self) -> int:
        """Uploads of a kind come in so many at least."""
        return 1 if self.lone_lots else self.smallest_cohort

    @property
    def blind(self) -> bool:
        """Whether the server reads nothing."""
        return self.opened_by == "participants"


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
        kind = self.traits
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

    def rows_named(self, change: Change) -> Rows | None:
        """Return the rows that an upload names to the server; None without ``part``."""
        return [part.rows for part in change] if self.upload == "part" else None

    @property
    def traits(self) -> Traits:
        """What distinguishes its protection."""
        return traits_of(self.protection)

    @property
    def nonce_bytes(self) -> int:
        """Length of the nonce of every upload."""
        return self.traits.nonce_bytes

    @property
    def sends_opened_tables(self) -> bool:
        """Whether the server reads the table, and hands it out as it reads it."""
        opened_by = None if self.committee is None else self.committee.opened_by
        return self.traits.server_opens(opened_by)

    @property
    def last_round(self) -> int:
        """The largest number that a round may have; under a committee void rounds also count."""
        return 2**32 - 3 if self.traits.has_committee else self.rounds

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of a label and the canonical bytes."""
        return hashlib.sha256(LABEL + self.to_bytes()).digest()
