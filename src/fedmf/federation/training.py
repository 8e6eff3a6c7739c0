"""A training whose participants are simulated: what its rounds taught and cost, and its result."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from fedmf.federation.attendance import Attendance
from fedmf.federation.checkpoints import FrozenRound
from fedmf.federation.conductor import Conductor, Store
from fedmf.federation.engine import Engine
from fedmf.federation.measurement import Fit
from fedmf.federation.plan import TrainingPlan
from fedmf.federation.ranking import Ranking
from fedmf.federation.rounds import Played
from fedmf.federation.transcript import Transcript
from fedmf.figures import MEASURES, bytes_text, measure_text, seconds_text
from fedmf.markup import table
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


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """What is known of a round when it is over; NaN where it was not, or cannot be, measured.

    Errors are of methods that predict ratings, rankings of those that do not.
    """

    round: int
    """From 1; the set-up round, in which nobody learns, is round 0."""
    rmse: float
    mae: float
    """On the held-out ratings, with the model after the round, as measured by the experimenter, who
    holds all of them."""
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
    """Processor seconds of the server, all its steps: from checking and adding uploads to encoding
    the table."""
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
    frozen: int = 0
    """Participants whose contribution stays as it is after the round, because they were away for
    too long: they come back with others only."""
    waiting: int = 0
    """Participants whose uploads were left out in the round, because too few came of their lot."""
    ndcg_at_10: float = math.nan
    hr_at_10: float = math.nan
    """How the model after the round ranks held-out items among all that were not rated, measured
    like `rmse`."""
    summed_ndcg_at_10: float = math.nan
    """What the opened table says of it, with the delay of `summed_rmse`."""

    @classmethod
    def of(cls, played: Played, number: int) -> RoundRecord:
        """Return the record of a round that was played, under its number in learning."""
        included = [
            one for one in played.uploads if one.participant in set(played.closing.included)
        ]
        seen, summed = played.observation, played.observation.summed
        return cls(
            round=number,
            rmse=seen.heldout.rmse,
            mae=seen.heldout.mae,
            training_loss=seen.training.rmse**2,
            summed_rmse=summed.rmse if isinstance(summed, Fit) else math.nan,
            seconds=played.seconds,
            participant_seconds_median=_median([one.seconds for one in included]),
            participant_seconds_max=max((one.seconds for one in included), default=math.nan),
            server_seconds=played.server_seconds,
            upload_bytes_median=_median([float(one.size) for one in included]),
            download_bytes_median=float(played.download_bytes),
            included=len(played.closing.included),
            dropped=len(played.cohort) - len(played.closing.included),
            member_seconds_median=_median(played.members),
            void_before=played.void_before,
            frozen=len(played.frozen),
            waiting=len(played.waiting),
            ndcg_at_10=seen.ranking.ndcg_at_10,
            hr_at_10=seen.ranking.hr_at_10,
            summed_ndcg_at_10=summed.ndcg_at_10 if isinstance(summed, Ranking) else math.nan,
        )

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

    def __repr__(self) -> str:
        """Say what was trained and how good it is."""
        settings = self.plan.settings
        last = self.rounds[-1]
        errors = [
            f", {MEASURES[name]} {measure_text(value)}"
            for name in ("rmse", "ndcg_at_10")
            if not math.isnan(value := getattr(last, name))
        ]
        return (
            f"TrainingResult({settings.method}, {settings.protection}: {len(self.rounds)} rounds"
            f"{''.join(errors)})"
        )

    def _repr_html_(self) -> str:
        """Return a table of the rounds for notebooks."""
        rows = [
            (
                str(one.round),
                *(measure_text(value) for value in (one.rmse, one.mae, one.ndcg_at_10)),
                seconds_text(one.seconds),
                bytes_text(one.upload_bytes_median),
                bytes_text(one.download_bytes_median),
            )
            for one in self.rounds
        ]
        headings = ("round", "RMSE", "MAE", "NDCG@10", "wall time", "upload", "download")
        return table(repr(self), headings, rows, numbers=range(len(headings)))

    @property
    def table_sha256(self) -> str:
        """Digest of the final table: equal under every protection with the same seed."""
        return table_sha256(self.table)


class Training(Conductor[RoundRecord]):
    """Conducts a plan whose participants are simulated, and measures every round of it.

    Its records are those of the rounds that count.

    Parameters
    ----------
    plan
        The public plan.
    engine
        Carries the messages, and holds the participants.
    server
        At the start, or restored from a checkpoint.
    records
        The records of the rounds that the checkpoint holds.
    frozen
        The round that was about to be opened before a crash; None: none was.
    transcript
        Records the messages.
    store
        Keeps checkpoints; None: nothing survives a kill.
    attendance
        Who joins late and who leaves early; None: everybody is there from the beginning to the end.
    begun
        As for `Conductor`.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        engine: Engine,
        server: Server,
        *,
        records: Iterable[RoundRecord] = (),
        frozen: FrozenRound | None = None,
        transcript: Transcript | None = None,
        store: Store | None = None,
        attendance: Attendance | None = None,
        begun: int = 0,
    ) -> None:
        self._engine = engine
        self._records = list(records)
        super().__init__(
            plan,
            server,
            engine,
            store,
            frozen=frozen,
            transcript=transcript or Transcript(is_kept=store is not None),
            attendance=attendance,
            begun=begun,
        )

    def record(self, played: Played) -> RoundRecord | None:
        """Note what a round taught that counts; the others have no records."""
        if not played.closing.counts(self._plan.session):
            return None
        number = self._server.counted_rounds - self._plan.setup_rounds
        self._records.append(RoundRecord.of(played, number))
        return self._records[-1]

    def thaw(self, frozen: FrozenRound) -> None:
        """Have participants go on with what they had uploaded."""
        self._engine.restore_pending(frozen.folder)

    def result(self) -> TrainingResult:
        """Return what the training leaves, when its rounds are over."""
        setup = self._plan.setup_rounds
        return TrainingResult(
            self._plan,
            self._records[0] if setup else None,
            tuple(self._records[setup:]),
            self._engine.opened_table(),
            self._engine.public_model(),
            self._engine.user_factors(),
        )


def _median(values: Sequence[float]) -> float:
    return float(statistics.median(values)) if values else math.nan
