"""A silo's ratings, held against the public facts before anything is learned from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from fedmf.errors import DataError
from fedmf.federation.data_choice import DataChoice, Split
from fedmf.federation.silos.federation import Federation
from fedmf.federation.silos.own_settings import SiloSettings
from fedmf.ratings import Id, OwnedRatings, Ratings, read_ratings
from fedmf.ratings.bundled import BUNDLED_NAMES
from fedmf.ratings.identifiers import find_code, index_of

MOST_NAMED = 5


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class SiloRatings:
    """What a silo learns from and measures with. Private."""

    user_ids: tuple[Id, ...]
    """Its users, in the order of their codes."""
    titles: Mapping[Id, str]
    """Titles of items of the catalogue, as far as the silo knows them."""
    training: OwnedRatings
    heldout: OwnedRatings
    """Its ratings, by the users' codes and the items' codes of the federation."""


def silo_ratings(federation: Federation, settings: SiloSettings, folder: Path) -> SiloRatings:
    """Load a silo's ratings and check them against the federation file.

    Raises
    ------
    DataError
        They cannot be read, or do not fit: all that is wrong in one message, which names ratings
        and stays at the silo.
    """
    training, heldout = split_ratings(federation, settings, folder)
    codes = federation.plan.members[settings.silo]
    everybody = range(training.n_users)
    return SiloRatings(
        training.user_ids,
        training.titles,
        replace(training.owned_by(everybody), users=codes),
        replace(heldout.owned_by(everybody), users=codes),
    )


def split_ratings(
    federation: Federation, settings: SiloSettings, folder: Path
) -> tuple[Ratings, Ratings]:
    """Load a silo's ratings; return what it learns from, and what it holds back.

    Raises
    ------
    DataError
        They cannot be read, or do not fit: all that is wrong in one message, which names ratings
        and stays at the silo.
    """
    choice = DataChoice(
        settings.source, holdout=settings.holdout, split=settings.split, seed=settings.seed
    )
    bundled = choice.source in BUNDLED_NAMES
    rates = federation.plan.method.predicts_ratings
    ratings = read_ratings(
        choice.source if bundled else folder / choice.source,
        settings.reading,
        interactions=not rates,
        judged_later=True,
    )
    ratings = _in_codes_of(federation, settings.silo, ratings)
    if settings.file_order:
        ratings = ratings.in_file_order()
    if federation.settings.recency:
        ratings.check_order("the federation weighs what was rated last")
    return ratings.split(choice.holdout, choice.seed, by=cast("Split", choice.split))


def _in_codes_of(federation: Federation, silo: int, ratings: Ratings) -> Ratings:
    """Return the ratings with the catalogue's codes; raise DataError where they do not fit."""
    problems = []
    due = federation.users[silo]
    if ratings.n_users != due:
        problems.append(f"{ratings.n_users:,} users, where the federation counts {due:,}")
    index = index_of(federation.item_ids)
    codes = [find_code(one, index) for one in ratings.item_ids]
    unknown = [one for one, code in zip(ratings.item_ids, codes, strict=True) if code is None]
    if unknown:
        named = ", ".join(repr(one) for one in unknown[:MOST_NAMED])
        problems.append(f"{len(unknown):,} items that are not in its catalogue ({named})")
    scale, rates = federation.scale, federation.plan.method.predicts_ratings
    outside = ratings.values[(ratings.values < scale.lowest) | (ratings.values > scale.highest)]
    if rates and len(outside):
        problems.append(
            f"{len(outside):,} ratings outside its scale of {scale} ({outside[0]:g} is one)"
        )
    if problems:
        raise DataError(
            f"the ratings {ratings.name!r} of silo {silo} do not fit the federation file: they "
            f"have {'; '.join(problems)}"
        )
    known = np.array([code for code in codes if code is not None], dtype=np.int32)
    return replace(
        ratings,
        item_ids=federation.item_ids,
        items=known[ratings.items],
        titles={
            federation.item_ids[code]: ratings.titles[one]
            for one, code in zip(ratings.item_ids, codes, strict=True)
            if code is not None and one in ratings.titles
        },
        scale=scale,
    )
