"""Protection `paillier`, the paper's FedMF: participants share a key, the server only adds.

Adding means multiplying ciphertexts, since participants upload the encryption of
-(learning rate * gradient): the server never inverts and never sees a key.

Payload: ciphertexts as big-endian integers of fixed width, group by group. With ``upload="full"``
the values of a group are packed densely, row after row. With ``upload="part"`` every row starts a
ciphertext of its own, so that the rated rows can be sent alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from gmpy2 import mpz

from fedmf.crypto.packing import SlotPacking, slots_for
from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.paillier_public_key import PublicKey
from fedmf.errors import KeyMaterialError, MessageError
from fedmf.protocol.protection import ParticipantProtection, Protected, Rows, ServerProtection
from fedmf.protocol.session import Session
from fedmf.protocol.table import Change, GroupShape, Int64Array, IntegerTable


@dataclass(frozen=True, slots=True)
class GroupLayout:
    """How the values of one group lie in ciphertexts.

    The values are cut into runs, and each run into ciphertexts of `packing.slots` values; no
    ciphertext holds values of two runs. A run is the whole group (full) or one row (part).
    """

    packing: SlotPacking
    rows: int
    columns: int
    runs: int

    @classmethod
    def of(cls, session: Session, group: GroupShape, key_bits: int) -> GroupLayout:
        """Return the layout of a group under the session's upload mode."""
        packing = SlotPacking(group.word_bits, slots_for(key_bits, group.word_bits))
        runs = 1 if session.upload == "full" else group.rows
        return cls(packing, group.rows, group.columns, runs)

    @property
    def values_per_run(self) -> int:
        """Values in one run."""
        return self.rows * self.columns // self.runs

    @property
    def ciphertexts_per_run(self) -> int:
        """Ciphertexts that one run takes."""
        return math.ceil(self.values_per_run / self.packing.slots)

    @property
    def ciphertexts(self) -> int:
        """Ciphertexts of the whole group."""
        return self.runs * self.ciphertexts_per_run

    def of_rows(self, rows: Int64Array) -> Int64Array:
        """Return the numbers of the ciphertexts that hold any value of these rows, ascending."""
        first = rows * self.columns
        run, first_in_run = np.divmod(first, self.values_per_run)
        start = run * self.ciphertexts_per_run + first_in_run // self.packing.slots
        last = (
            first_in_run + self.columns - 1
        ) // self.packing.slots - first_in_run // self.packing.slots
        spread = [np.arange(s, s + n + 1) for s, n in zip(start, last, strict=True)]
        return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *spread]))

    def chunks(self, values: Int64Array) -> Iterator[Int64Array]:
        """Cut the values of whole runs, one after the other, into what each ciphertext holds."""
        slots = self.packing.slots
        for run in values.reshape(-1, self.values_per_run):
            for start in range(0, self.values_per_run, slots):
                yield run[start : start + slots]

    def place(self, number: int) -> slice:
        """Return where in the flat group the values of a ciphertext belong."""
        run, chunk = divmod(number, self.ciphertexts_per_run)
        start = run * self.values_per_run + chunk * self.packing.slots
        return slice(start, min(start + self.packing.slots, (run + 1) * self.values_per_run))


class PaillierParticipant(ParticipantProtection):
    """Encrypts changes and decrypts the table with the key that all participants share.

    Parameters
    ----------
    session
        The agreed parameters.
    key
        The participants' key.

    Raises
    ------
    KeyMaterialError
        The session names another public key: it is taken from the participants' own key alone,
        never from the server.
    """

    def __init__(self, session: Session, key: PrivateKey) -> None:
        super().__init__(session)
        if session.public_key != int(key.public.n):
            raise KeyMaterialError("the session was made for another key than the one given here")
        self._key = key
        self._layouts = _layouts(session, key.public)

    def protect(
        self, change: Change, *, round_number: int, participant: int, leaving: bool = False
    ) -> Protected:
        """Return the encrypted change."""
        del round_number, participant, leaving
        self.session.shape.check_change(change)
        full = self.session.upload == "full"
        values = self.session.shape.dense(change) if full else [part.values for part in change]
        plaintexts = [
            layout.packing.pack(chunk)
            for layout, part in zip(self._layouts, values, strict=True)
            for chunk in layout.chunks(part)
        ]
        return Protected(self._key.public.to_bytes(self._key.encrypt_all(plaintexts)))

    def open(self, payload: bytes, rows: Rows | None = None) -> IntegerTable:
        """Return the table, of which only the ciphertexts with these rows are decrypted."""
        ciphertexts = _ciphertexts(self._key.public, payload, _counts(self._layouts))
        table = self.session.shape.zeros()
        for k, (layout, numbers) in enumerate(
            zip(self._layouts, _numbers(self._layouts, rows), strict=True)
        ):
            flat = table[k].reshape(-1)
            for number in numbers.tolist():
                place = layout.place(number)
                count = place.stop - place.start
                plaintext = self._key.decrypt(
                    ciphertexts[k][number], value_bits=count * layout.packing.slot_bits
                )
                flat[place] = layout.packing.unpack(plaintext, count)
            if rows is not None:
                # Neighbours that share a ciphertext were opened along; nobody asked for them.
                unasked = np.ones(layout.rows, dtype=bool)
                unasked[rows[k]] = False
                table[k][unasked] = 0
        return table

    def work(self, rows: Rows | None = None) -> int:
        """Return the number of ciphertexts."""
        return sum(map(len, _numbers(self._layouts, rows)))

    def payload_bytes(self, rows: Rows | None = None) -> int:
        """Return the size of so many ciphertexts."""
        return self.work(rows) * self._key.public.ciphertext_bytes


class PaillierServer(ServerProtection):
    """Multiplies ciphertexts; all it knows is the public key."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        if session.public_key is None:
            raise KeyMaterialError("a session with protection paillier needs a public key")
        self._public = PublicKey(session.public_key)
        self._layouts = _layouts(session, self._public)

    def start(self, table: IntegerTable) -> None:
        """Encode the public start table as ciphertexts without randomness: it is no secret."""
        self.session.shape.check_table(table)
        self._table = [
            [self._public.trivial(layout.packing.pack(chunk)) for chunk in layout.chunks(part)]
            for layout, part in zip(self._layouts, table, strict=True)
        ]

    def add(self, payload: bytes, rows: Rows | None) -> None:
        """Multiply the ciphertexts of an upload into the table's."""
        numbers = _numbers(self._layouts, rows)
        uploaded = _ciphertexts(self._public, payload, [len(listed) for listed in numbers])
        for part in uploaded:
            self._public.check(part)
        for table, listed, part in zip(self._table, numbers, uploaded, strict=True):
            for number, ciphertext in zip(listed.tolist(), part, strict=True):
                table[number] = self._public.add(table[number], ciphertext)

    def payload(self) -> bytes:
        """Return the ciphertexts of the table."""
        return b"".join(self._public.to_bytes(part) for part in self._table)

    def restore(self, payload: bytes) -> None:
        """Take ciphertexts that `payload` returned."""
        self._table = _ciphertexts(self._public, payload, _counts(self._layouts))


def _layouts(session: Session, public: PublicKey) -> list[GroupLayout]:
    return [GroupLayout.of(session, group, public.key_bits) for group in session.shape.groups]


def _counts(layouts: list[GroupLayout]) -> list[int]:
    return [layout.ciphertexts for layout in layouts]


def _numbers(layouts: list[GroupLayout], rows: Rows | None) -> list[Int64Array]:
    if rows is None:
        return [np.arange(layout.ciphertexts) for layout in layouts]
    return [layout.of_rows(listed) for layout, listed in zip(layouts, rows, strict=True)]


def _ciphertexts(public: PublicKey, payload: bytes, counts: list[int]) -> list[list[mpz]]:
    size = public.ciphertext_bytes
    if len(payload) != sum(counts) * size:
        raise MessageError(f"a payload of {len(payload)} bytes where {sum(counts) * size} are due")
    parts, offset = [], 0
    for count in counts:
        parts.append(public.from_bytes(payload[offset : offset + count * size], count))
        offset += count * size
    return parts
