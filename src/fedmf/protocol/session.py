"""What everybody agrees on before the first round, and the digest that names it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from fedmf.errors import MessageError, SettingsError
from fedmf.protocol.canonical_json import UNREADABLE, canonical_json
from fedmf.protocol.committee.terms import CommitteeTerms
from fedmf.protocol.compact_words import DownloadTerms
from fedmf.protocol.slices import Schedule, SliceTerms
from fedmf.protocol.table import GroupShape, TableShape

Upload = Literal["full", "slices", "part"]
UPLOADS: tuple[Upload, ...] = ("full", "slices", "part")
LABEL = b"fedmf session 1\n"


@dataclass(frozen=True)
class Session:
    """The public parameters of one training session.

    Every message carries the session's digest, so that nothing said in one session, or under other
    parameters, is ever taken for something said in this one.
    """

    session_id: bytes
    """16 random bytes: two sessions with equal parameters are different sessions."""
    protection: str
    """Name of the protection."""
    upload: Upload
    """``"full"``: every upload holds all rows, zeros included. ``"slices"``: all rows of the
    round's public slice. ``"part"``: only the rows that change, whose numbers the server sees."""
    shape: TableShape
    """Groups of the table and their words."""
    participants: int
    """Number of participants; their ids are 0 to participants - 1."""
    rounds: int
    """Number of rounds planned; the words hold the sums of so many and no more."""
    public_key: int | None
    """Paillier's n; None where the protection has no public key."""
    learning_sha256: bytes
    """Digest of the learning settings, which the secrecy wing does not read but binds."""
    committee: CommitteeTerms | None = None
    """The committee's terms; None where the protection has none."""
    slices: SliceTerms | None = None
    """How the table is cut; None where all rows travel in every round."""
    download: DownloadTerms | None = None
    """How an opened table is sent in few bits; None where it is sent exactly, or is not opened."""

    def __post_init__(self) -> None:
        problems = []
        if len(self.session_id) != 16:
            problems.append("a session id has 16 bytes")
        if self.upload not in UPLOADS:
            problems.append(f"upload is one of {', '.join(UPLOADS)}")
        if not self.shape.groups:
            problems.append("a table has at least one group")
        if not 1 <= self.participants < 2**32:
            problems.append("a session has 1 to 2^32 - 1 participants")
        # The table after the last round is that of round R + 1, and has to fit into 32 bits, too.
        if not 1 <= self.rounds < 2**32 - 1:
            problems.append("a session has 1 to 2^32 - 2 rounds")
        if self.protection in ("rlwe", "committee") and self.upload == "part":
            problems.append(f"protection {self.protection} never names rows: no upload part")
        if (self.upload == "slices") != (self.slices is not None):
            problems.append("upload slices, and no other, has terms of slices")
        if (self.protection == "committee") != (self.committee is not None):
            problems.append("protection committee, and no other, has a committee's terms")
        if len(self.learning_sha256) != 32:
            problems.append("the digest of the learning settings has 32 bytes")
        if self.download is not None and not self.sends_opened_tables:
            problems.append("only tables that are opened before they are sent can be rounded")
        if problems:
            raise SettingsError("; ".join(problems))
        # A table that cannot be cut is no session.
        self.schedule  # noqa: B018
        if self.download is not None:
            self.download.check_shape(self.shape)

    @cached_property
    def schedule(self) -> Schedule:
        """Which rows travel in which round."""
        return Schedule.of(self.shape, self.slices)

    @property
    def nonce_bytes(self) -> int:
        """Length of the nonce of every upload: 32 where each has a key or masks of its own."""
        return 32 if self.protection in ("paillier", "rlwe", "committee") else 0

    @property
    def sends_opened_tables(self) -> bool:
        """Whether the server reads the table, and hands it out as it reads it."""
        if self.committee is not None:
            return not self.committee.blind
        return self.protection == "none"

    @property
    def last_round(self) -> int:
        """The largest number that a round may have; under a committee void rounds count, too."""
        return self.rounds if self.committee is None else 2**32 - 3

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of a label and the canonical bytes."""
        return hashlib.sha256(LABEL + self.to_bytes()).digest()

    def to_bytes(self) -> bytes:
        """Return the canonical bytes: JSON in UTF-8, keys sorted, no spaces, integers exact."""
        fields: dict[str, Any] = {
            "groups": [
                [group.name, group.rows, group.columns, group.word_bits]
                for group in self.shape.groups
            ],
            "learning_sha256": self.learning_sha256.hex(),
            "participants": self.participants,
            "protection": self.protection,
            "public_key": None if self.public_key is None else f"{self.public_key:x}",
            "rounds": self.rounds,
            "session_id": self.session_id.hex(),
            "upload": self.upload,
        }
        if self.committee is not None:
            fields["committee"] = self.committee.as_json()
        if self.slices is not None:
            fields["slices"] = self.slices.as_json()
        if self.download is not None:
            fields["download"] = self.download.as_json()
        return canonical_json(fields)

    @classmethod
    def from_bytes(cls, data: bytes) -> Session:
        """Return the session whose canonical bytes these are.

        Raises
        ------
        MessageError
            They are not the canonical bytes of a session.
        """
        try:
            fields = json.loads(data)
            public_key = fields["public_key"]
            session = cls(
                session_id=bytes.fromhex(fields["session_id"]),
                protection=_typed(fields["protection"], str),
                upload=_typed(fields["upload"], str),
                shape=TableShape(tuple(_group(*group) for group in fields["groups"])),
                participants=_typed(fields["participants"], int),
                rounds=_typed(fields["rounds"], int),
                public_key=None if public_key is None else _unsigned(public_key),
                learning_sha256=bytes.fromhex(fields["learning_sha256"]),
                committee=_terms(fields.get("committee")),
                slices=_slices(fields.get("slices")),
                download=_download(fields.get("download")),
            )
            canonical = session.to_bytes()
        except (*UNREADABLE, SettingsError) as error:
            raise MessageError(f"these bytes describe no session: {error}") from error
        if canonical != data:
            raise MessageError("the description of a session is not in its canonical form")
        return session


def _typed(value: Any, kind: type[Any]) -> Any:
    # Exactly: JSON's true is an int for isinstance.
    if type(value) is not kind:
        raise ValueError(f"{value!r} where {kind.__name__} is due")
    return value


def _unsigned(text: str) -> int:
    if text.startswith("-"):
        raise ValueError("a public key is positive")
    return int(text, 16)


def _group(name: object, *numbers: object) -> GroupShape:
    return GroupShape(_typed(name, str), *(_typed(number, int) for number in numbers))


def _slices(fields: Any) -> SliceTerms | None:
    if fields is None:
        return None
    groups, whole = _typed(fields["groups"], list), _typed(fields["whole_at_setup"], list)
    return SliceTerms(
        count=_typed(fields["count"], int),
        seed=_typed(fields["seed"], int),
        groups=tuple(_typed(name, str) for name in groups),
        setup_rounds=_typed(fields["setup_rounds"], int),
        whole_at_setup=tuple(_typed(name, str) for name in whole),
    )


def _download(fields: Any) -> DownloadTerms | None:
    if fields is None:
        return None
    counts = fields["counts"]
    return DownloadTerms(
        bits=_typed(fields["bits"], int),
        group=_typed(fields["group"], str),
        counts=None if counts is None else _typed(counts, str),
        prior=_typed(fields["prior"], int),
    )


def _terms(fields: Any) -> CommitteeTerms | None:
    if fields is None:
        return None
    numbers = ("members", "threshold", "corrupt", "smallest_cohort")
    return CommitteeTerms(
        **{name: _typed(value, int if name in numbers else str) for name, value in fields.items()}
    )
