"""Two sessions over the same data, one of them without a participant: the difference is its own.

Sums are exact, so what a session without somebody's ratings lacks is what these contributed. No
protection prevents that; noise would, and fedmf adds none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedmf.audit.attacks.sequential_step import Steps, follow
from fedmf.audit.opening import opened_tables
from fedmf.model.bayes import ITEMS
from fedmf.model.sgd import Sgd

NAME = "the difference of two sessions"

if TYPE_CHECKING:
    from fedmf.audit.observables import Observables
    from fedmf.model import FloatArray


def attempt(with_all: Observables, without: Observables, victim: int) -> FloatArray:
    """Return estimates of the victim's ratings, shape (items,), NaN where there is none.

    Parameters
    ----------
    with_all, without
        What the same adversary saw of a session with the victim's ratings and of one without.
    """
    method, first = with_all.plan.method, with_all.plan.setup_rounds
    items = with_all.plan.codec.position(ITEMS)
    found = np.full(with_all.plan.session.shape.groups[items].rows, np.nan)
    tables, others = opened_tables(with_all), opened_tables(without)
    if not isinstance(method, Sgd) or first + 1 not in tables or first + 1 not in others:
        return found
    difference = tables[first + 1].table[items] - others[first + 1].table[items]
    rated = np.flatnonzero(difference.any(axis=1))
    if not len(rated):
        return found
    group = method.row_groups()[0]
    steps = Steps(method.learning_rate, method.reg)
    vectors = tables[first].model.item_factors[rated]
    moves = np.ldexp(difference[rated].astype(np.float64), -group.fraction_bits)
    start = method.start_user_factors(with_all.plan.members[victim])[0]
    found[rated] = follow(start, steps.directions(moves, vectors), vectors, steps).ratings
    return found
