"""Ratings from single uploads: the paper's theorem, under every protection and for every adversary.

Whoever reads a participant's uploads computes its ratings from two consecutive ones (`sgd`), or
from one (`bayes`). Whoever cannot open them tries with the words as they stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fedmf.audit.attacks.batch_step import rank_one
from fedmf.audit.attacks.bayes_step import ratings_of_bayes
from fedmf.audit.attacks.sequential_step import Steps, follow, recover
from fedmf.audit.opening import opened, opened_tables, uploads, words_of
from fedmf.audit.row import Row, ratio_over_participants
from fedmf.model import RATERS
from fedmf.model.bayes import ITEMS, TOTALS, Bayes
from fedmf.model.sgd import Sgd

if TYPE_CHECKING:
    from fedmf.audit.observables import Observables
    from fedmf.audit.opening import OpenedTable
    from fedmf.audit.truth import Truth
    from fedmf.model import FloatArray, FloatTable
    from fedmf.protocol import UploadMessage

NAME = "ratings from single uploads"
Estimates = Mapping[int, "FloatArray"]
"""Participant -> estimated rating of every item, shape (items,), NaN where there is no claim."""


def attempt(seen: Observables, victims: Iterable[int], *, public_start: bool = False) -> Estimates:
    """Return what the adversary takes the victims' ratings to be.

    Parameters
    ----------
    public_start
        Method `sgd`: use that a user's start vector comes from the public seed, which makes the
        first upload alone enough.
    """
    tables, first = opened_tables(seen), seen.plan.setup_rounds
    messages: dict[int, dict[int, UploadMessage]] = {}
    for one in uploads(seen):
        messages.setdefault(one.participant, {})[one.round] = one
    estimates = {}
    for victim in victims:
        own = messages.get(victim, {})
        changes = [_read(seen, own.get(number)) for number in range(first, first + 3)]
        if changes[1] is not None and first in tables:
            found = _opened(seen, victim, tables, changes, public_start=public_start)
        else:
            found = _closed(seen, own.get(first + 1))
        estimates[victim] = found
    return estimates


def judge(seen: Observables, estimates: Estimates, truth: Truth, *, setting: str = "") -> Row:
    """Count the ratings that are right to half a step of the scale, a quarter of a star."""
    victims = sorted(estimates)
    hits, counts = [], []
    for victim in victims:
        rated = ~np.isnan(truth.values[victim])
        apart = np.abs(estimates[victim][rated] - truth.values[victim][rated])
        hits.append(float(np.sum(apart < truth.step / 2)))
        counts.append(int(rated.sum()))
    found = ratio_over_participants(hits, counts)
    whole = sum(hit >= 0.99 * count for hit, count in zip(hits, counts, strict=True))
    session = seen.plan.session
    return Row(
        session.protection,
        session.upload,
        seen.plan.method.name,
        seen.name,
        NAME,
        "every participant's ratings",
        "share of ratings recovered",
        found.value,
        found.low,
        found.high,
        truth.share_of_commonest(victims),
        sum(counts),
        setting,
        f"at least 99 % of the ratings of {whole} of {len(victims)} participants",
    )


def _read(seen: Observables, upload: UploadMessage | None) -> FloatTable | None:
    found = None if upload is None else opened(seen, upload)
    return None if found is None else seen.plan.codec.decode_table(found.change)


def _opened(
    seen: Observables,
    victim: int,
    tables: Mapping[int, OpenedTable],
    changes: Sequence[FloatTable | None],
    *,
    public_start: bool,
) -> FloatArray:
    """Return what the uploads of the set-up round and of the two after it show."""
    method, first = seen.plan.method, seen.plan.setup_rounds
    setup, change, later = changes
    assert change is not None  # noqa: S101 - see the caller
    found = np.full(len(change[ITEMS]), np.nan)
    if isinstance(method, Bayes):
        # Whoever uploads counts says what was rated, also where the row itself stays at home.
        counted = change if setup is None else setup
        rated = np.flatnonzero(counted[RATERS][:, 0])
        found[rated] = ratings_of_bayes(
            method, tables[first].model, rated, change[ITEMS][rated], counted[TOTALS][0]
        )
        return found
    if not isinstance(method, Sgd):
        return found
    rated = np.flatnonzero(change[ITEMS].any(axis=1))
    if not len(rated) or (later is None and not public_start):
        return found
    steps = Steps(method.learning_rate, method.reg)
    downloads = [tables[first].model.item_factors[rated]]
    seen_steps = [steps.directions(change[ITEMS][rated], downloads[0])]
    if public_start:
        start = method.start_user_factors(seen.plan.members[victim])[0]
        found[rated] = follow(start, seen_steps[0], downloads[0], steps).ratings
        return found
    assert later is not None  # noqa: S101 - see above
    downloads.append(tables[first + 1].model.item_factors[rated])
    seen_steps.append(steps.directions(later[ITEMS][rated], downloads[1]))
    middle = (method.scale.lowest + method.scale.highest) / 2
    found[rated] = recover(
        (seen_steps[0], seen_steps[1]), (downloads[0], downloads[1]), steps, middle
    )
    return found


def _closed(seen: Observables, upload: UploadMessage | None) -> FloatArray:
    """Take the words of an upload for the values themselves, as the first upload's attack would."""
    group = seen.plan.session.shape.groups[0]
    scale = seen.plan.method.scale
    if upload is None:
        return np.full(group.rows, np.nan)
    numbers = np.frombuffer(words_of(seen, upload)[: 4 * group.values], dtype="<i4")
    values = np.zeros(group.values)
    values[: len(numbers)] = numbers / 2.0**31
    _, errors = rank_one(values.reshape(group.rows, group.columns))
    spread = errors / (float(errors.std()) or 1.0)
    middle, length = (scale.lowest + scale.highest) / 2, scale.highest - scale.lowest
    estimates: FloatArray = np.clip(
        np.round(2 * (middle + spread * length / 4)) / 2, scale.lowest, scale.highest
    )
    return estimates
