"""What every protection must do where a public slice of the table travels in each round."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from fedmf.errors import MessageError, SettingsError
from fedmf.protocol import (
    GroupShape,
    IntegerTable,
    ParticipantProtection,
    RowChange,
    Session,
    TableShape,
    server_protection,
)
from fedmf.protocol.slices import SliceTerms
from tests.contracts.protection_contract import Exchange, random_change, summed
from tests.protocol.sessions import no_change, small_session

SHAPE = TableShape(
    (
        GroupShape("items", rows=9, columns=700, word_bits=24),
        GroupShape("raters", 9, 1, word_bits=11),
        GroupShape("sums", 1, 5, word_bits=40),
    )
)
TERMS = SliceTerms(3, 5, ("items", "raters"), setup_rounds=1, whole_at_setup=("raters",))
ROUNDS = 6


def sliced_change(rng: np.random.Generator, session: Session, round_number: int) -> list[RowChange]:
    """Return changes of some rows that travel in a round."""
    part = session.schedule.load(round_number).part
    return list(part.updated(None, random_change(rng, SHAPE, parts=40)))


class SlicedContract:
    """Inherit, set `protection`, and override the makers where there is a key."""

    protection: ClassVar[str]
    on_top: ClassVar[int] = 0
    on_top_of_a_part: ClassVar[int] = 0
    """Bytes of an upload's payload besides those of its values."""

    @pytest.fixture
    def public_key(self) -> int | None:
        """Return the session's public key; override where there is one."""
        return None

    def participant(self, session: Session, start: IntegerTable) -> ParticipantProtection:
        """Return a participant's half that holds the right key."""
        raise NotImplementedError

    @pytest.fixture
    def session(self, public_key: int | None) -> Session:
        return small_session(
            "slices",
            self.protection,
            SHAPE,
            participants=4,
            rounds=ROUNDS,
            public_key=public_key,
            slices=TERMS,
        )

    @pytest.fixture
    def rng(self) -> np.random.Generator:
        return np.random.default_rng(7)

    @pytest.fixture
    def exchange(self, session: Session) -> Exchange:
        """Both sides at the start of a session."""
        start = SHAPE.zeros()
        server = server_protection(session)
        server.start(start)
        return Exchange(self.participant(session, start), server)

    def restore_server(self, exchange: Exchange) -> None:
        """Go on with a new server that knows what the old one keeps in a checkpoint."""
        restored = server_protection(exchange.server.session)
        restored.restore(exchange.server.payload())
        exchange.server = restored

    def test_the_table_is_the_plain_sum_after_every_round(
        self, session: Session, exchange: Exchange, rng: np.random.Generator
    ) -> None:
        everything: list[list[RowChange]] = []
        for number in range(1, ROUNDS + 1):
            for _ in range(3):
                everything.append(sliced_change(rng, session, number))
                exchange.send(everything[-1])
            for found, wanted in zip(exchange.opened(), summed(everything, SHAPE), strict=True):
                np.testing.assert_array_equal(found, wanted)

    def test_a_change_of_rows_that_stay_at_home_is_refused(
        self, session: Session, exchange: Exchange, rng: np.random.Generator
    ) -> None:
        exchange.send(sliced_change(rng, session, 1))
        with pytest.raises(SettingsError, match="do not travel"):
            exchange.send(sliced_change(rng, session, 2))

    def test_sizes_are_those_of_the_rows_that_travel_and_no_larger_for_those_that_change(
        self, session: Session, exchange: Exchange, rng: np.random.Generator
    ) -> None:
        sizes = []
        nothing = no_change(SHAPE)
        for number in (1, 2):
            load = session.schedule.load(number)
            rows = load.part.rows_by_group()
            changes = [sliced_change(rng, session, number), nothing]
            payloads = [exchange.send(change) for change in changes]
            due = exchange.participant.payload_bytes(rows) + self.on_top
            due += self.on_top_of_a_part * len(load.numbers)
            assert {len(one) for one in payloads} == {due}
            sizes.append(len(payloads[0]))
            exchange.close_round()
        assert len(set(sizes)) == 2
        assert max(sizes) < exchange.participant.payload_bytes(None)

    def test_a_restored_server_goes_on_where_the_other_stopped(
        self, session: Session, exchange: Exchange, rng: np.random.Generator
    ) -> None:
        changes = []
        for number in (1, 2, 3):
            changes.append(sliced_change(rng, session, number))
            exchange.send(changes[-1])
            exchange.close_round()
            self.restore_server(exchange)
        opened = exchange.participant.open(exchange.server.payload())
        for found, wanted in zip(opened, summed(changes, SHAPE), strict=True):
            np.testing.assert_array_equal(found, wanted)

    def test_an_upload_of_another_round_changes_nothing(
        self, session: Session, exchange: Exchange, rng: np.random.Generator
    ) -> None:
        payload = exchange.send(sliced_change(rng, session, 1))
        before = exchange.server.payload()
        with pytest.raises(MessageError, match="bytes"):
            exchange.server.add(payload, None, counted_round=2)
        assert exchange.server.payload() == before
