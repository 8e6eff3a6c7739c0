"""What one iteration of the paper's method costs, in processor seconds of one thread.

The roles and their messages are the product's own, and so is the learning: users take real steps on
real ratings. Lattice rounds are played whole. Paillier rounds of hundreds of users would take hours
and are played on a slice, a few rows of the table and a few users; from there every cost grows
linearly with the ciphertexts that it touches.
"""

from __future__ import annotations

import secrets
import statistics
from dataclasses import replace

import numpy as np

from fedmf.benchmarking.operations import seconds_of
from fedmf.benchmarking.round_cost import RoundCost
from fedmf.benchmarking.scheme import ROUNDS, Scheme
from fedmf.federation import TrainingPlan
from fedmf.federation.local.rehearsal import Rehearsal
from fedmf.federation.roles import participants_half
from fedmf.protocol import (
    Change,
    ClosingMessage,
    Int64Array,
    ParticipantProtection,
    RowChange,
    TableShape,
)
from fedmf.ratings import OwnedRatings, Ratings
from fedmf.reproduce.setting import authors_plan

SLICE_USERS = 3
STEP_REPEATS = 3


def measure_iteration(
    scheme: Scheme, ratings: Ratings, upload: str, *, slice_items: int | None = None
) -> RoundCost:
    """Play an iteration, and measure it.

    Parameters
    ----------
    slice_items
        Rows of the table to measure on, with a few users; None: all rows and all users.
    """
    plan = authors_plan(scheme, upload, ROUNDS, ratings)
    users = [ratings.owned_by(members) for members in plan.members]
    whole = participants_half(plan.session, scheme.key, plan.start_table(), ())
    if slice_items is None or slice_items >= ratings.n_items:
        return _measure_whole(scheme, plan, users, whole)
    return _measure_slice(scheme, plan, users, whole, slice_items)


def _measure_whole(
    scheme: Scheme, plan: TrainingPlan, users: list[OwnedRatings], whole: ParticipantProtection
) -> RoundCost:
    changes = {number: _change(plan, owned) for number, owned in enumerate(users)}
    session = Rehearsal(plan.session, scheme.key, changes)
    played = session.play(changes, warm_up=True)
    slowest = max(range(len(users)), key=lambda number: len(users[number]))
    reading = whole.work(plan.rows_read(users[slowest], users[slowest])) / whole.work()
    full = plan.session.upload == "full"
    # Full uploads cost everybody the same, and a median is steadier.
    protect = statistics.median(played.protecting) if full else played.protecting[slowest]
    user = _step_seconds(plan, users[slowest]) + played.begin_seconds + played.hear_seconds
    return RoundCost.of(
        scheme,
        played,
        items=plan.session.shape.groups[0].rows,
        users=len(users),
        upload=plan.session.upload,
        user_seconds=user + protect + played.open_seconds * reading,
        server_seconds=played.server_seconds,
        upload_bytes=statistics.mean(played.upload_bytes),
        download_bytes=played.opening_bytes + played.closing_bytes + played.table_bytes,
    )


def _measure_slice(
    scheme: Scheme,
    plan: TrainingPlan,
    users: list[OwnedRatings],
    whole: ParticipantProtection,
    slice_items: int,
) -> RoundCost:
    group = plan.session.shape.groups[0]
    # Evenly spread, because users have rated the first items far more often.
    rows = np.linspace(0, group.rows - 1, slice_items).round().astype(np.int64)
    session = replace(plan.session, shape=TableShape((replace(group, rows=len(rows)),)))
    by_ratings = sorted(range(len(users)), key=lambda number: -len(users[number]))
    sample = by_ratings[:SLICE_USERS]
    # The last one changes nothing: what its upload costs, every part upload costs.
    idle = by_ratings[-1]
    changes = {number: _on_slice(_change(plan, users[number]), rows) for number in sample}
    nothing = [RowChange(np.zeros(0, dtype=np.int64), np.zeros((0, group.columns), np.int64))]
    rehearsal = Rehearsal(session, scheme.key, [*sample, idle])
    played = rehearsal.play({**changes, idle: nothing}, warm_up=True)
    half = rehearsal.participants
    times = whole.work() / half.work()

    def extrapolated(seconds: list[float], changed: list[OwnedRatings]) -> float:
        """Return what these users' uploads cost, from the seconds of the sample's."""
        if plan.session.upload == "full":
            return statistics.median(seconds) * times * len(changed)
        work = sum(half.work([part.rows for part in change]) for change in changes.values())
        always = seconds[-1]
        each = max(sum(seconds[:-1]) - SLICE_USERS * always, 0.0) / max(work, 1)
        rated = sum(whole.work(plan.rows_changed(owned)) for owned in changed)
        return always * times * len(changed) + each * rated

    slowest = users[sample[0]]
    reading = whole.work(plan.rows_read(slowest, slowest)) / whole.work()
    uploads = len(played.receiving)
    user = _step_seconds(plan, slowest) + extrapolated(played.protecting, [slowest])
    user += _hearing_seconds(plan, whole) + played.open_seconds * times * reading
    return RoundCost.of(
        scheme,
        played,
        items=group.rows,
        users=len(users),
        upload=plan.session.upload,
        user_seconds=user + played.begin_seconds,
        server_seconds=extrapolated(played.receiving, users) + played.serving_seconds * times,
        upload_bytes=_mean_upload(plan, users, whole),
        download_bytes=played.table_bytes * times + played.closing_bytes * len(users) / uploads,
        measured_on=f"{len(rows)} of {group.rows} items, {uploads} of {len(users)} users",
    )


def _change(plan: TrainingPlan, owned: OwnedRatings) -> Change:
    """Return what a participant uploads in its first round."""
    method = plan.method
    public = method.decode(method.start_table(), None)
    vectors = method.start_user_factors(owned.users)
    step = method.participant_step(public, owned, vectors, None)
    return plan.codec.encode_contribution(step.contribution, len(owned.users))


def _step_seconds(plan: TrainingPlan, owned: OwnedRatings) -> float:
    """Return the seconds from a public model to the integers that are to be protected."""
    repeats = range(STEP_REPEATS)
    return statistics.median(seconds_of(lambda: _change(plan, owned)) for _ in repeats)


def _hearing_seconds(plan: TrainingPlan, whole: ParticipantProtection) -> float:
    """Return what it takes a participant to hear that everybody's uploads count.

    This needs no upload, and is measured whole: it is too little for a slice to tell.
    """
    everybody = tuple(range(plan.session.participants))
    nonces = tuple(secrets.token_bytes(plan.session.nonce_bytes) for _ in everybody)
    closing = ClosingMessage(1, everybody, nonces)
    return seconds_of(lambda: whole.hear(closing))


def _on_slice(change: Change, rows: Int64Array) -> Change:
    """Return the part of a change that falls on some rows, numbered anew."""
    part = change[0]
    kept = np.isin(part.rows, rows)
    return [RowChange(np.searchsorted(rows, part.rows[kept]), part.values[kept])]


def _mean_upload(
    plan: TrainingPlan, users: list[OwnedRatings], whole: ParticipantProtection
) -> float:
    if plan.session.upload == "full":
        return whole.payload_bytes()
    return statistics.mean(whole.payload_bytes(plan.rows_changed(owned)) for owned in users)
