"""How many come, go and come back only together: the committee's terms by default."""

from __future__ import annotations

import math
from typing import cast

from fedmf.errors import SettingsError
from fedmf.federation.settings import TrainingSettings
from fedmf.protocol.protection import protection_named
from fedmf.protocol.session import LEAST_COHORT, CommitteeTerms, OpenedBy

MOST_TURNS_AWAY = 3
"""K: a participant that missed so many of its turns comes back only together with others."""
FEW_SILOS = 8
"""In a federation of fewer silos, lots are of one: hardly two ever come, go or return at once."""
LEAST_CORRUPT, CORRUPT_SHARE = 2, 50
"""Participants assumed to work with the server: two, or one of so many if these are more."""
HONEST = 8
"""h: so many others are in every lot, besides the corrupt ones."""


def are_few_silos(settings: TrainingSettings) -> bool:
    """Return whether participants are silos, and so few that each comes and goes alone."""
    return settings.silos is not None and settings.silos < FEW_SILOS


def committee_terms(
    settings: TrainingSettings, participants: int, setup_rounds: int
) -> CommitteeTerms | None:
    """Return the committee's terms; None for protections without one.

    Raises
    ------
    SettingsError
        Cohorts of two or fewer.
    """
    if not protection_named(settings.protection).has_committee:
        return None
    smallest = settings.cohort or participants
    if smallest < LEAST_COHORT:
        raise SettingsError(
            f"protection committee needs {LEAST_COHORT} participants, not {smallest}: the sum of "
            "two shows each to the other"
        )
    # Two honest ones at least have to be left in the smallest cohort.
    assumed = max(LEAST_CORRUPT, math.ceil(participants / CORRUPT_SHARE))
    corrupt = min(assumed, participants // 3, smallest - 2)
    # Of a small cohort half may come, or go, while the others stay.
    lot = min(corrupt + HONEST, max(LEAST_COHORT, corrupt + 2, smallest // 2))
    return CommitteeTerms(
        members=settings.committee,
        threshold=settings.threshold,
        opened_by=cast("OpenedBy", settings.opened_by),
        corrupt=corrupt,
        smallest_cohort=lot,
        setup_rounds=setup_rounds,
        # A participant in a cohort waits until all others had their turn.
        oldest_base=MOST_TURNS_AWAY * (participants // smallest),
        lone_lots=are_few_silos(settings),
    )
