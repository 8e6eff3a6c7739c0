from typing import ClassVar

import numpy as np
import pytest

from fedmf.errors import MessageError
from fedmf.protocol import (
    IntegerTable,
    ParticipantProtection,
    RowChange,
    Session,
    participant_protection,
    server_protection,
)
from fedmf.protocol.table import encode_change, encode_words
from tests.contracts.protection_contract import SHAPE, ProtectionContract, random_change
from tests.contracts.sliced_contract import SlicedContract
from tests.protocol.sessions import no_change, no_rows


class TestNone(ProtectionContract):
    protection: ClassVar[str] = "none"

    def participant(
        self, session: Session, start: IntegerTable | None = None
    ) -> ParticipantProtection:
        return participant_protection(session, None, start)

    def test_a_sum_beyond_its_word_raises_instead_of_wrapping(self, session: Session) -> None:
        participant, server = self.participant(session), server_protection(session)
        server.start(SHAPE.zeros())
        large = [
            RowChange(np.array([4]), np.full((1, 70), 2**29 - 1, dtype=np.int64)),
            no_rows(),
        ]
        payload, rows = (
            participant.protect(large, round_number=1, participant=0).payload,
            session.rows_named(large),
        )
        server.add(payload, rows, counted_round=1)
        before = server.payload()
        with pytest.raises(MessageError, match="row 4"):
            server.add(payload, rows, counted_round=1)
        assert server.payload() == before

    def test_a_change_of_some_rows_travels_as_zeros_in_all_others(self) -> None:
        change = random_change(np.random.default_rng(3), SHAPE)
        words = encode_words(SHAPE, SHAPE.dense(change))
        assert encode_change(SHAPE, change) == words

    def test_words_larger_than_planned_are_refused(self, session: Session) -> None:
        participant, server = self.participant(session), server_protection(session)
        server.start(SHAPE.zeros())
        change = no_change(SHAPE)
        change[0] = RowChange(np.array([2]), np.ones((1, 70), dtype=np.int64))
        # Words of 30 bits travel in 4 bytes: the highest of these has 31.
        payload = participant.protect(change, round_number=1, participant=0).payload
        payload = payload.replace(b"\1\0\0\0", b"\0\0\0\x40", 1)
        with pytest.raises(MessageError, match="1073741824 in row 2"):
            server.add(payload, session.rows_named(change), counted_round=1)


class TestNoneInSlices(SlicedContract):
    protection: ClassVar[str] = "none"

    def participant(self, session: Session, start: IntegerTable) -> ParticipantProtection:
        return participant_protection(session, None, start)
