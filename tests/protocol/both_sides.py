"""One session carried out by fedmf and by the stranger at once, on the same messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.paillier import PrivateKey
from fedmf.errors import OpenError
from fedmf.protocol import (
    ClosingMessage,
    GroupShape,
    Int64Array,
    ParticipantRole,
    RowChange,
    Server,
    Session,
    TableMessage,
    TableShape,
    participant_protection,
    server_protection,
    table_sha256,
)
from fedmf.protocol.session import Upload
from fedmf.protocol.slices import SliceTerms
from tests.protocol import stranger, stranger_rlwe
from tests.protocol.stranger import Change, Table, Terms
from tests.protocol.stranger_slices import Slices

# Words of 4, 1, 8 and 2 bytes; under a 1024-bit key rows of the first group take two ciphertexts,
# and with full uploads its ciphertexts end in the middle of rows.
GROUPS = (("items", 7, 40, 31), ("counts", 5, 1, 8), ("sums", 2, 3, 62), ("biases", 2, 2, 16))
# With slices of seven rows, of which the second slice has one fewer than the first.
SLICED_GROUPS = (("items", 7, 40, 31), ("sums", 2, 3, 62), ("raters", 7, 1, 8))
SLICES = Slices(3, ("items", "raters"), 11, 1, ("raters",))
FEDMF, STRANGER = (0, 1), (2, 3)
SECRET = MasterSecret(bytes(range(100, 132)))


def make_session(terms: Terms) -> Session:
    upload: Upload = terms.upload  # type: ignore[assignment]
    return Session(
        terms.session_id,
        terms.protection,
        upload,
        TableShape(tuple(GroupShape(*group) for group in terms.groups)),
        terms.participants,
        terms.rounds,
        terms.public_key,
        terms.learning_sha256,
        slices=None
        if terms.slices is None
        else SliceTerms(
            terms.slices.count,
            terms.slices.seed,
            terms.slices.groups,
            terms.slices.setup_rounds,
            terms.slices.whole_at_setup,
        ),
    )


def make_terms(
    protection: str,
    upload: str,
    key: PrivateKey,
    *,
    rounds: int = 2,
    slices: Slices | None = None,
) -> Terms:
    n = int(key.public.n) if protection == "paillier" else None
    groups = GROUPS if slices is None else SLICED_GROUPS
    return Terms(
        bytes(range(16)), protection, upload, groups, 4, rounds, n, bytes(range(32)), slices
    )


def stranger_protection(
    terms: Terms, key: PrivateKey | None = None
) -> stranger.Plain | stranger.Paillier:
    if terms.protection == "none":
        return stranger.Plain(terms)
    primes = None if key is None else (int(key.numbers.p), int(key.numbers.q))
    return stranger.Paillier(terms, primes)


def strangers_server(terms: Terms, start: Table) -> stranger.Server | stranger_rlwe.RlweServer:
    if terms.protection == "rlwe":
        return stranger_rlwe.RlweServer(terms, start)
    return stranger.Server(terms, stranger_protection(terms), start)


def strangers_participant(
    terms: Terms, number: int, key: PrivateKey, start: Table
) -> stranger.Participant | stranger_rlwe.RlweParticipant:
    if terms.protection == "rlwe":
        return stranger_rlwe.RlweParticipant(terms, number, SECRET.to_bytes(), start)
    return stranger.Participant(terms, number, stranger_protection(terms, key), start)


def random_table(
    rng: np.random.Generator, groups: Sequence[tuple[str, int, int, int]] = GROUPS
) -> Table:
    """Return a table so small that eight of its kind still fit the words."""
    return [
        rng.integers(-(2 ** (bits - 4)), 2 ** (bits - 4), (rows, columns)).tolist()
        for _, rows, columns, bits in groups
    ]


def random_change(rng: np.random.Generator) -> Change:
    return [
        {row: values for row, values in enumerate(group) if rng.random() < 0.5}
        for group in random_table(rng)
    ]


def random_change_of(rng: np.random.Generator, terms: Terms, counted_round: int) -> Change:
    """Return a change of rows that travel in a round."""
    change: Change = [{} for _ in terms.groups]
    table = random_table(rng, terms.groups)
    for number in terms.travelling(counted_round):
        for k, rows in terms.parts[number]:
            change[k] |= {row: table[k][row] for row in rows if rng.random() < 0.7}
    return change


def as_arrays(table: Table) -> list[Int64Array]:
    return [np.array(group, dtype=np.int64) for group in table]


def as_row_changes(
    change: Change, groups: Sequence[tuple[str, int, int, int]] = GROUPS
) -> list[RowChange]:
    return [
        RowChange(
            np.array(sorted(rows), dtype=np.int64),
            np.array([rows[row] for row in sorted(rows)], dtype=np.int64).reshape(-1, columns),
        )
        for rows, (_, _, columns, _) in zip(change, groups, strict=True)
    ]


@dataclass
class BothSides:
    """One session carried out twice, by fedmf's server and by the stranger's, on the same uploads.

    Participants 0 and 1 are fedmf's, 2 and 3 the stranger's.
    """

    terms: Terms
    key: PrivateKey
    expected: Table

    def __post_init__(self) -> None:
        self.session = make_session(self.terms)
        own_key = {"none": None, "paillier": self.key, "rlwe": SECRET}[self.terms.protection]
        start = as_arrays(self.expected)
        protection = server_protection(self.session)
        protection.start(start)
        self.server = Server(self.session, protection)
        self.strangers_server = strangers_server(self.terms, self.expected)
        self.roles = {
            number: ParticipantRole(
                self.session, number, participant_protection(self.session, own_key, start)
            )
            for number in FEDMF
        }
        self.strangers = {
            number: strangers_participant(self.terms, number, self.key, self.expected)
            for number in STRANGER
        }

    def table(self) -> bytes:
        """Return the table message, on which both servers have to agree to the byte."""
        data = self.server.table_message().to_bytes(self.session)
        assert self.strangers_server.table() == data
        return data

    def open_everywhere(self, data: bytes, round_number: int) -> None:
        """Let one participant of each side open the table and compare it with the plain sum."""
        for role in self.roles.values():
            opened = role.receive_table(TableMessage.from_bytes(data, self.session))
            assert [part.tolist() for part in opened] == self.expected
            assert table_sha256(opened) == stranger.table_sha256(self.expected)
        assert self.strangers[2].open(data) == (round_number, self.expected)

    def refuse_everywhere(self, data: bytes) -> None:
        """Let everybody of either side try to open the table, and fail."""
        for role in self.roles.values():
            with pytest.raises(OpenError):
                role.receive_table(TableMessage.from_bytes(data, self.session))
        for other in self.strangers.values():
            with pytest.raises(stranger.RefusedError):
                other.open(data)

    def play(self, changes: dict[int, Change]) -> None:
        """Play one round and add the changes to the expected table."""
        round_number = self.server.next_round
        self.open_everywhere(self.table(), round_number)
        self.server.begin_round(range(self.terms.participants))
        for number, change in changes.items():
            if number in self.roles:
                upload = self.roles[number].upload(as_row_changes(change, self.terms.groups))
                data = upload.to_bytes(self.session)
            else:
                data = self.strangers[number].upload(round_number, change)
            if self.terms.slices is None:
                assert len(data) == self.upload_bytes(change)
            assert self.server.receive(data) == number
            self.strangers_server.receive(data)
            for target, group in zip(self.expected, change, strict=True):
                for row, values in group.items():
                    target[row] = [a + b for a, b in zip(target[row], values, strict=True)]
        closing = self.server.close_round().to_bytes(self.session)
        assert self.strangers_server.close() == closing
        for number, role in self.roles.items():
            heard = ClosingMessage.from_bytes(closing, self.session)
            assert role.receive_closing(heard) == (number in changes)
        for number, other in self.strangers.items():
            assert other.included(closing) == (number in changes)

    def upload_bytes(self, change: Change) -> int:
        """Return the size that the page announces."""
        size = 82 + 4 + (0 if self.terms.protection == "none" else 32)
        if self.terms.protection == "rlwe":
            # One block, of 5-byte words where they hold the first group; 22 tags for 62 bits.
            words = 2048 * 5 if self.terms.rounds == 2 else 2048 * 4 + 8 * 7 * 40
            return size + words + 8 * 2 * 3 + 8 * 22
        if self.terms.upload == "part":
            size += 4 * (len(GROUPS) + sum(map(len, change)))
        for (_, rows, columns, bits), listed in zip(GROUPS, change, strict=True):
            sent = rows if self.terms.upload == "full" else len(listed)
            # Of a plaintext's 992 bits the tag has 192, and 4 for 4 participants in 2 rounds.
            slots = (992 - 196) // bits
            if self.terms.protection == "none":
                size += sent * columns * {31: 4, 8: 1, 62: 8, 16: 2}[bits]
            elif self.terms.upload == "full":
                size += 256 * -(-rows * columns // slots)
            else:
                size += (256 * sent + 24 * (rows - sent)) * -(-columns // slots)
        return size
