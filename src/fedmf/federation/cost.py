"""What a training will cost, measured on a few values before it starts.

Sizes are exact. Times are measured on this machine: protecting, adding and opening on a few rows,
the user step on the median participant; from there they grow linearly.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from fedmf.crypto.labels import HASH_BYTES
from fedmf.crypto.participants_key import ParticipantsKey
from fedmf.federation.local.rehearsal import Rehearsed, rehearse
from fedmf.federation.local.roles import participants_half
from fedmf.federation.plan import TrainingPlan
from fedmf.federation.table_reader import TableReader
from fedmf.protocol import (
    ClosingMessage,
    Rows,
    Session,
    TableShape,
    UploadMessage,
)
from fedmf.protocol.committee.table_payload import OPENED_TABLE_EXTRA
from fedmf.protocol.compact_words import table_bytes
from fedmf.protocol.framing import FRAME_BYTES
from fedmf.protocol.session import Upload
from fedmf.ratings import OwnedRatings, Ratings

SAMPLE_VALUES = (500, 10_000, 200_000)
"""Values of each group to measure on: the first of these that takes long enough."""
LONG_ENOUGH = 0.02
"""Seconds; a few ciphertexts take longer, and plain words need many to be seen."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Predicted cost of one round for the median participant, and of the whole training."""

    participant_seconds: float
    """Processor seconds: opening what it needs, its step, protecting."""
    server_seconds: float
    """Processor seconds for all uploads of a round."""
    member_seconds: float
    """Processor seconds of one member of the committee for all uploads of a round; 0 without one.
    """
    upload_bytes: int
    download_bytes: int
    """Bytes of the median participant in a round."""
    total_seconds: float
    """Wall seconds of the training in the local engine."""


def forecast(
    plan: TrainingPlan,
    key: ParticipantsKey | None,
    training: Ratings,
    heldout: Ratings,
    *,
    workers: int,
) -> Forecast:
    """Predict what carrying out a plan costs on this machine.

    Parameters
    ----------
    key
        The participants' key; None where the protection has none.
    training, heldout
        The ratings, and those kept back to measure with.
    workers
        Processes of the local engine.
    """
    session, cohort = plan.session, plan.cohort(plan.session.rounds)
    travelling = session.schedule.load(session.rounds).part
    protection = participants_half(session, key, plan.start_table(), ())
    everybody = [training.owned_by(users) for users in plan.members]
    middle = sorted(range(len(everybody)), key=lambda number: len(everybody[number]))
    median = everybody[middle[len(everybody) // 2]]
    kept_back = heldout.owned_by(plan.members[middle[len(everybody) // 2]])
    unit = _measure_units(session, key)
    members = 0 if session.committee is None else session.committee.members
    step = _measure_step(plan, median)

    def uploaded(owned: OwnedRatings) -> Rows | None:
        if session.upload == "part":
            return plan.rows_changed(owned)
        return None if travelling.is_whole else travelling.rows_by_group()

    def own_seconds(owned: OwnedRatings) -> float:
        return step * len(owned) + unit.protect * protection.work(uploaded(owned))

    share = len(cohort) / len(everybody)
    server = share * unit.add * sum(protection.work(uploaded(owned)) for owned in everybody)
    nonce = bytes(session.nonce_bytes)
    upload = UploadMessage(1, 0, nonce, uploaded(median), b"").to_bytes(session)
    closing = ClosingMessage(1, tuple(cohort), (nonce,) * len(cohort)).to_bytes(session)
    if session.sends_opened_tables:
        table = table_bytes(session.shape, session.download)
        table += OPENED_TABLE_EXTRA if session.committee is not None else 0
    else:
        # A blind committee's table comes as the change of one round.
        changed = uploaded(median) if session.committee is not None else None
        table = protection.payload_bytes(changed) + unit.table_extra
    downloads = FRAME_BYTES + table + len(closing)
    if session.committee is not None:
        downloads += unit.round_extra + HASH_BYTES * len(cohort)
    member = unit.member * len(cohort)
    # The local engine opens the whole table once in each worker.
    opening = unit.open * protection.work()
    busy = share * sum(own_seconds(owned) for owned in everybody)
    return Forecast(
        participant_seconds=own_seconds(median)
        + unit.open * protection.work(plan.rows_read(median, kept_back)),
        server_seconds=server,
        member_seconds=member,
        upload_bytes=len(upload) + protection.payload_bytes(uploaded(median)) + unit.upload_extra,
        download_bytes=downloads,
        total_seconds=session.rounds * (busy / workers + opening + server + members * member)
        + opening,
    )


def _measure_units(session: Session, key: ParticipantsKey | None) -> Rehearsed:
    for values in SAMPLE_VALUES:
        groups = tuple(
            replace(group, rows=min(group.rows, max(1, values // group.columns)))
            for group in session.shape.groups
        )
        upload: Upload = "part" if session.upload == "part" else "full"
        small = replace(
            session, shape=TableShape(groups), upload=upload, slices=None, download=None
        )
        rehearsed = rehearse(small, key)
        if rehearsed.protect_seconds > LONG_ENOUGH:
            break
    return rehearsed


def _measure_step(plan: TrainingPlan, owned: OwnedRatings) -> float:
    """Return the seconds per rating of a participant's step."""
    method = plan.method
    public = TableReader(plan).read(1, plan.start_table()).model
    users = method.start_user_factors(owned.users)
    seconds = _seconds(lambda: method.participant_step(public, owned, users, None))
    return seconds / max(len(owned), 1)


def _seconds(act: Callable[[], object]) -> float:
    start = time.process_time()
    act()
    return time.process_time() - start
