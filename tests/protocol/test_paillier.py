from typing import ClassVar

import numpy as np
import pytest

from fedmf.crypto.paillier import PrivateKey
from fedmf.errors import KeyMaterialError, MessageError
from fedmf.protocol import (
    GroupShape,
    IntegerTable,
    ParticipantProtection,
    ServerProtection,
    Session,
    TableShape,
    participant_protection,
    server_protection,
)
from fedmf.protocol.paillier import GroupLayout, PaillierParticipant
from fedmf.protocol.protection import listed_rows
from tests.contracts.protection_contract import KeyedProtectionContract, random_change


class TestPaillier(KeyedProtectionContract):
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
        participant = PaillierParticipant(session, self.key)
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
        for bad in (0, n * n, n, 3 * n):
            payload[-size:] = bad.to_bytes(size, "big")
            with pytest.raises(MessageError):
                server.add(bytes(payload), listed_rows(session, change))
        assert server.payload() == before


def test_a_server_without_a_public_key_is_refused() -> None:
    session = Session(
        bytes(16),
        "paillier",
        "full",
        TableShape((GroupShape("items", 1, 1, 8),)),
        1,
        1,
        None,
        bytes(32),
    )
    with pytest.raises(KeyMaterialError, match="public key"):
        server_protection(session)


@pytest.mark.parametrize("upload", ["full", "part"])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (7, 3), (4, 31), (5, 64), (3, 200)])
def test_layout_places_every_value_exactly_once(upload: str, rows: int, columns: int) -> None:
    group = GroupShape("items", rows, columns, word_bits=32)
    session = Session(bytes(16), "paillier", upload, TableShape((group,)), 1, 1, 5, bytes(32))  # type: ignore[arg-type]
    layout = GroupLayout.of(session, group, key_bits=1024)
    values = np.arange(rows * columns).reshape(rows, columns)
    chunks = list(layout.chunks(values))
    assert len(chunks) == layout.ciphertexts
    for number, chunk in enumerate(chunks):
        np.testing.assert_array_equal(values.reshape(-1)[layout.place(number)], chunk)
    for row in range(rows):
        held = np.concatenate([chunks[k] for k in layout.of_rows(np.array([row]))])
        assert np.isin(values[row], held).all()
        if upload == "part":
            np.testing.assert_array_equal(held, values[row])
