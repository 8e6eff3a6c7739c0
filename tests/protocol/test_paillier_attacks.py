"""What a server that lies, or a participant that is curious, can do to protection `paillier`.

Each attack is carried out twice: where nobody looks at the tags it succeeds, and it fails where
they do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from gmpy2 import mpz, powmod

from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.secret_material import KeyRandomness
from fedmf.errors import OpenError
from fedmf.protocol import (
    Change,
    ClosingMessage,
    GroupShape,
    IntegerTable,
    Protected,
    RowChange,
    TableShape,
)
from fedmf.protocol.paillier import PaillierParticipant, PaillierServer
from fedmf.protocol.piece_tags import TAG_BITS
from fedmf.protocol.session import Upload
from tests.protocol.sessions import no_rows, small_session

WORD_BITS = 30
COLUMNS = 40


def shape(rows: int) -> TableShape:
    """Return a table of which, under a 1024-bit key, a row takes two ciphertexts with part uploads.

    With full uploads rows begin and end within ciphertexts.
    """
    return TableShape((GroupShape("items", rows, COLUMNS, WORD_BITS),))


def moved(rows: list[int], seed: int) -> list[RowChange]:
    """Return a small change of these rows."""
    values = np.random.default_rng(seed).integers(-500, 500, size=(len(rows), COLUMNS))
    return [RowChange(np.array(rows), values)]


@dataclass
class Scene:
    """A server and one participant's half; others upload through the same half."""

    key: PrivateKey
    upload: Upload
    rows: int = 6
    server: PaillierServer = field(init=False)
    participant: PaillierParticipant = field(init=False)

    def __post_init__(self) -> None:
        n = int(self.key.public.n)
        table = shape(self.rows)
        self.session = small_session(self.upload, "paillier", table, rounds=4, public_key=n)
        start = self.session.shape.zeros()
        self.server = PaillierServer(self.session)
        self.server.start(start)
        self.participant = PaillierParticipant(self.session, self.key, start)
        self.packing = self.participant._layouts[0].packing

    def protect(self, participant: int, change: Change) -> Protected:
        return self.participant.protect(change, round_number=1, participant=participant)

    def add(self, protected: Protected, change: Change) -> None:
        self.server.add(protected.payload, self.session.rows_named(change), counted_round=1)

    def close(self, *included: Protected) -> None:
        self.participant.hear(
            ClosingMessage(1, tuple(range(len(included))), tuple(one.nonce for one in included))
        )

    def open(self, rows: list[int] | None = None) -> IntegerTable:
        asked = None if rows is None else [np.array(rows, dtype=np.int64)]
        return self.participant.open(self.server.payload(), asked)

    def ciphertexts(self) -> list[mpz]:
        """Return the table of the only group, which a lying server changes."""
        self.server.payload()  # adds what travelled in the clear
        return self.server._table[0]

    def first_ciphertext(self, protected: Protected) -> mpz:
        """Return that of row 0 in an upload that lists it."""
        return self.key.public.from_bytes(protected.payload[:256], 1)[0]

    def shifted(self, ciphertext: mpz, slot: int, by: int) -> mpz:
        """Add to one slot, which takes no key."""
        plaintext = mpz(by) << (self.packing.tag_bits + WORD_BITS * slot)
        return self.key.public.add(ciphertext, self.key.public.trivial(plaintext))


@pytest.fixture(params=["full", "part"])
def scene(request: pytest.FixtureRequest, weak_key: PrivateKey) -> Scene:
    return Scene(weak_key, request.param)


@pytest.fixture
def nobody_looks(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what switches the comparison of tags off."""
    return lambda: monkeypatch.setattr("hmac.compare_digest", lambda *_: True)


FIRST, SECOND = moved([0, 1, 2], seed=1), moved([0, 1, 3], seed=2)


def shift(scene: Scene, sent: list[Protected]) -> None:
    del sent
    table = scene.ciphertexts()
    table[0] = scene.shifted(table[0], slot=3, by=1)


def shift_by_half_a_word(scene: Scene, sent: list[Protected]) -> None:
    del sent
    # An even error, which a factor of few bits would not see.
    table = scene.ciphertexts()
    table[0] = scene.shifted(table[0], slot=3, by=1 << (WORD_BITS - 2))


def swap(scene: Scene, sent: list[Protected]) -> None:
    del sent
    table = scene.ciphertexts()
    other = 1 if scene.upload == "full" else 2  # the first ciphertext of row 1
    table[0], table[other] = table[other], table[0]


def scale(scene: Scene, sent: list[Protected]) -> None:
    del sent
    table = scene.ciphertexts()
    table[0] = powmod(table[0], 3, scene.key.public.n_squared)


def make_up(scene: Scene, sent: list[Protected]) -> None:
    del sent
    values = np.arange(scene.packing.values.slots)[: 16 if scene.upload == "part" else None]
    scene.ciphertexts()[0] = scene.key.public.trivial(scene.packing.pack(values, 0))


def replay_the_start(scene: Scene, sent: list[Protected]) -> None:
    del sent
    scene.server.start(scene.session.shape.zeros())


def take_a_ciphertext_out(scene: Scene, sent: list[Protected]) -> None:
    table, n_squared = scene.ciphertexts(), scene.key.public.n_squared
    table[0] = table[0] * powmod(scene.first_ciphertext(sent[1]), -1, n_squared) % n_squared


TABLE_LIES = {
    "shifted": shift,
    "shifted by half a word": shift_by_half_a_word,
    "swapped": swap,
    "scaled": scale,
    "made up": make_up,
    "replayed": replay_the_start,
    "a ciphertext taken out": take_a_ciphertext_out,
}


@pytest.mark.parametrize("lie", TABLE_LIES)
@pytest.mark.parametrize("looked_at", [False, True])
def test_a_table_that_was_changed_opens_only_where_nobody_looks_at_tags(
    scene: Scene, nobody_looks: Callable[[], None], lie: str, looked_at: bool
) -> None:
    sent = [scene.protect(k, change) for k, change in enumerate((FIRST, SECOND))]
    for protected, change in zip(sent, (FIRST, SECOND), strict=True):
        scene.add(protected, change)
    scene.close(*sent)
    honest = scene.open()[0]
    TABLE_LIES[lie](scene, sent)
    if looked_at:
        with pytest.raises(OpenError, match="does not open"):
            scene.open()
    else:
        nobody_looks()
        assert not np.array_equal(scene.open()[0], honest)


@pytest.mark.parametrize("lie", ["dropped", "repeated", "another one's", "of another round"])
@pytest.mark.parametrize("looked_at", [False, True])
def test_sums_of_other_uploads_than_listed_open_only_where_nobody_looks_at_tags(
    scene: Scene, nobody_looks: Callable[[], None], lie: str, looked_at: bool
) -> None:
    sent = [scene.protect(k, change) for k, change in enumerate((FIRST, SECOND))]
    scene.add(sent[0], FIRST)
    for _ in range({"dropped": 0, "repeated": 2}.get(lie, 1)):
        scene.add(sent[1], SECOND)
    included = (0, 2) if lie == "another one's" else (0, 1)
    if lie == "of another round":
        scene.participant.hear(ClosingMessage(1, ()))
    closing = ClosingMessage(
        2 if lie == "of another round" else 1, included, tuple(one.nonce for one in sent)
    )
    scene.participant.hear(closing)
    if looked_at:
        with pytest.raises(OpenError, match="does not open"):
            scene.open()
    else:
        nobody_looks()
        found = scene.open()[0][0]
        expected = FIRST[0].values[0] + SECOND[0].values[0] * (
            {"dropped": 0, "repeated": 2}.get(lie, 1)
        )
        np.testing.assert_array_equal(found, expected)


def slots_by_watching(
    scene: Scene, ciphertext: mpz, piece: int, count: int
) -> tuple[list[int], list[bool]]:
    """Try to read the uppermost slots of somebody's ciphertext from who complains.

    The server hands it out in the place of a piece of the table, the slot in question moved to the
    top and shifted by what is tried: the plaintext is too large exactly if the slot is.

    Returns
    -------
    read, answers
        The slots, uppermost first, and for every table that was handed out whether it opened.
    """
    public, top = scene.key.public, scene.packing.values.slots - 1
    read: list[int] = []
    answers: list[bool] = []
    honest = scene.ciphertexts()[piece]
    for place in range(top, top - count, -1):
        known = ciphertext
        for slot, value in zip(range(top, place, -1), read, strict=True):
            known = scene.shifted(known, slot, -value)
        risen = powmod(known, mpz(1) << (WORD_BITS * (top - place)), public.n_squared)
        # The largest shift that still opens, by halving.
        largest, step = 0, 1 << (WORD_BITS - 1)
        while step:
            scene.ciphertexts()[piece] = scene.shifted(risen, top, largest + step)
            try:
                scene.open([0])
            except OpenError:
                answers.append(False)
            else:
                answers.append(True)
                largest += step
            step //= 2
        read.append((1 << (WORD_BITS - 1)) - 1 - largest)
    scene.ciphertexts()[piece] = honest
    return read, answers


@pytest.mark.parametrize("looked_at", [False, True])
def test_who_complains_shows_an_upload_only_where_nobody_looks_at_tags(
    scene: Scene, nobody_looks: Callable[[], None], looked_at: bool
) -> None:
    """The chosen-ciphertext attack on packed slots: one query for each bit of a slot."""
    victim = scene.protect(0, FIRST)
    scene.add(victim, FIRST)
    scene.close(victim)
    if not looked_at:
        nobody_looks()
    read, answers = slots_by_watching(scene, scene.first_ciphertext(victim), piece=0, count=3)
    uploaded = FIRST[0].values[0]
    top = scene.packing.values.slots
    assert len(answers) == 3 * WORD_BITS
    if looked_at:
        # Every table was refused for every content of the upload: nothing can be learned from that.
        assert not any(answers)
    else:
        assert read == uploaded[top - 3 : top][::-1].tolist()


def test_a_neighbour_that_nobody_asked_for_is_checked_where_it_shares_a_ciphertext(
    weak_key: PrivateKey,
) -> None:
    """Else a shift that just spills over from it would tell the server what the neighbour is."""
    scene = Scene(weak_key, "full")
    protected = scene.protect(0, FIRST)
    scene.add(protected, FIRST)
    scene.close(protected)
    shared = scene.participant._layouts[0].of_rows(np.array([0]))[-1]
    table = scene.ciphertexts()
    end_of_row_0 = COLUMNS - 1 - scene.participant._layouts[0].span(int(shared)).start
    table[shared] = scene.shifted(table[shared], end_of_row_0, by=1)
    with pytest.raises(OpenError, match="does not open"):
        scene.open([1])
    np.testing.assert_array_equal(scene.open([5])[0][5], 0)


@pytest.mark.parametrize("opens_all", [False, True])
def test_who_complains_shows_who_opened_a_row_unless_everybody_opens_all(
    weak_key: PrivateKey, opens_all: bool
) -> None:
    """What tags do not prevent: docs/limitations.md says so."""
    scene = Scene(weak_key, "full")
    protected = scene.protect(0, FIRST)
    scene.add(protected, FIRST)
    scene.close(protected)
    table = scene.ciphertexts()
    table[-1] = scene.shifted(table[-1], slot=0, by=1)  # the end of row 5
    complained = []
    for rated in ([0, 2], [0, 5]):
        try:
            scene.open(None if opens_all else rated)
        except OpenError:
            complained.append(rated)
    assert complained == ([[0, 2], [0, 5]] if opens_all else [[0, 5]])


class WithoutBlinds(KeyRandomness):
    """A source whose blinds are all zero."""

    def bytes(self, length: int, message: bytes = b"") -> bytes:
        return super().bytes(32, message) + bytes(length - 32)


@pytest.mark.parametrize("upload", ["full", "part"])
@pytest.mark.parametrize("blinded", [False, True])
@pytest.mark.parametrize("mover", [1, 2])
def test_a_participant_finds_out_who_moved_only_where_tags_are_not_blinded(
    weak_key: PrivateKey, upload: Upload, blinded: bool, mover: int
) -> None:
    """Participants know all factors and masks, and from the sum what either of two may have done.

    The sum of tags as whole numbers says which, as each tag was reduced modulo 2^128 by itself.
    """
    scene = Scene(weak_key, upload, rows=60)
    move = moved(list(range(0, 60, 2)), seed=3)
    still = [no_rows(COLUMNS)]
    if not blinded:
        scene.participant._randomness = WithoutBlinds()
    changes = [move if k == mover else still for k in (0, 1, 2)]
    sent = [scene.protect(k, change) for k, change in enumerate(changes)]
    for protected, change in zip(sent, changes, strict=True):
        scene.add(protected, change)
    scene.close(*sent)
    opened = scene.open()[0].reshape(-1)
    layout, tags = scene.participant._layouts[0], scene.participant._tags
    masks = [tags.masks(1, k, one.nonce) for k, one in enumerate(sent)]

    def surplus(suspect: int) -> list[int]:
        """Return how often each sum of tags exceeds 2^128 if the suspect did all that was done."""
        excesses = []
        for number, ciphertext in enumerate(scene.ciphertexts()):
            place = layout.span(number)
            plaintext = scene.key.decrypt(ciphertext)
            _, found = layout.packing.unpack(plaintext, place.stop - place.start)
            single = [int(low) + (int(high) << 64) for low, high in (m[number] for m in masks)]
            single[suspect] += tags.of(place.start, opened[place])
            excess, rest = divmod(found - sum(tag % 2**TAG_BITS for tag in single), 2**TAG_BITS)
            assert rest == 0
            excesses.append(excess)
        return excesses

    other = 3 - mover
    if blinded:
        # What three blinds of 64 bits explain, for rows that were sent and rows that were not.
        for suspect in (mover, other):
            assert all(0 < excess < 3 * 2**64 for excess in surplus(suspect))
    else:
        assert not any(surplus(mover))
        assert any(surplus(other))
