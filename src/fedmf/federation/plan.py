"""From settings and ratings to everything that participants and server must agree on."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from fedmf.errors import SettingsError, WordSizeError
from fedmf.federation.lots import are_few_silos, committee_terms
from fedmf.federation.measurement import ERRORS, SummedErrors
from fedmf.federation.ranking import SummedRankings
from fedmf.federation.settings import TrainingSettings
from fedmf.federation.table_codec import TableCodec
from fedmf.model import DEFAULT_RECENCY, RATERS, Method, RowGroup, configure_method
from fedmf.model.registry import parameters_of
from fedmf.protocol import IntegerTable, Rows, Session
from fedmf.protocol.compact_words import DownloadTerms
from fedmf.protocol.protection import protection_named
from fedmf.protocol.session import Upload
from fedmf.protocol.slices import SliceTerms
from fedmf.ratings import OwnedRatings, Ratings, RatingScale

COHORT_STREAM = 2
"""Stream of the public seed that cohorts are drawn from; the method's start uses 0 and 1."""
_NO_ROWS = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class TrainingPlan:
    """The public plan of one training: what was decided, public facts, and what follows from them.

    Raises
    ------
    SettingsError
        A cohort larger than the federation, or more raters asked for than there are users.
    WordSizeError
        No word size holds the sum of all contributions, or the noise of all uploads.
    """

    settings: TrainingSettings
    """What was decided."""
    items: int
    """Size of the catalogue."""
    scale: RatingScale
    """The lowest and highest possible rating."""
    members: tuple[NDArray[np.int32], ...]
    """For each participant the codes of its users."""
    measured: bool
    """Whether participants hold ratings back, and the table sums up their errors on them."""
    public_key: int | None
    """Paillier's n; None for protections without a key."""
    session_id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    """16 bytes; fresh random ones unless given."""

    def __post_init__(self) -> None:
        cohort, min_raters = self.settings.cohort, self.settings.min_raters
        if cohort is not None and cohort > len(self.members):
            raise SettingsError(
                f"a cohort of {cohort} in a federation of {len(self.members)} participants"
            )
        if min_raters > self.users:
            raise SettingsError(
                f"min_raters is {min_raters} and there are {self.users} users: no item would "
                "ever have enough raters"
            )
        # Refuses what the protection cannot hold before anything else begins.
        protection_named(self.settings.protection).check_session(self.session)

    @classmethod
    def make(
        cls,
        settings: TrainingSettings,
        ratings: Ratings,
        *,
        public_key: int | None,
        session_id: bytes | None = None,
        measured: bool = False,
    ) -> TrainingPlan:
        """Plan a training over ratings that one machine holds.

        Parameters
        ----------
        ratings
            The training ratings: a plan uses their catalogue, their scale, the number of users and
            whether their order is known, and no rating.
        public_key, session_id, measured
            As of the class; the id of a new session unless given.

        Raises
        ------
        SettingsError, WordSizeError
            As of the class, and where there are more silos than users.
        DataError
            The settings ask for recency, and nobody knows the order of the ratings.
        """
        if settings.recency is None and "recency" in parameters_of(settings.method):
            recency = DEFAULT_RECENCY if ratings.ends_known else 0.0
            settings = replace(settings, recency=recency)
        elif settings.recency:
            ratings.check_order("recency weighs what was rated last")
        members = deal_users(ratings.n_users, settings.silos)
        known = {} if session_id is None else {"session_id": session_id}
        return cls(settings, ratings.n_items, ratings.scale, members, measured, public_key, **known)

    @property
    def users(self) -> int:
        """All users of the federation."""
        return sum(map(len, self.members))

    @cached_property
    def method(self) -> Method:
        """The configured learning method."""
        chosen = self.settings
        return configure_method(
            chosen.method,
            users=self.users,
            items=self.items,
            rounds=chosen.rounds,
            sweep=self.rounds_for_all,
            scale=self.scale,
            factors=chosen.factors,
            learning_rate=chosen.learning_rate,
            reg=chosen.reg,
            seed=chosen.seed,
            start=chosen.start,
            recency=chosen.recency,
        )

    @cached_property
    def counts_raters(self) -> bool:
        """Whether the table has the group `RATERS`, and the session a set-up round.

        In this round everybody contributes counts, before anybody learns.
        """
        return self.method.needs_raters or self.settings.min_raters > 1

    @cached_property
    def least_own_raters(self) -> int:
        """How many of its own users have to have rated an item for a participant to speak for it.

        Of a few silos each may be read as what it is: the sum over its users.
        """
        return self.settings.min_raters if are_few_silos(self.settings) else 1

    @cached_property
    def summed_errors(self) -> SummedErrors | SummedRankings | None:
        """The row that sums what participants measure; None where nothing is held back."""
        if not self.measured:
            return None
        if self.method.predicts_ratings:
            return SummedErrors(self.users, self.scale)
        return SummedRankings(self.users)

    @cached_property
    def groups(self) -> tuple[RowGroup, ...]:
        """The groups of rows that the table has."""
        return (
            *self.method.row_groups(),
            *([_raters_group(self.items)] if self.counts_raters else []),
            *([self.summed_errors.group] if self.summed_errors else []),
        )

    @cached_property
    def codec(self) -> TableCodec:
        """Fixed point, and the shape of the integer table."""
        try:
            return TableCodec(self.groups, self.users, max(map(len, self.members)))
        except WordSizeError as error:
            raise WordSizeError(
                f"{error}; in a training this means fewer rounds, or fewer users"
            ) from error

    @cached_property
    def session(self) -> Session:
        """The protocol's parameters."""
        settings = self.settings
        return Session(
            session_id=self.session_id,
            protection=settings.protection,
            upload=cast("Upload", settings.upload),
            shape=self.codec.shape,
            participants=len(self.members),
            rounds=settings.rounds + self.setup_rounds,
            public_key=self.public_key,
            learning_sha256=hashlib.sha256(self._learning().encode()).digest(),
            committee=committee_terms(settings, len(self.members), self.setup_rounds),
            slices=_slices(settings, self.groups, self.setup_rounds),
            download=_download(settings, self.groups),
        )

    def _learning(self) -> str:
        """Return the settings of learning that the session binds."""
        described = {
            "fixed_point": {
                group.name: [group.fraction_bits, group.limit, group.start_limit]
                for group in self.groups
            },
            "min_raters": self.settings.min_raters,
            "method": self.method.settings(),
        }
        return json.dumps(described, sort_keys=True)

    @property
    def setup_rounds(self) -> int:
        """Rounds of the session before the first one that learns: 1 or 0."""
        return int(self.counts_raters)

    def start_table(self) -> IntegerTable:
        """Return the public integer table before the first round."""
        table = self.method.start_table()
        others = self.codec.shape.groups[len(table) :]
        zeros = {group.name: np.zeros((group.rows, group.columns)) for group in others}
        return self.codec.encode_table({**table, **zeros})

    def rows_read(self, training: OwnedRatings, heldout: OwnedRatings) -> Rows:
        """Return the rows of the table that a participant has to open for a round."""
        rated = [training] if self.summed_errors is None else [training, heldout]
        needed = [self.method.rows_needed(ratings) for ratings in rated]
        items = np.unique(np.concatenate([ratings.items for ratings in rated])).astype(np.int64)
        others = {RATERS: items, ERRORS: _NO_ROWS}
        return [
            _union(group.rows, [{**others, **rows}[group.name] for rows in needed])
            for group in self.codec.shape.groups
        ]

    def rows_changed(self, training: OwnedRatings) -> Rows:
        """Return the rows that a participant's upload may change in a round that learns."""
        rated = training.rated_items.astype(np.int64)
        others = {**self.method.rows_needed(training), RATERS: _NO_ROWS, ERRORS: np.zeros(1, int)}
        return [rated if group.of_items else others[group.name] for group in self.groups]

    @cached_property
    def rounds_for_all(self) -> int:
        """Rounds in which everybody has one turn with every part of the table."""
        cohorts = len(self.members) // (self.settings.cohort or len(self.members))
        return cohorts * self.settings.slice_count

    def resting(self, round_number: int) -> frozenset[str]:
        """Return the groups that rest in a round of the session (from 1, void ones left out)."""
        method = self.method
        first = self.setup_rounds + method.resting_after * self.rounds_for_all + 1
        return frozenset(method.resting_groups if round_number >= first else ())

    def cohort(self, round_number: int) -> list[int]:
        """Return the participants of a round of the session (from 1), ascending.

        In the set-up round these are all: only who counts its ratings then is counted from the
        beginning.
        Cohorts are the same in every epoch, so that all of one cohort were last summed in one
        round, and everybody takes part once before anybody does twice. No cohort is smaller than
        the settings say: what is left over is spread over them.
        """
        count, size = len(self.members), self.settings.cohort
        learning_round = round_number - self.setup_rounds
        if size is None or learning_round < 1:
            return list(range(count))
        cohorts = self.rounds_for_all
        order = np.random.default_rng((self.settings.seed, COHORT_STREAM)).permutation(count)
        return sorted(np.array_split(order, cohorts)[(learning_round - 1) % cohorts].tolist())


def _slices(
    settings: TrainingSettings, groups: Sequence[RowGroup], setup_rounds: int
) -> SliceTerms | None:
    """Return how rows of items are cut, and their raters with them, who are all counted first."""
    if settings.upload != "slices":
        return None
    raters = [RATERS] if setup_rounds else []
    return SliceTerms(
        count=settings.slice_count,
        seed=settings.seed,
        groups=(*(group.name for group in groups if group.of_items), *raters),
        setup_rounds=setup_rounds,
        whole_at_setup=tuple(raters),
    )


def _download(settings: TrainingSettings, groups: Sequence[RowGroup]) -> DownloadTerms | None:
    """Return how rows of items are rounded on their way to participants."""
    if settings.download_bits is None:
        return None
    group = next(group for group in groups if group.of_items)
    if group.prior_raters is None:
        return DownloadTerms(settings.download_bits, group.name, None)
    return DownloadTerms(settings.download_bits, group.name, RATERS, group.prior_raters)


def _raters_group(items: int) -> RowGroup:
    # Of items, and yet uploaded whole: the counts decide which other rows may be uploaded.
    return RowGroup(
        name=RATERS,
        rows=items,
        columns=1,
        fraction_bits=0,
        limit=1.0,
        start_limit=0.0,
        of_items=False,
    )


def _union(count: int, rows: Iterable[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return which of `count` rows are named anywhere, ascending; faster than sorting them."""
    named = np.zeros(count, dtype=np.bool_)
    for some in rows:
        named[some] = True
    return np.flatnonzero(named)


def deal_users(users: int, silos: int | None) -> tuple[NDArray[np.int32], ...]:
    """Return the user codes of each participant: one user each, or dealt out to silos in turn.

    Raises
    ------
    SettingsError
        More silos than users.
    """
    count = users if silos is None else silos
    if count > users:
        raise SettingsError(f"{silos} silos for {users} users: some would own nothing")
    codes = np.arange(users, dtype=np.int32)
    return tuple(codes[start::count] for start in range(count))
