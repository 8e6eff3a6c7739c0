"""Ratings from what participants upload: the paper's theorem, under every protection.

An adversary that reads a participant's uploads computes its ratings from two consecutive ones
(`sgd`), or from one (`bayes`). One that cannot open them tries with the words as they stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fedmf.audit.attacks.attack import Attack
from fedmf.audit.attacks.bayes_step import ratings_of_bayes, ratings_of_difference
from fedmf.audit.attacks.sgd_step import Trace, rank_one, recover
from fedmf.audit.opening import opened, opened_tables, uploads, words_of
from fedmf.audit.row import Aim, Row, ratio_over_participants
from fedmf.model import RATERS, FloatArray, FloatTable
from fedmf.model.bayes import Bayes
from fedmf.model.bayes_table import ITEMS, TOTALS, WEIGHTS
from fedmf.model.sgd import Sgd

if TYPE_CHECKING:
    from fedmf.audit.observables import Observables
    from fedmf.audit.truth import Truth
    from fedmf.protocol import UploadMessage

Estimates = Mapping[int, "FloatArray"]
"""Participant -> estimated rating of every item, shape (items,), NaN where there is no claim."""


def ratings_aim(attack: str, target: str = "every participant's ratings") -> Aim:
    """Return what an attack on ratings is after."""
    return Aim(attack, target, "share of ratings recovered")


class RatingsAttack(Attack[Estimates]):
    """An attack on the ratings of single participants."""

    def judge(self, seen: Observables, found: Estimates, truth: Truth, *, setting: str = "") -> Row:
        """Count the ratings that are right to half a step of the scale, a quarter of a star."""
        victims = sorted(found)
        hits, counts = [], []
        for victim in victims:
            rated = ~np.isnan(truth.values[victim])
            apart = np.abs(found[victim][rated] - truth.values[victim][rated])
            hits.append(float(np.sum(apart < truth.step / 2)))
            counts.append(int(rated.sum()))
        whole = sum(hit >= 0.99 * count for hit, count in zip(hits, counts, strict=True))
        return Row.of(
            seen.attacked,
            self.aim,
            ratio_over_participants(hits, counts),
            chance=truth.share_of_commonest(victims),
            n=sum(counts),
            setting=setting,
            note=f"at least 99 % of the ratings of {whole} of {len(victims)} participants",
        )


def nothing_found(seen: Observables, victims: Sequence[int]) -> dict[int, FloatArray]:
    """Return estimates that claim nothing yet."""
    items = seen.plan.session.shape.groups[seen.plan.codec.position(ITEMS)].rows
    return {victim: np.full(items, np.nan) for victim in victims}


class RatingsFromUploads(RatingsAttack):
    """Reads the first uploads that learn, one by one.

    Parameters
    ----------
    public_start
        Method `sgd`: use that a user's start vector comes from the public seed, which makes the
        first upload enough.
    """

    aim = ratings_aim("ratings from single uploads")

    def __init__(self, *, public_start: bool = False) -> None:
        self._public_start = public_start

    def attempt(self, seen: Observables, victims: Sequence[int]) -> Estimates:
        """Return what the adversary takes the victims' ratings to be."""
        method, first, tables = seen.plan.method, seen.plan.setup_rounds, opened_tables(seen)
        messages: dict[int, dict[int, UploadMessage]] = {}
        for one in uploads(seen):
            messages.setdefault(one.participant, {})[one.round] = one
        found = nothing_found(seen, victims)
        for victim, estimates in found.items():
            own = messages.get(victim, {})
            setup, change, later = (
                _read(seen, own.get(number)) for number in range(first, first + 3)
            )
            if change is None or first not in tables:
                estimates[:] = _closed(seen, own.get(first + 1))
            elif isinstance(method, Bayes):
                # Counts say what was rated, also where the row stays at home.
                counted = change if setup is None else setup
                rated = np.flatnonzero(counted[RATERS][:, 0])
                estimates[rated] = ratings_of_bayes(
                    method, tables[first].model, rated, change, counted[TOTALS][0]
                )
            elif isinstance(method, Sgd) and (later is not None or self._public_start):
                rated = np.flatnonzero(change[ITEMS].any(axis=1))
                changes = [change] if later is None else [change, later]
                seen_of_rounds = [
                    (one[ITEMS][rated], tables[first + number].model.item_factors[rated])
                    for number, one in enumerate(changes)
                ]
                start = method.start_user_factors(seen.plan.members[victim])[0]
                estimates[rated] = _walked(
                    method, seen_of_rounds, start if self._public_start else None
                )
        return found


class RenewedContributions(RatingsAttack):
    """Reads the second upload that learns, and no other."""

    aim = ratings_aim("a renewed contribution")

    def attempt(self, seen: Observables, victims: Sequence[int]) -> Estimates:
        """Return the ratings behind the difference to the upload before."""
        method, first = seen.plan.method, seen.plan.setup_rounds
        found, tables = nothing_found(seen, victims), opened_tables(seen)
        if not isinstance(method, Bayes) or first not in tables or first + 1 not in tables:
            return found
        models = tables[first].model, tables[first + 1].model
        for upload in uploads(seen):
            if upload.round == first + 2 and upload.participant in found:
                change = _read(seen, upload)
                if change is not None:
                    moved = change[ITEMS]
                    rated = np.flatnonzero(moved.any(axis=1))
                    grown = float(np.median(change[WEIGHTS][rated])) if len(rated) else 0.0
                    found[upload.participant][rated] = ratings_of_difference(
                        method, models, rated, moved[rated], grown
                    )
        return found


def _read(seen: Observables, upload: UploadMessage | None) -> FloatTable | None:
    found = None if upload is None else opened(seen, upload)
    return None if found is None else seen.plan.codec.decode_table(found.change)


def _walked(
    method: Sgd, rounds: Sequence[tuple[FloatArray, FloatArray]], start: FloatArray | None
) -> FloatArray:
    """Return ratings from a user's moves of items, and the items' vectors, in one or two rounds.

    Parameters
    ----------
    start
        The user's first vector; None: nobody knows it, and two rounds are needed.
    """
    first, *later = [Trace.of(method, *one) for one in rounds]
    if not len(first.ys):
        return np.zeros(0)
    if start is not None:
        return first.follow(start).ratings
    middle = (method.scale.lowest + method.scale.highest) / 2
    return recover(first, later[0], middle)


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
