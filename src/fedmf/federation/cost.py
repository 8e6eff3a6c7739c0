"""What a training will cost, measured on a few values before it starts.

Sizes are exact. Times are measured on this machine: protecting, adding and opening in one round of
a small session that is rehearsed, the user step on the median participant; from there they grow
linearly.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from fedmf.crypto.participants_key import ParticipantsKey
from fedmf.federation.local.rehearsal import Rehearsal
from fedmf.federation.plan import TrainingPlan
from fedmf.federation.roles import participants_half
from fedmf.federation.table_reader import TableReader
from fedmf.protocol import (
    ClosingMessage,
    ParticipantProtection,
    RowChange,
    Rows,
    Session,
    TableShape,
    UploadMessage,
)
from fedmf.protocol.messages import FRAME_BYTES
from fedmf.protocol.session import LEAST_COHORT, Upload
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

    The key is None where the protection has none; `heldout` are the ratings to measure with.
    """
    session = plan.session
    protection = participants_half(session, key, plan.start_table(), ())
    everybody = [training.owned_by(users) for users in plan.members]
    in_order = sorted(range(len(everybody)), key=lambda number: len(everybody[number]))
    middle = in_order[len(in_order) // 2]
    median, kept_back = everybody[middle], heldout.owned_by(plan.members[middle])
    unit = _measure_units(session, key)
    step = _measure_step(plan, median)

    def uploaded(owned: OwnedRatings) -> int:
        """Return the work of protecting or adding a participant's upload."""
        return protection.work(_uploaded_rows(plan, owned))

    cohort = len(plan.cohort(session.rounds))
    share = cohort / len(everybody)
    server = share * unit.add * sum(map(uploaded, everybody))
    members = 0 if session.committee is None else session.committee.members
    # The local engine opens the whole table once in each worker.
    opening = unit.open * protection.work()
    busy = share * sum(step * len(owned) + unit.protect * uploaded(owned) for owned in everybody)
    rows = _uploaded_rows(plan, median)
    upload = UploadMessage(1, 0, bytes(session.nonce_bytes), rows, b"").to_bytes(session)
    return Forecast(
        participant_seconds=step * len(median)
        + unit.protect * uploaded(median)
        + unit.open * protection.work(plan.rows_read(median, kept_back)),
        server_seconds=server,
        member_seconds=unit.member * cohort,
        upload_bytes=len(upload)
        + protection.payload_bytes(rows)
        + unit.upload_extra
        + _bytes_of_other_parts(session),
        download_bytes=_download_bytes(plan, protection, unit, rows),
        total_seconds=session.rounds
        * (busy / workers + opening + server + members * unit.member * cohort)
        + opening,
    )


def _bytes_of_other_parts(session: Session) -> int:
    """Return the bytes of an upload for the parts that travel beyond the first, beside values."""
    others = len(session.schedule.load(session.rounds).numbers) - 1
    return session.traits.part_bytes * others


def _uploaded_rows(plan: TrainingPlan, owned: OwnedRatings) -> Rows | None:
    """Return the rows that a participant's upload holds in the last round; None: all."""
    if plan.session.upload == "part":
        return plan.rows_changed(owned)
    travelling = plan.session.schedule.load(plan.session.rounds).part
    return None if travelling.is_whole else travelling.rows_by_group()


def _download_bytes(
    plan: TrainingPlan, protection: ParticipantProtection, unit: _Units, uploaded: Rows | None
) -> int:
    """Return what a participant hears of a round that everybody's upload counts in."""
    session, cohort = plan.session, tuple(plan.cohort(plan.session.rounds))
    nonces = (bytes(session.nonce_bytes),) * len(cohort)
    size = FRAME_BYTES + len(ClosingMessage(1, cohort, nonces).to_bytes(session))
    size += unit.round_extra + session.traits.proof_bytes * len(cohort)
    size += protection.table_bytes(uploaded)
    return size if session.sends_opened_tables else size + unit.table_extra


@dataclass(frozen=True, slots=True)
class _Units:
    """What a round cost: processor seconds per unit of work of the protection, and extra bytes."""

    protect: float
    add: float
    open: float
    """Seconds per unit of work, for one upload or one table."""
    member: float
    """Seconds of one member of the committee per upload; 0 without one."""
    protect_seconds: float
    """Seconds of protecting the whole sample."""
    upload_extra: int
    table_extra: int
    """Bytes of their messages beyond the protected words and what is listed."""
    round_extra: int
    """Bytes of the opening of the round, and of its closing beyond what it lists."""


def _measure_units(session: Session, key: ParticipantsKey | None) -> _Units:
    """Rehearse sessions like the one in question with fewer rows, until one takes long enough."""
    for values in SAMPLE_VALUES:
        groups = tuple(
            replace(group, rows=min(group.rows, max(1, values // group.columns)))
            for group in session.shape.groups
        )
        upload: Upload = "part" if session.upload == "part" else "full"
        small = replace(
            session, shape=TableShape(groups), upload=upload, slices=None, download=None
        )
        units = _rehearse(small, key)
        if units.protect_seconds > LONG_ENOUGH:
            break
    return units


def _rehearse(session: Session, key: ParticipantsKey | None) -> _Units:
    """Rehearse one round of a session, with as few participants as it takes, and measure it."""
    uploads = 1
    if session.committee is not None:
        uploads = LEAST_COHORT
        least = replace(session.committee, corrupt=1, smallest_cohort=uploads)
        session = replace(session, committee=least)
    rows = [np.arange(group.rows) for group in session.shape.groups]
    change = [
        RowChange(listed, np.ones((group.rows, group.columns), dtype=np.int64))
        for listed, group in zip(rows, session.shape.groups, strict=True)
    ]
    rehearsal = Rehearsal(session, key, range(uploads))
    played = rehearsal.play(dict.fromkeys(range(uploads), change), warm_up=True)
    half = rehearsal.participants
    named = rows if session.upload == "part" else None
    plain = UploadMessage(1, 0, bytes(session.nonce_bytes), named, b"")
    work, protecting = half.work(), min(played.protecting)
    return _Units(
        protect=protecting / work,
        add=min(played.receiving) / work,
        open=played.open_seconds / work,
        member=sum(played.members) / (len(played.members) * uploads) if played.members else 0.0,
        protect_seconds=protecting,
        upload_extra=(
            played.upload_bytes[0] - len(plain.to_bytes(session)) - half.payload_bytes(named)
        ),
        table_extra=played.table_bytes - FRAME_BYTES - half.payload_bytes(),
        round_extra=max(
            len(played.closing.proof) - session.traits.proof_bytes * uploads,
            0,
        )
        + played.opening_bytes,
    )


def _measure_step(plan: TrainingPlan, owned: OwnedRatings) -> float:
    """Return the seconds per rating of a participant's step."""
    method = plan.method
    public = TableReader(plan).read(1, plan.start_table()).model
    users = method.start_user_factors(owned.users)
    start = time.process_time()
    method.participant_step(public, owned, users, None)
    return (time.process_time() - start) / max(len(owned), 1)
