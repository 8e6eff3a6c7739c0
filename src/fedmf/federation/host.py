"""Several participants in one process: each does its own step, the table is opened once for all."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fedmf.errors import ProtocolError
from fedmf.federation.engine import Observation, Uploaded
from fedmf.federation.measurement import measure
from fedmf.federation.participant import Participant
from fedmf.federation.participant_states import (
    read_pending,
    read_public_model,
    read_states,
    write_public_model,
    write_states,
)
from fedmf.federation.plan import TrainingPlan
from fedmf.federation.ranking import rank
from fedmf.federation.table_reader import Reading, TableReader
from fedmf.interrupts import HeldInterrupts
from fedmf.model import FloatArray, PublicModel
from fedmf.protocol import (
    ClosingMessage,
    IntegerTable,
    ParticipantProtection,
    ParticipantRole,
    TableMessage,
)
from fedmf.ratings import OwnedRatings


@dataclass(frozen=True, eq=False, slots=True)
class HostedParticipant:
    """What one participant owns."""

    number: int
    """The participant's id in the session."""
    training: OwnedRatings
    """Its ratings."""
    heldout: OwnedRatings
    """Ratings that it keeps back to measure with; the same users in the same order."""


class ParticipantHost:
    """Hosts participants of one session.

    Parameters
    ----------
    plan
        The public plan.
    protection
        The participants' half of the protection.
    hosted
        Who lives here.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        protection: ParticipantProtection,
        hosted: Iterable[HostedParticipant],
    ) -> None:
        self._plan = plan
        self._owned = {one.number: one for one in hosted}
        self._protection = protection
        self._reader = TableReader(plan)
        self._participants = self._made(closings=())
        self._counted_rounds = 0
        self._round = 0
        self._reading: Reading | None = None
        self._opening_seconds = 0.0
        self._table: IntegerTable = ()
        self._table_round = 0
        self._has_converged = False

    def distribute(self, table: bytes) -> Observation:
        """Open a table message for everybody here and measure its model."""
        message = TableMessage.from_bytes(table, self._plan.session)
        start = time.process_time()
        opened = self._protection.open(message.payload)
        self._opening_seconds = time.process_time() - start
        self._note(opened)
        self._reading = reading = self._reader.read(self._counted_rounds + 1, opened)
        self._round = message.round
        observation = Observation(summed=reading.errors, has_converged=self._has_converged)
        for number, owned in self._owned.items():
            vectors = self._participants[number].user_factors(reading.model)
            observation += self._observed(owned, vectors, reading.model)
        return observation

    def _note(self, opened: IntegerTable) -> None:
        """Note whether the last round that counted moved anything."""
        if self._counted_rounds > self._table_round:
            self._has_converged = len(self._table) > 0 and all(
                np.array_equal(now, before) for now, before in zip(opened, self._table, strict=True)
            )
        self._table, self._table_round = opened, self._counted_rounds

    def begin_round(self, opening: bytes) -> None:
        """Tell everybody here how the round begins."""
        self._protection.begin(opening)

    def collect(
        self, cohort: Iterable[int], leaving: frozenset[int] = frozenset()
    ) -> Iterator[Uploaded]:
        """Have the participants of the cohort that live here take part, one after the other.

        Whose table has not moved since its last upload yields nothing: an upload would be refused.
        """
        reading = self._read()
        for number in cohort:
            if number not in self._participants or not self._protection.has_moved(number):
                continue
            participant = self._participants[number]
            with HeldInterrupts():
                start = time.process_time()
                message = (
                    participant.leave(self._round)
                    if number in leaving
                    else participant.take_part(self._round, reading)
                )
                upload = message.to_bytes(self._plan.session)
                seconds = time.process_time() - start
            # The table was opened once for all who live here; each is charged what it would have
            # opened by itself.
            share = self._protection.work(participant.rows_needed()) / self._protection.work()
            yield Uploaded(number, upload, seconds + share * self._opening_seconds)

    def hear_closing(self, closing: bytes) -> None:
        """Tell everybody here how the round ended."""
        message = ClosingMessage.from_bytes(closing, self._plan.session)
        self._protection.hear(message)
        self._counted_rounds += message.counts(self._plan.session)
        for participant in self._participants.values():
            participant.hear_closing(message)

    def waits(self, number: int) -> str:
        """Return what a participant's next uploads wait for; empty if they pass by themselves."""
        return self._protection.waits(number)

    def table_copy(self) -> bytes:
        """Return the last distributed table, sealed for participants who come late."""
        return self._protection.copy()

    def reopenable(self, table: bytes) -> bytes:
        """Return a table message that was just opened, in a form that opens after a restart."""
        message = TableMessage.from_bytes(table, self._plan.session)
        payload = self._protection.reopenable(message.payload)
        return TableMessage(message.round, payload).to_bytes(self._plan.session)

    def replace_ratings(self, number: int, training: OwnedRatings, heldout: OwnedRatings) -> None:
        """Give a participant other ratings of the same users, if it lives here."""
        if number in self._participants:
            self._participants[number].replace_ratings(training, heldout)
            self._owned[number] = HostedParticipant(number, training, heldout)

    def opened_table(self) -> IntegerTable:
        """Return the last distributed table."""
        self._read()
        return self._table

    def _observed(
        self, owned: HostedParticipant, vectors: FloatArray, public: PublicModel
    ) -> Observation:
        method = self._plan.method
        if not method.predicts_ratings:
            return Observation(ranking=rank(public, vectors, owned.training, owned.heldout))
        return Observation(
            training=measure(public, vectors, owned.training),
            heldout=measure(public, vectors, owned.heldout, method.scale),
        )

    def public_model(self) -> PublicModel:
        """Return the public model of the last distributed table."""
        return self._read().model

    def _read(self) -> Reading:
        """Return what the last distributed table says."""
        if self._reading is None:
            raise ProtocolError("no table was distributed yet")
        return self._reading

    def user_factors(self) -> dict[int, FloatArray]:
        """Return the vectors with which each participant's users predict by it."""
        public = self.public_model()
        return {number: one.user_factors(public) for number, one in self._participants.items()}

    def save(self, path: Path) -> None:
        """Write the states of everybody here to one file."""
        states = {number: one.state for number, one in self._participants.items()}
        write_states(path, states, self._plan.codec.shape)

    def save_pending(self, path: Path) -> None:
        """Write what the participants here await to one file, if they await anything."""
        pending = {n: one.pending for n, one in self._participants.items() if one.pending}
        if pending:
            write_states(path, pending, self._plan.codec.shape)

    def restore_pending(self, folder: Path) -> None:
        """Take what the participants here await from the files of a folder."""
        waiting = read_pending(folder, self._plan.codec.shape, self._owned.keys())
        for number, pending in waiting.items():
            self._participants[number].restore_pending(pending)

    def save_public_model(self, folder: Path) -> None:
        """Write the public model before the last table, in whose light that table is read."""
        if self._reader.previous is None:
            raise ProtocolError("a checkpoint before the first round is over")
        write_public_model(folder, self._reader.previous)

    def restore(self, folder: Path, closings: Sequence[bytes]) -> None:
        """Take the states of everybody here from the files of a folder, after these closings."""
        heard = [ClosingMessage.from_bytes(closing, self._plan.session) for closing in closings]
        self._protection.replay(heard)
        self._counted_rounds = sum(closing.counts(self._plan.session) for closing in heard)
        if self._counted_rounds:
            self._reader.restore(read_public_model(folder), self._counted_rounds)
        states = read_states(folder, self._plan.codec.shape, self._owned.keys())
        self._participants = self._made(heard)
        for number, state in states.items():
            self._participants[number].restore(state)

    def _made(self, closings: Sequence[ClosingMessage]) -> dict[int, Participant]:
        plan = self._plan
        return {
            number: Participant(
                ParticipantRole(plan.session, number, self._protection, closings=closings),
                plan,
                one.training,
                one.heldout,
            )
            for number, one in self._owned.items()
        }
