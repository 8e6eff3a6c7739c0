"""The whole audit: which runs are played, who attacks them, and with what."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fedmf.audit import bayes_sums
from fedmf.audit.attacks import (
    bayes_difference,
    dishonest_server,
    folded_masks,
    opened_sums,
    rated_items,
    ratings_from_uploads,
    reused_key,
    two_sessions,
)
from fedmf.audit.observables import Adversary
from fedmf.audit.row import Row
from fedmf.audit.runs import PlayedRun, play
from fedmf.errors import SettingsError
from fedmf.federation import TrainingSettings
from fedmf.ratings import Ratings

LEAST_USERS = 12
"""Fewer participants make no cohorts to compare, and intervals as wide as the scale."""
ALL_BUT = 3
TWO = "two consecutive uploads"
SLICES = 4
ARENA_USERS, ARENA_ITEMS = 8, 60
ARENA_VICTIMS, SESSION_VICTIMS = 4, 6
NETWORK, SERVER = Adversary(network=True), Adversary(server=True)
PARTICIPANT, WITH_PARTICIPANT = (
    Adversary(participants=(0,)),
    Adversary(server=True, participants=(0,)),
)


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """How large the audit is.

    Raises
    ------
    SettingsError
        Values that cannot work; training settings check theirs.
    """

    factors: int = 8
    """Latent factors of the models."""
    seed: int = 0
    """Public seed of the runs."""
    key_bits: int = 2048
    """Size of the Paillier keys: the attacks do not depend on it, their duration does."""
    victims: int = 12
    """So many participants are attacked where one attack takes a second."""

    def __post_init__(self) -> None:
        if self.victims < 2:
            raise SettingsError(f"at least 2 victims make a sample, not {self.victims}")

    def training(self, protection: str, method: str, **changed: object) -> TrainingSettings:
        """Return the settings of a run of two rounds that learn."""
        chosen: dict[str, object] = {"rounds": 2, "min_raters": 1, **changed}
        return TrainingSettings(
            protection=protection,
            method=method,
            factors=self.factors,
            seed=self.seed,
            key_bits=self.key_bits,
            **chosen,  # type: ignore[arg-type]
        )


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
    yield from _items(run, [SERVER])
    yield from _ratings(run, [SERVER], setting=TWO, most=settings.victims)
    seen = run.observe(SERVER)
    found = ratings_from_uploads.attempt(seen, _everybody(run), public_start=True)
    yield ratings_from_uploads.judge(
        seen, found, run.truth, setting="the first upload, start vector from the public seed"
    )
    run = play(settings.training("none", "bayes", min_raters=3), ratings)
    yield from _items(run, [NETWORK, SERVER])
    yield from _ratings(run, [NETWORK, SERVER], setting="one upload")
    yield _renewed(run, NETWORK, settings)
    yield from _slices("none", ratings, settings, [SERVER])


def _paillier(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    for upload in ("part", "full"):
        run = play(settings.training("paillier", "sgd", upload=upload), ratings)
        yield from _items(run, [NETWORK, SERVER])
        yield from _items(run, [WITH_PARTICIPANT], most=settings.victims)
        yield from _ratings(run, [NETWORK, SERVER], setting=TWO)
        yield from _ratings(run, [WITH_PARTICIPANT], setting=TWO, most=settings.victims)


def _rlwe(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    run = play(settings.training("rlwe", "bayes", min_raters=3), ratings)
    adversaries = [NETWORK, SERVER, WITH_PARTICIPANT]
    yield from _items(run, adversaries)
    yield from _ratings(run, adversaries, setting="one upload")


def _committee(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    run = play(settings.training("committee", "bayes", min_raters=3), ratings)
    terms = run.plan.session.committee
    assert terms is not None  # noqa: S101 - protection committee
    few, enough = tuple(range(terms.threshold - 1)), tuple(range(terms.threshold))
    adversaries = [
        NETWORK,
        SERVER,
        PARTICIPANT,
        Adversary(members=(0,)),
        WITH_PARTICIPANT,
        Adversary(server=True, members=few),
        Adversary(server=True, members=few, participants=_all_but_three(run)),
        Adversary(server=True, members=enough),
    ]
    yield from _items(run, adversaries)
    yield from _ratings(run, adversaries, setting="one upload")
    yield _renewed(run, NETWORK, settings)
    yield _renewed(run, Adversary(server=True, members=few), settings)
    yield from _slices(
        "committee",
        ratings,
        settings,
        [SERVER, Adversary(server=True, members=few), Adversary(server=True, members=enough)],
    )


def _slices(
    protection: str, ratings: Ratings, settings: AuditSettings, adversaries: Sequence[Adversary]
) -> Iterator[Row]:
    run = play(
        settings.training(
            protection, "bayes", upload="slices", slices=SLICES, rounds=SLICES, min_raters=3
        ),
        ratings,
    )
    yield from _items(run, adversaries)


def _renewed(run: PlayedRun, adversary: Adversary, settings: AuditSettings) -> Row:
    seen = run.observe(adversary)
    victims = _victims(run, adversary)[: settings.victims]
    return bayes_difference.judge(seen, bayes_difference.attempt(seen, victims), run.truth)


def _sums(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    few = ratings.take(users=LEAST_USERS)
    runs: list[tuple[Ratings, dict[str, object]]] = [
        (few, {"min_raters": 1}),
        (few, {"min_raters": 3}),
        (ratings, {"min_raters": 3, "cohort": 3}),
        (ratings, {"min_raters": 3, "cohort": LEAST_USERS}),
        (ratings, {"min_raters": 3}),
    ]
    for part, changed in runs:
        run = play(settings.training("committee", "sgd", **changed), part)
        yield _rows_of_sums(run, PARTICIPANT, changed)
    # The last run again: sums over everybody, of which the adversary takes its own out.
    for left in (3, LEAST_USERS):
        corrupt = tuple(_everybody(run)[left:])
        adversary = Adversary(server=True, members=(0, 1), participants=corrupt)
        yield _rows_of_sums(run, adversary, changed)
    run = play(settings.training("committee", "sgd", min_raters=3, opened_by="server"), ratings)
    yield from _items(run, [SERVER])
    yield _rows_of_sums(run, SERVER, {"min_raters": 3}, " (--open server)")


def _rows_of_sums(
    run: PlayedRun, adversary: Adversary, changed: Mapping[str, object], added: str = ""
) -> Row:
    cohort = changed.get("cohort")
    users = run.plan.session.participants
    size = f"{users} users" if cohort is None else f"{users} users in cohorts of {cohort}"
    setting = f"--min-raters {changed['min_raters']}, {size}{added}"
    seen = run.observe(adversary)
    return opened_sums.judge(seen, opened_sums.attempt(seen), run.truth, setting=setting)


def _sessions(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    chosen = settings.training("committee", "sgd", rounds=1)
    run = play(chosen, ratings)
    seen = run.observe(PARTICIPANT)
    found = {}
    for victim in range(1, SESSION_VICTIMS + 1):
        without = play(chosen, _without(ratings, victim)).observe(PARTICIPANT)
        found[victim] = two_sessions.attempt(seen, without, victim)
    row = ratings_from_uploads.judge(
        seen, found, run.truth, setting="the same data, with and without the victim"
    )
    yield replace(row, attack=two_sessions.NAME)


def _dishonest(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    del settings
    part = ratings.take(users=ARENA_USERS, items=ARENA_ITEMS)
    # Half stars become whole numbers from 1, 0 is left for what nobody rated.
    values, steps = np.unique(part.values, return_inverse=True)
    del values
    table = np.zeros((part.n_users, part.n_items), dtype=np.int64)
    table[part.users, part.items] = steps + 1
    victims = range(min(ARENA_VICTIMS, part.n_users))
    for attack in dishonest_server.ATTACKS:
        for checked in (False, True):
            found = dishonest_server.attempt(attack, table, victims, checked=checked)
            yield dishonest_server.judge(attack, found, table, checked=checked)
    attack = dishonest_server.UNCHECKED
    found = dishonest_server.attempt(attack, table, victims, checked=True)
    yield dishonest_server.judge(attack, found, table, checked=True)


def _exhibits(ratings: Ratings, settings: AuditSettings) -> Iterator[Row]:
    del ratings, settings
    for weak in (True, False):
        first, second, difference = reused_key.two_uploads(reused=weak)
        yield reused_key.judge(reused_key.attempt(first, second), difference, reused=weak)
    for weak in (True, False):
        upload, change = folded_masks.masked_upload(folded=weak)
        yield folded_masks.judge(folded_masks.attempt(upload), change, folded=weak)


_PARTS: Sequence[tuple[str, Callable[[Ratings, AuditSettings], Iterator[Row]]]] = (
    ("none", _none),
    ("paillier", _paillier),
    ("rlwe", _rlwe),
    ("committee", _committee),
    ("opened sums", _sums),
    ("opened sums of bayes", bayes_sums.rows),
    ("joining and leaving", bayes_sums.comings_and_goings),
    ("two sessions", _sessions),
    ("a dishonest server", _dishonest),
    ("exhibits", _exhibits),
)


def _items(
    run: PlayedRun, adversaries: Sequence[Adversary], *, most: int | None = None
) -> Iterator[Row]:
    for adversary in adversaries:
        seen = run.observe(adversary)
        rankings = rated_items.attempt(seen, _victims(run, adversary)[:most])
        yield rated_items.judge(seen, rankings, run.truth)


def _ratings(
    run: PlayedRun, adversaries: Sequence[Adversary], *, setting: str, most: int | None = None
) -> Iterator[Row]:
    for adversary in adversaries:
        seen = run.observe(adversary)
        found = ratings_from_uploads.attempt(seen, _victims(run, adversary)[:most])
        yield ratings_from_uploads.judge(seen, found, run.truth, setting=setting)


def _victims(run: PlayedRun, adversary: Adversary) -> list[int]:
    return [one for one in _everybody(run) if one not in adversary.participants]


def _everybody(run: PlayedRun) -> list[int]:
    return list(range(run.plan.session.participants))


def _all_but_three(run: PlayedRun) -> tuple[int, ...]:
    return tuple(_everybody(run)[ALL_BUT:])


def _without(ratings: Ratings, user: int) -> Ratings:
    kept = ratings.users != user
    times = ratings.timestamps
    return replace(
        ratings,
        users=ratings.users[kept],
        items=ratings.items[kept],
        values=ratings.values[kept],
        timestamps=None if times is None else times[kept],
    )
