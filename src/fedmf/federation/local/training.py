"""One call from ratings to a trained model, with all participants on this machine."""

from __future__ import annotations

from collections.abc import Callable

from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.participants_key import ParticipantsKey
from fedmf.evaluation import measured_model
from fedmf.federation.attendance import Attendance
from fedmf.federation.local.engine import LocalEngine
from fedmf.federation.plan import TrainingPlan
from fedmf.federation.roles import keyring, make_server
from fedmf.federation.run_directory import RunDirectory
from fedmf.federation.settings import TrainingSettings
from fedmf.federation.training import RoundRecord, Training, TrainingResult
from fedmf.federation.transcript import Transcript
from fedmf.interrupts import HeldInterrupts
from fedmf.model import FactorModel
from fedmf.protocol import fresh_key
from fedmf.protocol.enrolment.charter import Charter
from fedmf.ratings import Ratings


def make_plan(
    settings: TrainingSettings, training: Ratings, *, measured: bool = False
) -> tuple[TrainingPlan, ParticipantsKey | None]:
    """Return the plan of a new training, and a fresh key for its participants.

    Parameters
    ----------
    measured
        Participants hold ratings back, and the table sums up their errors on them.

    Raises
    ------
    SettingsError, WordSizeError
        The settings do not suit the ratings.

    Warns
    -----
    WeakKeyWarning
        The settings ask for a Paillier key of 1024 bits.
    """
    key = fresh_key(settings.protection, settings.key_bits)
    public_key = int(key.public.n) if isinstance(key, PrivateKey) else None
    plan = TrainingPlan.make(settings, training, public_key=public_key, measured=measured)
    return plan, key


def train_locally(
    plan: TrainingPlan,
    key: ParticipantsKey | None,
    training: Ratings,
    heldout: Ratings,
    *,
    workers: int = 1,
    run: RunDirectory | None = None,
    transcript: Transcript | None = None,
    after_round: Callable[[RoundRecord], None] | None = None,
    attendance: Attendance | None = None,
    until: int | None = None,
) -> TrainingResult:
    """Carry out a plan, from the newest checkpoint of `run` on if it has one.

    Parameters
    ----------
    plan
        The public plan.
    key
        The participants' key; None where the protection has none.
    training, heldout
        The ratings, and those kept back to measure with.
    workers
        Processes.
    run
        Where checkpoints go; None: nowhere.
    transcript
        Records the messages.
    after_round
        Called with the record of each round, the set-up round included, once it is safely kept.
    attendance
        Who joins late and who leaves early; the same again when a run is resumed.
    until
        The last round that learns; None: the plan's.
    """
    session = plan.session
    logs = None if run is None else run.member_logs
    with HeldInterrupts():
        charter = keyring(session, key).charter
        if run is not None and charter is not None:
            run.keep_charter(charter)
    with LocalEngine(plan, key, training, heldout, workers=workers, member_logs=logs) as engine:
        with HeldInterrupts():
            conductor = _conductor(plan, charter, engine, run, transcript, attendance)
        for record in conductor.rounds():
            if after_round is not None:
                after_round(record)
            if record.round == until:
                break
        return conductor.result()


def _conductor(
    plan: TrainingPlan,
    charter: Charter | None,
    engine: LocalEngine,
    run: RunDirectory | None,
    transcript: Transcript | None,
    attendance: Attendance | None,
) -> Training:
    """Return who conducts a plan, server and participants as the run's checkpoint has them."""
    store = run.checkpoints if run is not None else None
    saved = store.restore() if store is not None else None
    words = store.words if store is not None else None
    start = plan.start_table()
    server = make_server(plan.session, start, charter, checkpoint=saved, words=words)
    if saved is not None:
        engine.restore(saved.folder, saved.closings)
    frozen = store.frozen(server.next_round) if store is not None else None
    return Training(
        plan,
        engine,
        server,
        records=map(RoundRecord.from_json, saved.records) if saved is not None else (),
        frozen=frozen,
        transcript=transcript,
        store=store,
        attendance=attendance,
        begun=engine.begun,
    )


def trained_model(
    result: TrainingResult, training: Ratings, heldout: Ratings | None = None
) -> FactorModel:
    """Return the model of a finished training, with all users' vectors: a simulation holds them.

    With held-out ratings it knows how many of these lie within its intervals, and recommends none
    of them.
    """
    everybody = training.owned_by(range(training.n_users))
    others = training.split(0.0)[1] if heldout is None else heldout
    kept_back = others.owned_by(range(training.n_users))
    model = FactorModel(
        method=result.plan.method,
        item_ids=training.item_ids,
        titles=training.titles,
        public=result.public_model,
        user_ids=training.user_ids,
        user_factors=result.user_factors,
        rated_starts=everybody.starts,
        rated_items=everybody.items,
        heldout_starts=kept_back.starts,
        heldout_items=kept_back.items,
    )
    return model if heldout is None else measured_model(model, heldout)
