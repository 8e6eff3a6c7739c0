"""The rounds of one training: tables out, uploads in, closings out, over any engine."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from fedmf.federation.engine import Engine, Observation
from fedmf.federation.plan import TrainingPlan
from fedmf.federation.transcript import EVERYBODY, SERVER, Transcript, participant_name
from fedmf.model import FloatArray, PublicModel
from fedmf.protocol import (
    ClosingMessage,
    IntegerTable,
    Server,
    ServerProtection,
    server_protection,
    table_sha256,
)


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """What is known of a round when it is over; NaN where nothing was held out.

    Parameters
    ----------
    round
        From 1; the set-up round, in which nobody learns, is round 0.
    rmse, mae
        On the held-out ratings, with the model after the round, as measured by whoever runs the
        experiment and holds all of them.
    training_loss
        Mean squared error over all training ratings, with the model after the round, measured
        likewise.
    summed_rmse
        What the opened table says: participants upload the errors of the model that they have just
        downloaded, protected like everything. With everybody in every round it is the error of the
        model *before* the round; what others measured in earlier rounds stays in the sum.
    seconds
        Wall time from the round's opening to its closing and its new table.
    participant_seconds_median, participant_seconds_max
        Processor seconds over the included participants: opening, step and protecting.
    server_seconds
        Processor seconds of the server: checking and adding uploads, and encoding the table.
    upload_bytes_median, download_bytes_median
        Bytes per included participant.
    included, dropped
        Participants of the cohort whose uploads count, and the others.
    """

    round: int
    rmse: float
    mae: float
    training_loss: float
    summed_rmse: float
    seconds: float
    participant_seconds_median: float
    participant_seconds_max: float
    server_seconds: float
    upload_bytes_median: float
    download_bytes_median: float
    included: int
    dropped: int

    def cost_as_json(self) -> dict[str, float | int | None]:
        """Return what the round cost and who was in it: all there is to say of the set-up."""
        learned = ("round", "rmse", "mae", "training_loss", "summed_rmse")
        return {name: value for name, value in self.as_json().items() if name not in learned}

    def as_json(self) -> dict[str, float | int | None]:
        """Return the record as JSON values: NaN, which JSON lacks, becomes null."""
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, values: Mapping[str, float | int | None]) -> RoundRecord:
        """Return the record that `as_json` wrote."""
        return cls(
            **{name: math.nan if value is None else value for name, value in values.items()}  # type: ignore[arg-type]
        )


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class TrainingResult:
    """What a finished training leaves.

    Parameters
    ----------
    plan
        The plan that was carried out.
    setup
        The record of the set-up round; None where there was none.
    rounds
        A record of every round that learned.
    table
        The final integer table.
    public_model, user_factors
        What it stands for, and the vectors with which the users predict by it, shape (users, k).
    """

    plan: TrainingPlan
    setup: RoundRecord | None
    rounds: Sequence[RoundRecord]
    table: IntegerTable
    public_model: PublicModel
    user_factors: FloatArray

    @property
    def table_sha256(self) -> str:
        """Digest of the final table: equal under every protection with the same seed."""
        return table_sha256(self.table)


class Keeper(Protocol):
    """Keeps what a training needs to go on after a kill."""

    def keep(
        self,
        server_payload: bytes,
        closings: Sequence[bytes],
        records: Sequence[RoundRecord],
        transcript: Transcript,
        engine: Engine,
    ) -> None:
        """Write a checkpoint, whole or not at all."""
        ...


@dataclass(frozen=True, slots=True)
class _HandedOut:
    """A table that went out: payload, message size, the server's seconds for it, and its fit."""

    payload: bytes
    size: int
    seconds: float
    observation: Observation


class Training:
    """Conducts the rounds of a plan.

    Parameters
    ----------
    plan
        The public plan.
    engine
        Carries the messages.
    transcript
        Records them.
    keeper
        Keeps checkpoints; None: nothing survives a kill.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        engine: Engine,
        *,
        transcript: Transcript | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        self._plan = plan
        self._engine = engine
        self._keeper = keeper
        self._transcript = transcript or Transcript()
        self._protection: ServerProtection = server_protection(plan.session)
        self._protection.start(plan.start_table())
        self._server = Server(plan.session, self._protection)
        self._records: list[RoundRecord] = []

    def resume(
        self, server_payload: bytes, closings: Sequence[bytes], records: Sequence[RoundRecord]
    ) -> None:
        """Go on after the rounds that a checkpoint holds; the engine was restored likewise."""
        session = self._plan.session
        self._protection.restore(server_payload)
        heard = [ClosingMessage.from_bytes(closing, session) for closing in closings]
        self._server = Server(session, self._protection, heard)
        self._records = list(records)

    def run(self, after_round: Callable[[RoundRecord], None] | None = None) -> TrainingResult:
        """Run the rounds that are left.

        Parameters
        ----------
        after_round
            Called with the record of each round, the set-up round included, once it is safely
            kept.
        """
        handed_out = self._distribute()
        while not self._server.is_over:
            record, handed_out = self._round(handed_out.size)
            self._records.append(record)
            if self._keeper is not None:
                closings = [
                    closing.to_bytes(self._plan.session) for closing in self._server.closings
                ]
                self._keeper.keep(
                    handed_out.payload, closings, self._records, self._transcript, self._engine
                )
            if after_round is not None:
                after_round(record)
        setup = self._plan.setup_rounds
        return TrainingResult(
            self._plan,
            self._records[0] if setup else None,
            tuple(self._records[setup:]),
            self._engine.opened_table(),
            self._engine.public_model(),
            self._engine.user_factors(),
        )

    def _round(self, download_bytes: int) -> tuple[RoundRecord, _HandedOut]:
        start = time.perf_counter()
        server_seconds = 0.0
        number = self._server.next_round
        cohort = self._plan.cohort(number)
        self._server.open_round(cohort)
        participant_seconds, upload_bytes = [], []
        for uploaded in self._engine.collect(cohort):
            sender = participant_name(uploaded.participant)
            self._transcript.record(number, sender, SERVER, "upload", uploaded.message)
            before = time.process_time()
            self._server.receive(uploaded.message)
            server_seconds += time.process_time() - before
            participant_seconds.append(uploaded.seconds)
            upload_bytes.append(len(uploaded.message))
        closing = self._server.close_round()
        data = closing.to_bytes(self._plan.session)
        self._transcript.record(number, SERVER, EVERYBODY, "closing", data)
        self._engine.settle(data)
        handed_out = self._distribute()
        observation = handed_out.observation
        record = RoundRecord(
            round=number - self._plan.setup_rounds,
            rmse=observation.heldout.rmse,
            mae=observation.heldout.mae,
            training_loss=observation.training.rmse**2,
            summed_rmse=observation.summed.rmse if observation.summed else math.nan,
            seconds=time.perf_counter() - start,
            participant_seconds_median=_median(participant_seconds),
            participant_seconds_max=max(participant_seconds, default=math.nan),
            server_seconds=server_seconds + handed_out.seconds,
            upload_bytes_median=_median(upload_bytes),
            download_bytes_median=float(download_bytes + len(data)),
            included=len(closing.included),
            dropped=len(cohort) - len(closing.included),
        )
        return record, handed_out

    def _distribute(self) -> _HandedOut:
        before = time.process_time()
        message = self._server.table_message()
        data = message.to_bytes(self._plan.session)
        seconds = time.process_time() - before
        self._transcript.record(message.round, SERVER, EVERYBODY, "table", data)
        return _HandedOut(message.payload, len(data), seconds, self._engine.distribute(data))


def _median(values: Sequence[float]) -> float:
    return float(statistics.median(values)) if values else math.nan
