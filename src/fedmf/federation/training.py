"""The rounds of one training: tables out, uploads in, closings out, over any engine."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from fedmf.errors import ProtocolError
from fedmf.federation.attendance import Attendance
from fedmf.federation.engine import Engine, Observation
from fedmf.federation.measurement import Fit
from fedmf.federation.plan import TrainingPlan
from fedmf.federation.ranking import Ranking
from fedmf.federation.rounds import RoundPlayer
from fedmf.federation.transcript import EVERYBODY, SERVER, Transcript, participant_name
from fedmf.model import FloatArray, PublicModel
from fedmf.protocol import (
    IntegerTable,
    Server,
    table_sha256,
)

LEARNED = frozenset(
    (
        "round",
        "rmse",
        "mae",
        "training_loss",
        "summed_rmse",
        "ndcg_at_10",
        "hr_at_10",
        "summed_ndcg_at_10",
    )
)
"""What a record says of the model; the rest is cost."""
MOST_VOID_ROUNDS = 5
"""So many void rounds in a row are borne; a kill in the middle of one accounts for one or two."""


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """What is known of a round when it is over; NaN where it was not, or cannot be, measured.

    Errors are of methods that predict ratings, rankings of those that do not.
    """

    round: int
    """From 1; the set-up round, in which nobody learns, is round 0."""
    rmse: float
    mae: float
    """On the held-out ratings, with the model after the round, as measured by whoever runs the
    experiment and holds all of them."""
    training_loss: float
    """Mean squared error over all training ratings, with the model after the round, measured
    likewise."""
    summed_rmse: float
    """What the opened table says: participants upload the errors of the model that they have just
    downloaded, protected like everything. With everybody in every round it is the error of the
    model *before* the round; what others measured in earlier rounds stays in the sum."""
    seconds: float
    """Wall time from the round's opening to its closing and its new table."""
    participant_seconds_median: float
    participant_seconds_max: float
    """Processor seconds over the included participants: opening, step and protecting."""
    server_seconds: float
    """Processor seconds of the server: checking and adding uploads, and encoding the table."""
    upload_bytes_median: float
    download_bytes_median: float
    """Bytes per included participant."""
    included: int
    dropped: int
    """Participants of the cohort whose uploads count, and the others."""
    member_seconds_median: float = math.nan
    """Processor seconds of the median member of the committee in this round; NaN without one."""
    void_before: int = 0
    """Rounds before this one, since the last that counted, that ended void."""
    ndcg_at_10: float = math.nan
    hr_at_10: float = math.nan
    """How the model after the round ranks held-out items among all that were not rated, measured
    like `rmse`."""
    summed_ndcg_at_10: float = math.nan
    """What the opened table says of it, with the delay of `summed_rmse`."""

    def cost_as_json(self) -> dict[str, float | int | None]:
        """Return what the round cost and who was in it: all there is to say of the set-up."""
        return {name: value for name, value in self.as_json().items() if name not in LEARNED}

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

    Under a committee it may be over before its last round: once a round leaves the table as it was,
    nobody uploads to it again.
    """

    plan: TrainingPlan
    """The plan that was carried out."""
    setup: RoundRecord | None
    """The record of the set-up round; None where there was none."""
    rounds: Sequence[RoundRecord]
    """A record of every round that learned."""
    table: IntegerTable
    """The final integer table."""
    public_model: PublicModel
    user_factors: FloatArray
    """What it stands for, and the vectors with which the users predict by it, shape (users, k)."""

    @property
    def table_sha256(self) -> str:
        """Digest of the final table: equal under every protection with the same seed."""
        return table_sha256(self.table)


class Keeper(Protocol):
    """Keeps what a training needs to go on after a kill."""

    def keep_frozen(self, round_number: int, frozen: bytes, engine: Engine) -> None:
        """Write down a round whose set of uploads is frozen, before anybody is asked to open it."""
        ...

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
    """A table that went out: the size of its message, and its fit."""

    size: int
    observation: Observation


class Training:
    """Conducts the rounds of a plan.

    Parameters
    ----------
    plan
        The public plan.
    engine
        Carries the messages.
    server
        At the start, or restored from a checkpoint.
    records
        The records of the rounds that the checkpoint holds.
    frozen
        The round that was about to be opened, from `Server.frozen`; empty: none was.
    transcript
        Records them.
    keeper
        Keeps checkpoints; None: nothing survives a kill.
    attendance
        Who joins late and who leaves early; None: everybody is there from the beginning to the end.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        engine: Engine,
        server: Server,
        *,
        records: Sequence[RoundRecord] = (),
        frozen: bytes = b"",
        transcript: Transcript | None = None,
        keeper: Keeper | None = None,
        attendance: Attendance | None = None,
    ) -> None:
        self._plan = plan
        self._engine = engine
        self._keeper = keeper
        self._attendance = attendance or Attendance()
        # Without a reader nothing is recorded: digests of all uploads take a third of a server.
        recorded = transcript is not None or keeper is not None
        self._transcript = transcript or Transcript(is_kept=recorded)
        self._server = server
        self._records = list(records)
        self._frozen = frozen
        self._player = RoundPlayer(server, engine, self._transcript, self._keep_frozen)

    def run(self, after_round: Callable[[RoundRecord], None] | None = None) -> TrainingResult:
        """Run the rounds that are left.

        Parameters
        ----------
        after_round
            Called with the record of each round, the set-up round included, once it is safely
            kept.
        """
        handed_out = self._distribute()
        void = 0
        while not self._server.is_over:
            record, handed_out = self._round(handed_out.size, void)
            if record is None:
                if handed_out.observation.has_settled:
                    # Everybody has worked on this table: no round will ever move it.
                    break
                void += 1
                if void > MOST_VOID_ROUNDS:
                    raise ProtocolError(
                        f"{void} rounds in a row ended void: too few participants or members of "
                        "the committee are there"
                    )
                continue
            void = 0
            self._records.append(record)
            if self._keeper is not None:
                closings = [
                    closing.to_bytes(self._plan.session) for closing in self._server.closings
                ]
                self._keeper.keep(
                    self._server.payload(), closings, self._records, self._transcript, self._engine
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

    def _round(self, download_bytes: int, void: int) -> tuple[RoundRecord | None, _HandedOut]:
        """Play a round; its record is None where the round ended void."""
        start = time.perf_counter()
        counted = self._server.counted_rounds + 1
        learning_round = counted - self._plan.setup_rounds
        left = self._left()
        cohort = self._attendance.present(self._plan.cohort(counted), learning_round, left)
        leaving = self._attendance.leaving(learning_round, left)
        before = self._player.server_seconds
        played = self._player.play(cohort, leaving, self._frozen)
        self._frozen = b""
        closing = played.closing
        self._engine.deliver_closing(played.data)
        handed_out = self._distribute()
        if not closing.counts(self._plan.session):
            return None, handed_out
        observation = handed_out.observation
        summed = observation.summed
        included = [one for one in played.uploads if one.participant in set(closing.included)]
        record = RoundRecord(
            round=self._server.counted_rounds - self._plan.setup_rounds,
            rmse=observation.heldout.rmse,
            mae=observation.heldout.mae,
            training_loss=observation.training.rmse**2,
            summed_rmse=summed.rmse if isinstance(summed, Fit) else math.nan,
            seconds=time.perf_counter() - start,
            participant_seconds_median=_median([one.seconds for one in included]),
            participant_seconds_max=max((one.seconds for one in included), default=math.nan),
            server_seconds=self._player.server_seconds - before,
            upload_bytes_median=_median([float(one.size) for one in included]),
            download_bytes_median=float(download_bytes + played.opening_bytes + len(played.data)),
            included=len(closing.included),
            dropped=len(cohort) - len(closing.included),
            member_seconds_median=_median(list(self._player.member_seconds.values())),
            void_before=void,
            ndcg_at_10=observation.ranking.ndcg_at_10,
            hr_at_10=observation.ranking.hr_at_10,
            summed_ndcg_at_10=summed.ndcg_at_10 if isinstance(summed, Ranking) else math.nan,
        )
        return record, handed_out

    def _keep_frozen(self, number: int, frozen: bytes) -> None:
        if self._keeper is not None:
            self._keeper.keep_frozen(number, frozen, self._engine)

    def _left(self) -> frozenset[int]:
        """Return who has left, as the closings tell."""
        session = self._plan.session
        counted = [one.included for one in self._server.closings if one.counts(session)]
        slices = self._plan.settings.slice_count
        return self._attendance.have_left(counted, self._plan.setup_rounds, slices)

    def _distribute(self) -> _HandedOut:
        with self._player.timed():
            message = self._server.table_message()
            data = message.to_bytes(self._plan.session)
        self._transcript.record(message.round, SERVER, EVERYBODY, "table", data)
        observation = self._engine.distribute(data)
        if self._server.needs_copy and self._server.counted_rounds:
            copy = self._engine.table_copy()
            self._transcript.record(message.round, participant_name(0), SERVER, "copy", copy)
            self._server.keep_copy(copy)
        return _HandedOut(len(data), observation)


def _median(values: Sequence[float]) -> float:
    return float(statistics.median(values)) if values else math.nan
