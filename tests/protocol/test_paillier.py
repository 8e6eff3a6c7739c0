from typing import ClassVar

import numpy as np
import pytest

from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.secret_material import KeyRandomness
from fedmf.errors import KeyMaterialError, MessageError, OpenError
from fedmf.protocol import (
    GroupShape,
    IntegerTable,
    ParticipantProtection,
    RowChange,
    ServerProtection,
    Session,
    TableShape,
    participant_protection,
    server_protection,
)
from fedmf.protocol.paillier import PaillierParticipant
from fedmf.protocol.paillier_layout import layouts_of, other_pieces, pieces_of
from fedmf.protocol.piece_tags import PLAIN_TAG_BYTES
from fedmf.protocol.session import Upload
from tests.contracts.protection_contract import (
    SHAPE,
    Exchange,
    NoncedProtectionContract,
    random_change,
)
from tests.contracts.sliced_contract import SlicedContract
from tests.protocol.sessions import no_rows, small_session


class TestPaillier(NoncedProtectionContract):
    protection: ClassVar[str] = "paillier"
    key: PrivateKey
    other_key: PrivateKey

    @pytest.fixture(autouse=True)
    def _keys(self, weak_key: PrivateKey, other_weak_key: PrivateKey) -> None:
        self.key, self.other_key = weak_key, other_weak_key

    @pytest.fixture
    def public_key(self, _keys: None) -> int | None:
        return int(self.key.public.n)

    def participant(
        self, session: Session, start: IntegerTable | None = None
    ) -> ParticipantProtection:
        return participant_protection(session, self.key, start)

    def outsider(self, session: Session) -> ParticipantProtection:
        participant = PaillierParticipant(session, self.key, SHAPE.zeros())
        participant._key = self.other_key
        return participant

    def test_a_session_for_another_key_is_refused(self, session: Session) -> None:
        with pytest.raises(KeyMaterialError, match="another key"):
            participant_protection(session, self.other_key)

    def test_a_session_without_a_key_is_refused(self, session: Session) -> None:
        with pytest.raises(KeyMaterialError, match="needs the participants' Paillier key"):
            participant_protection(session, None)

    def test_ciphertexts_that_are_none_change_nothing(
        self, session: Session, server: ServerProtection, rng: np.random.Generator
    ) -> None:
        change = random_change(rng)
        participant = self.participant(session)
        protected = participant.protect(change, round_number=1, participant=0)
        payload = bytearray(protected.payload)
        before, size = server.payload(), self.key.public.ciphertext_bytes
        n = int(self.key.public.n)
        last = participant.work(session.rows_named(change)) - 1
        for bad in (0, n * n, n, 3 * n):
            payload[last * size : (last + 1) * size] = bad.to_bytes(size, "big")
            with pytest.raises(MessageError):
                server.add(bytes(payload), session.rows_named(change), counted_round=1)
        assert server.payload() == before

    def test_a_table_for_a_start_that_nobody_agreed_upon_does_not_open(
        self, session: Session
    ) -> None:
        start = SHAPE.zeros()
        server = server_protection(session)
        server.start(start)
        start[0][4, 20] += 1
        with pytest.raises(OpenError, match="does not open"):
            self.participant(session, start).open(server.payload())

    def test_a_stuck_source_repeats_no_mask_for_another_change(
        self, session: Session, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        changes = [random_change(rng) for _ in range(4)]
        rows, values = np.array([0]), np.ones((1, 70), dtype=np.int64)
        nothing = no_rows()
        # The same values in other rows: with part uploads a mask would be told for a row it hides.
        changes += [[RowChange(rows + k, values), nothing] for k in range(2)]
        nonces = set()
        monkeypatch.setattr("os.urandom", bytes)
        for change in changes:
            participant = PaillierParticipant(
                session, self.key, SHAPE.zeros(), KeyRandomness(b"device" * 8)
            )
            nonces.add(participant.protect(change, round_number=1, participant=0).nonce)
        assert len(nonces) == len(changes)

    def test_plain_tags_are_added_once_however_often_the_table_goes_out(
        self, session: Session, exchange: Exchange, rng: np.random.Generator
    ) -> None:
        exchange.send(random_change(rng))
        assert exchange.server.payload() == exchange.server.payload()
        exchange.send(random_change(rng))
        restored = server_protection(session)
        restored.restore(exchange.server.payload())
        assert restored.payload() == exchange.server.payload()
        exchange.opened()

    def test_an_upload_has_a_tag_for_every_piece_of_the_table(
        self, session: Session, rng: np.random.Generator
    ) -> None:
        participant = self.participant(session)
        rows = session.rows_named(random_change(rng))
        sent, everything = participant.work(rows), participant.work()
        size = self.key.public.ciphertext_bytes
        assert participant.payload_bytes(rows) == (
            sent * size + (everything - sent) * PLAIN_TAG_BYTES
        )
        assert (sent == everything) == (session.upload == "full")


def test_a_server_without_a_public_key_is_refused() -> None:
    session = small_session("full", "paillier")
    with pytest.raises(KeyMaterialError, match="public key"):
        server_protection(session)


@pytest.mark.parametrize("upload", ["full", "part"])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (7, 3), (4, 31), (5, 64), (3, 200)])
def test_layouts_place_every_value_exactly_once(upload: Upload, rows: int, columns: int) -> None:
    shape = TableShape((GroupShape("items", rows, columns, 32), GroupShape("counts", 3, 2, 8)))
    session = small_session(upload, "paillier", shape, participants=1, rounds=1, public_key=5)
    layouts = layouts_of(session, key_bits=1024)
    places = []
    for layout, group in zip(layouts, shape.groups, strict=True):
        values = np.arange(group.values).reshape(group.rows, group.columns)
        pieces = list(layout.cut(values))
        assert len(pieces) == layout.pieces
        for number, piece in enumerate(pieces):
            np.testing.assert_array_equal(values.reshape(-1)[layout.span(number)], piece)
            places += (layout.first_value + piece).tolist()
        for row in range(group.rows):
            held = np.concatenate([pieces[k] for k in layout.of_rows(np.array([row]))])
            assert np.isin(values[row], held).all()
            if upload == "part":
                np.testing.assert_array_equal(held, values[row])
    assert places == list(range(shape.values))
    everything = np.arange(layouts[1].first_piece + layouts[1].pieces)
    for listed in ([0], [], list(range(rows))):
        some = pieces_of(layouts, [np.array(listed, dtype=np.int64), np.array([1])])
        numbers = [layout.first_piece + k for layout, k in zip(layouts, some, strict=True)]
        others = other_pieces(layouts, some)
        np.testing.assert_array_equal(np.sort(np.concatenate([*numbers, others])), everything)


class TestPaillierInSlices(SlicedContract):
    protection: ClassVar[str] = "paillier"
    key: PrivateKey

    @pytest.fixture(autouse=True)
    def _keys(self, weak_key: PrivateKey) -> None:
        self.key = weak_key

    @pytest.fixture
    def public_key(self, _keys: None) -> int | None:
        return int(self.key.public.n)

    def participant(self, session: Session, start: IntegerTable) -> ParticipantProtection:
        return participant_protection(session, self.key, start)
