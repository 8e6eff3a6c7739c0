"""Protection `paillier`, the paper's FedMF: participants share a key, the server only adds.

Adding means multiplying ciphertexts, since participants upload the encryption of
-(learning rate * gradient): the server never inverts and never sees a key.

Every ciphertext carries an integrity tag beside its values. A server that drops, repeats, scales,
shifts, swaps or makes up ciphertexts is detected by every participant that opens one of them,
before anything of it is used. Watching who complains tells it nothing about what it has changed.

Payload: ciphertexts as big-endian integers of fixed width, group by group, see
`fedmf.protocol.paillier_layout`. With ``upload="part"`` those of the listed rows alone, and then
the tags of all others as plain numbers, see `fedmf.protocol.piece_tags`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from gmpy2 import mpz

from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.paillier_public_key import PublicKey
from fedmf.crypto.secret_material import KeyRandomness
from fedmf.errors import KeyMaterialError, MessageError, OpenError
from fedmf.protocol.enrolment.keyring import HeldKeys
from fedmf.protocol.halves import ParticipantProtection, Protected, ServerProtection
from fedmf.protocol.messages import ClosingMessage
from fedmf.protocol.paillier_layout import (
    counted_over_all,
    layouts_of,
    other_pieces,
    pieces_of,
    travelling_pieces,
)
from fedmf.protocol.piece_tags import (
    BLIND_BYTES,
    DOES_NOT_OPEN,
    PLAIN_TAG_BYTES,
    TAG_BITS,
    PieceTags,
    UInt64Array,
    same_tags,
)
from fedmf.protocol.protection import Protection
from fedmf.protocol.session import Session
from fedmf.protocol.table import Change, Int64Array, IntegerTable, Rows
from fedmf.protocol.threat_model import Threat, shared_key_threats

if TYPE_CHECKING:
    from fedmf.protocol.enrolment.charter import Charter


class PaillierParticipant(ParticipantProtection):
    """Encrypts changes and decrypts the table with the key that all participants share.

    Parameters
    ----------
    session
        The agreed parameters.
    key
        The participants' key.
    start
        The public table before the first round.
    randomness
        Source of nonces and blinds; a new one unless given.

    Raises
    ------
    KeyMaterialError
        The session names another public key: it is only taken from the participants' own key,
        never from the server.
    """

    def __init__(
        self,
        session: Session,
        key: PrivateKey,
        start: IntegerTable,
        randomness: KeyRandomness | None = None,
    ) -> None:
        super().__init__(session)
        if session.public_key != int(key.public.n):
            raise KeyMaterialError("the session was made for another key than the one given here")
        self._key = key
        self._randomness = randomness or KeyRandomness()
        self._layouts = layouts_of(session, key.public.key_bits)
        self._start = [start[one.place][one.rows].reshape(-1) for one in self._layouts]
        self._pieces = sum(layout.pieces for layout in self._layouts)
        self._tags = PieceTags(
            key.master_secret(), session.digest, values=session.shape.values, pieces=self._pieces
        )

    def protect(
        self,
        change: Change,
        *,
        round_number: int,
        participant: int,
        leaving: bool = False,
        renewing: bool = False,
    ) -> Protected:
        """Return the encrypted change, under tags with masks that are used this once."""
        del leaving, renewing
        self.session.shape.check_change(change)
        rows = self.session.rows_named(change)
        if rows is None:
            load = self.session.schedule.load(round_number)
            pieces = travelling_pieces(self._layouts, load.numbers)
            travelling = iter(load.part.shape.dense(load.part.take_change(change)))
            nothing = np.zeros(0, dtype=np.int64)
            values = [
                next(travelling) if one.part in load.numbers else nothing for one in self._layouts
            ]
        else:
            pieces, values = pieces_of(self._layouts, rows), [part.values for part in change]
        # Hedged with the change: even a stuck source repeats no mask for another message.
        message = b"".join(part.tobytes() for part in [*(rows or ()), *values])
        fresh = self._randomness.bytes(
            self.session.nonce_bytes + BLIND_BYTES * self._pieces, message
        )
        nonce, blinds = (
            fresh[: self.session.nonce_bytes],
            np.frombuffer(fresh, dtype="<u8", offset=self.session.nonce_bytes),
        )
        masks = self._tags.masks(round_number, participant, nonce)
        plaintexts = []
        for layout, numbers, part in zip(self._layouts, pieces, values, strict=True):
            cut = layout.cut(part) if len(numbers) else ()
            for number, piece in zip(numbers.tolist(), cut, strict=True):
                at = layout.first_piece + number
                low, high = masks[at].tolist()
                tag = self._tags.of(layout.first_value + layout.span(number).start, piece)
                tag = (tag + low + (high << 64)) % (1 << TAG_BITS)
                plaintexts.append(layout.packing.pack(piece, tag + (int(blinds[at]) << TAG_BITS)))
        payload = self._key.public.to_bytes(self._key.encrypt_all(plaintexts))
        plain = b""
        if rows is not None:
            unsent = other_pieces(self._layouts, pieces)
            plain = np.column_stack([masks, blinds])[unsent].astype("<u8").tobytes()
        return Protected(payload + plain, nonce)

    def hear(self, closing: ClosingMessage) -> None:
        """Add the masks of a round's uploads; again is no harm."""
        parts = self.session.schedule.load(closing.round).numbers
        pieces = travelling_pieces(self._layouts, parts)
        self._tags.hear(closing, counted_over_all(self._layouts, pieces))

    def open(self, payload: bytes, rows: Rows | None = None) -> IntegerTable:
        """Return the table, of which only the ciphertexts with these rows are decrypted.

        All of them are decrypted before any of them is judged, and every failure is the same: who
        watches must not learn which ciphertext it was, or why.
        """
        ciphertexts, _ = _ciphertexts(self._key.public, payload, pieces_of(self._layouts))
        table = self.session.shape.zeros()
        found, due, intact = [], [], True
        for k, (layout, numbers) in enumerate(
            zip(self._layouts, pieces_of(self._layouts, rows), strict=True)
        ):
            flat = np.zeros(layout.group.values, dtype=np.int64)
            for number in numbers.tolist():
                place = layout.span(number)
                count = place.stop - place.start
                plaintext = self._key.decrypt(
                    ciphertexts[k][number], value_bits=layout.packing.bits(count)
                )
                try:
                    flat[place], tag = layout.packing.unpack(plaintext, count)
                except OpenError:
                    intact = False
                    continue
                found.append(tag)
                due.append(
                    self._tags.due(
                        layout.first_piece + number,
                        layout.first_value + place.start,
                        flat[place] - self._start[k][place],
                    )
                )
            values = flat.reshape(layout.group.rows, layout.group.columns)
            if rows is not None:
                # Neighbours that share a ciphertext were opened along; nobody asked for them.
                unasked = np.ones(layout.group.rows, dtype=bool)
                unasked[layout.within(rows[layout.place])] = False
                values[unasked] = 0
            table[layout.place][layout.rows] = values
        if not same_tags(found, due) or not intact:
            raise OpenError(DOES_NOT_OPEN)
        return table

    def work(self, rows: Rows | None = None) -> int:
        """Return the number of ciphertexts."""
        return sum(map(len, pieces_of(self._layouts, rows)))

    def payload_bytes(self, rows: Rows | None = None) -> int:
        """Return the size of this many ciphertexts, and of the plain tags of all others."""
        sent = self.work(rows)
        unsent = self._pieces - sent if self.session.upload == "part" else 0
        plain = PLAIN_TAG_BYTES * unsent
        return sent * self._key.public.ciphertext_bytes + plain


class PaillierServer(ServerProtection):
    """Multiplies ciphertexts; all it knows is the public key."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        if session.public_key is None:
            raise KeyMaterialError("a session with protection paillier needs a public key")
        self._public = PublicKey(session.public_key)
        self._layouts = layouts_of(session, self._public.key_bits)
        self._plain_tags = self._no_plain_tags()

    def start(self, table: IntegerTable) -> None:
        """Encode the public start table as ciphertexts without randomness: it is no secret."""
        self.session.shape.check_table(table)
        self._table = [
            [
                self._public.trivial(layout.packing.pack(piece, 0))
                for piece in layout.cut(table[layout.place][layout.rows])
            ]
            for layout in self._layouts
        ]
        self._plain_tags = self._no_plain_tags()

    def add(self, payload: bytes, rows: Rows | None, *, counted_round: int) -> None:
        """Multiply the ciphertexts of an upload into the table's."""
        unsent = np.zeros(0, dtype=np.int64)
        if rows is None:
            parts = self.session.schedule.load(counted_round).numbers
            pieces = travelling_pieces(self._layouts, parts)
        else:
            pieces = pieces_of(self._layouts, rows)
            unsent = other_pieces(self._layouts, pieces)
        uploaded, plain = _ciphertexts(
            self._public, payload, pieces, trailing=PLAIN_TAG_BYTES * len(unsent)
        )
        for part in uploaded:
            self._public.check(part)
        for table, numbers, part in zip(self._table, pieces, uploaded, strict=True):
            for number, ciphertext in zip(numbers.tolist(), part, strict=True):
                table[number] = self._public.add(table[number], ciphertext)
        words = np.frombuffer(plain, dtype="<u4").reshape(-1, PLAIN_TAG_BYTES // 4)
        self._plain_tags[unsent] += words

    def payload(self) -> bytes:
        """Return the ciphertexts of the table."""
        self._add_plain_tags()
        return b"".join(self._public.to_bytes(part) for part in self._table)

    def restore(self, payload: bytes) -> None:
        """Take ciphertexts that `payload` returned."""
        self._table, _ = _ciphertexts(self._public, payload, pieces_of(self._layouts))
        self._plain_tags = self._no_plain_tags()

    def _no_plain_tags(self) -> UInt64Array:
        # Words of 32 bits, so that those of a round's uploads add up without carries.
        pieces = sum(layout.pieces for layout in self._layouts)
        return np.zeros((pieces, PLAIN_TAG_BYTES // 4), dtype=np.uint64)

    def _add_plain_tags(self) -> None:
        """Multiply the plain tags into the ciphertexts: once for all uploads of a round."""
        for layout, table in zip(self._layouts, self._table, strict=True):
            tags = self._plain_tags[layout.first_piece : layout.first_piece + layout.pieces]
            for number in np.flatnonzero(tags.any(axis=1)).tolist():
                tag = sum(word << (32 * k) for k, word in enumerate(tags[number].tolist()))
                table[number] = self._public.add(table[number], self._public.trivial(mpz(tag)))
        self._plain_tags = self._no_plain_tags()


def _ciphertexts(
    public: PublicKey, payload: bytes, pieces: Sequence[Int64Array], trailing: int = 0
) -> tuple[list[list[mpz]], bytes]:
    """Return the ciphertexts of these pieces, group by group, and this many bytes behind them."""
    counts, size = [len(numbers) for numbers in pieces], public.ciphertext_bytes
    due = sum(counts) * size + trailing
    if len(payload) != due:
        raise MessageError(f"a payload of {len(payload)} bytes where {due} are due")
    parts, offset = [], 0
    for count in counts:
        parts.append(public.from_bytes(payload[offset : offset + count * size], count))
        offset += count * size
    return parts, payload[offset:]


class PaillierProtection(Protection):
    """The paper's, with one key for all participants."""

    name: ClassVar[str] = "paillier"
    nonce_bytes: ClassVar[int] = 32
    names_rows: ClassVar[bool] = True
    settings: ClassVar[tuple[str, ...]] = ("key_bits",)

    def fresh_key(self, key_bits: int) -> PrivateKey:
        """Return a private key, a weak one if asked to."""
        return PrivateKey.generate(key_bits, allow_weak=True)

    def participants_half(
        self, session: Session, keys: HeldKeys, start: IntegerTable
    ) -> ParticipantProtection:
        """Return the half of participants, who hold the private key."""
        if not isinstance(keys.shared, PrivateKey):
            raise KeyMaterialError("protection paillier needs the participants' Paillier key")
        return PaillierParticipant(session, keys.shared, start)

    def server_half(self, session: Session, charter: Charter | None) -> ServerProtection:
        """Return the half that multiplies ciphertexts."""
        del charter
        return PaillierServer(session)

    def threats(self, session: Session, key_bits: int, participants: int) -> tuple[Threat, ...]:
        """Return the threats of a shared key, whether this one can be broken, and who complains."""
        hint = " (a 1024-bit key can be broken: for experiments only)" if key_bits < 2048 else ""
        complaints = Threat(
            "the server, breaking the protocol",
            "which items a participant rated, from who stops when rows of the table are damaged",
        )
        return (*shared_key_threats(session, participants, hint), complaints)
