"""The whole audit: which runs are played, who attacks them, and with what."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fedmf.audit import sums
from fedmf.audit.attacks import exhibits
from fedmf.audit.attacks.attack import Attack, Found
from fedmf.audit.attacks.dishonest_server import ATTACKS, UNCHECKED
from fedmf.audit.attacks.lone_returns import CountsOfTwoSessions
from fedmf.audit.attacks.pair_counts import KNOWN, PairCounts
from fedmf.audit.attacks.rated_items import RatedItems
from fedmf.audit.attacks.ratings_from_tables import TwoSessions
from fedmf.audit.attacks.ratings_from_uploads import RatingsFromUploads, RenewedContributions
from fedmf.audit.observables import Adversary
from fedmf.audit.row import Row
from fedmf.audit.runs import PlayedRun, play
from fedmf.audit.settings import LEAST_USERS, AuditSettings
from fedmf.errors import SettingsError
from fedmf.ratings import Ratings

ITEMS, RATINGS, RENEWED = RatedItems(), RatingsFromUploads(), RenewedContributions()
SECOND = "the second upload that learns, and no other"
ONE, TWO = "one upload", "two consecutive uploads"
SLICES = 4
ARENA_USERS, ARENA_ITEMS = 8, 60
ARENA_VICTIMS, SESSION_VICTIMS = 4, 6
NETWORK, SERVER = Adversary(network=True), Adversary(server=True)
PARTICIPANT = Adversary(participants=(0,))
WITH_PARTICIPANT = Adversary(server=True, participants=(0,))


def audit(
    ratings: Ratings,
    settings: AuditSettings | None = None,
    after_part: Callable[[str], None] | None = None,
) -> list[Row]:
    """Attack every protection with what each adversary really sees.

    Parameters
    ----------
    ratings
        Every user is a participant; take a part of a large table, see `Ratings.take`.
    after_part
        Called with the name of each part of the audit when it is over.

    Returns
    -------
    list of Row
        One for each attack, adversary and circumstance.

    Raises
    ------
    SettingsError
        Fewer than 12 users.
    """
    if ratings.n_users < LEAST_USERS:
        raise SettingsError(
            f"{ratings.n_users} users are too few to audit: take at least {LEAST_USERS}"
        )
    chosen = settings or AuditSettings()
    rows: list[Row] = []
    for name, part in _PARTS:
        with warnings.catch_warnings():
            # The audit's own Paillier keys protect nothing.
            warnings.simplefilter("ignore")
            rows.extend(part(ratings, chosen))
        if after_part is not None:
            after_part(name)
    return rows


def part_names() -> list[str]:
    """Return the names of the parts, in order."""
    return [name for name, _ in _PARTS]


def _none(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    run = play(settings.training("none", "sgd", upload="part"), ratings)
    yield from _attacked(run, ITEMS, SERVER)
    yield from _attacked(run, RATINGS, SERVER, setting=TWO, most=settings.victims)
    public = "the first upload, start vector from the public seed"
    yield run.attacked(RatingsFromUploads(public_start=True), SERVER, setting=public)
    run = play(settings.training("none", "bayes", min_raters=3), ratings)
    yield from _attacked(run, ITEMS, NETWORK, SERVER)
    yield from _attacked(run, RATINGS, NETWORK, SERVER, setting=ONE)
    yield from _attacked(run, RENEWED, NETWORK, setting=SECOND, most=settings.victims)
    yield from _attacked(_sliced("none", ratings, settings), ITEMS, SERVER)


def _paillier(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    for upload in ("part", "full"):
        run = play(settings.training("paillier", "sgd", upload=upload), ratings)
        yield from _attacked(run, ITEMS, NETWORK, SERVER)
        yield from _attacked(run, ITEMS, WITH_PARTICIPANT, most=settings.victims)
        yield from _attacked(run, RATINGS, NETWORK, SERVER, setting=TWO)
        yield from _attacked(run, RATINGS, WITH_PARTICIPANT, setting=TWO, most=settings.victims)


def _rlwe(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    run = play(settings.training("rlwe", "bayes", min_raters=3), ratings)
    adversaries = NETWORK, SERVER, WITH_PARTICIPANT
    yield from _attacked(run, ITEMS, *adversaries)
    yield from _attacked(run, RATINGS, *adversaries, setting=ONE)


def _committee(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    run = play(settings.training("committee", "bayes", min_raters=3), ratings)
    terms = run.plan.session.committee
    assert terms is not None  # noqa: S101 - protection committee
    few, enough = tuple(range(terms.threshold - 1)), tuple(range(terms.threshold))
    with_few, with_enough = (Adversary(server=True, members=one) for one in (few, enough))
    adversaries = [
        NETWORK,
        SERVER,
        PARTICIPANT,
        Adversary(members=(0,)),
        WITH_PARTICIPANT,
        with_few,
        replace(with_few, participants=tuple(range(3, run.plan.session.participants))),
        with_enough,
    ]
    yield from _attacked(run, ITEMS, *adversaries)
    yield from _attacked(run, RATINGS, *adversaries, setting=ONE)
    yield from _attacked(run, RENEWED, NETWORK, with_few, setting=SECOND, most=settings.victims)
    yield from _attacked(
        _sliced("committee", ratings, settings), ITEMS, SERVER, with_few, with_enough
    )


def _sessions(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    for method in ("sgd", "bayes"):
        victims = range(1, SESSION_VICTIMS + 1)
        chosen = settings.training("committee", method, rounds=1)
        run = play(chosen, ratings)
        without = {
            one: play(chosen, without_user(ratings, one)).observe(PARTICIPANT) for one in victims
        }
        found: Attack[Any] = (
            TwoSessions(without) if method == "sgd" else CountsOfTwoSessions(without)
        )
        setting = "the same data, with and without the victim"
        yield run.attacked(found, PARTICIPANT, victims=victims, setting=setting)


def _pairs(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    gram = {"rounds": 1, "min_raters": 3, "factors": ratings.n_items}
    run = play(settings.training("committee", "gram", **gram), ratings)
    rng = np.random.default_rng(settings.seed)
    rated = [ratings.items[ratings.users == user] for user in range(ratings.n_users)]
    known = {
        user: rng.choice(items, min(KNOWN, len(items) // 2), replace=False).tolist()
        for user, items in enumerate(rated)
    }
    attack, setting = PairCounts(known), f"{KNOWN} items of each are known"
    yield from _attacked(run, attack, NETWORK, PARTICIPANT, setting=setting)


def _dishonest(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    del settings
    part = ratings.take(users=ARENA_USERS, items=ARENA_ITEMS)
    # Half stars become whole numbers from 1, 0 is left for what nobody rated.
    _, steps = np.unique(part.values, return_inverse=True)
    table = np.zeros((part.n_users, part.n_items), dtype=np.int64)
    table[part.users, part.items] = steps + 1
    victims = range(min(ARENA_VICTIMS, part.n_users))
    trials = [(one, checked) for one in ATTACKS for checked in (False, True)]
    for attack, checked in [*trials, (UNCHECKED, True)]:
        found = attack.attempt(table, victims, checked=checked)
        yield attack.judge(found, table, checked=checked)


def _exhibits(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    del ratings, settings
    for weak in (True, False):
        first, second, difference = exhibits.two_uploads(reused=weak)
        found = exhibits.difference_of_uploads(first, second)
        yield exhibits.judge_reused_key(found, difference, reused=weak)
    for weak in (True, False):
        upload, change = exhibits.masked_upload(folded=weak)
        yield exhibits.judge_folded_masks(exhibits.unmasked(upload), change, folded=weak)


_PARTS: Sequence[tuple[str, Callable[[Ratings, AuditSettings], Iterator[Row]]]] = (
    ("none", _none),
    ("paillier", _paillier),
    ("rlwe", _rlwe),
    ("committee", _committee),
    ("opened sums", sums.sums_of_sgd),
    ("opened sums of bayes", sums.sums_of_bayes),
    ("joining and leaving", sums.comings_and_goings),
    ("coming back", sums.returns),
    ("marked rows", sums.marked),
    ("two sessions", _sessions),
    ("pair counts", _pairs),
    ("a dishonest server", _dishonest),
    ("exhibits", _exhibits),
)


def _attacked(
    run: PlayedRun,
    attack: Attack[Found],
    *adversaries: Adversary,
    setting: str = "",
    most: int | None = None,
) -> Iterator[Row]:
    for one in adversaries:
        yield run.attacked(attack, one, victims=run.others(one)[:most], setting=setting)


def _sliced(protection: str, ratings: Ratings, settings: AuditSettings) -> PlayedRun:
    sliced = {"upload": "slices", "slices": SLICES, "rounds": SLICES, "min_raters": 3}
    return play(settings.training(protection, "bayes", **sliced), ratings)


def without_user(ratings: Ratings, user: int) -> Ratings:
    """Return ratings without those of one user, who stays a user."""
    return ratings.where(ratings.users != user)
