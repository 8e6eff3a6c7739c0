"""What every learning method must do. A method gets these tests by naming itself."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from fedmf.federation.measurement import measure
from fedmf.federation.ranking import rank
from fedmf.federation.table_codec import TableCodec
from fedmf.model import (
    RATERS,
    Contribution,
    FloatArray,
    FloatTable,
    Method,
    PublicModel,
    RowValues,
    configure_method,
    restore_method,
)
from fedmf.ratings import OwnedRatings, Ratings, load_ratings

ROUNDS = 12


@pytest.fixture(scope="module")
def split() -> tuple[Ratings, Ratings]:
    """Return a small part of the bundled ratings, split."""
    return load_ratings("movielens-small").take(users=60, items=80).split(0.2, seed=1)


def apply(table: FloatTable, contributions: list[Contribution]) -> FloatTable:
    """Return the table plus contributions: what a server without protection does."""
    total = {name: part.copy() for name, part in table.items()}
    for contribution in contributions:
        for name, part in contribution.items():
            total[name][part.rows] += part.values
    return total


class MethodContract:
    """Inherit, name the method and set what a small training should reach."""

    name: ClassVar[str]
    """The method's name in the registry."""
    quality_range: ClassVar[tuple[float, float]]
    """After 12 rounds on the split above: held-out RMSE of methods that predict ratings, NDCG@10
    of those that only rank."""

    @pytest.fixture
    def training(self, split: tuple[Ratings, Ratings]) -> Ratings:
        return split[0]

    @pytest.fixture
    def method(self, training: Ratings) -> Method:
        """Return the method with its defaults for these ratings and 12 rounds."""
        return configure_method(
            self.name,
            users=training.n_users,
            items=training.n_items,
            rounds=ROUNDS,
            scale=training.scale,
            factors=8,
        )

    def some(self, training: Ratings, *users: int) -> OwnedRatings:
        return training.owned_by(np.array(users, dtype=np.int32))

    def after_setup(self, method: Method, training: Ratings) -> list[FloatTable]:
        """Return the tables until the first round that learns, as a federation makes them."""
        start = dict(method.start_table())
        if not method.needs_raters:
            return [start]
        contributions = [
            method.setup_contribution(self.some(training, user)) for user in range(training.n_users)
        ]
        raters = np.bincount(training.items, minlength=training.n_items)[:, np.newaxis]
        return [
            {**start, RATERS: np.zeros(raters.shape)},
            {**apply(start, contributions), RATERS: raters.astype(float)},
        ]

    def decoded(self, method: Method, tables: list[FloatTable]) -> PublicModel:
        """Return the public model of the last of these tables."""
        public = None
        for table in tables:
            public = method.decode(table, public)
        assert public is not None
        return public

    @pytest.fixture
    def public(self, method: Method, training: Ratings) -> PublicModel:
        return self.decoded(method, self.after_setup(method, training))

    def test_start_fits_its_groups_and_their_limits(self, method: Method) -> None:
        start = method.start_table()
        for group in method.row_groups():
            assert start[group.name].shape == (group.rows, group.columns)
            assert np.abs(start[group.name]).max() <= group.start_limit

    def test_rows_of_items_are_as_many_as_items(self, method: Method, training: Ratings) -> None:
        rows = {group.rows for group in method.row_groups() if group.of_items}
        assert rows <= {training.n_items}

    def test_setup_tells_nothing_about_single_items(
        self, method: Method, training: Ratings
    ) -> None:
        of_items = {group.name for group in method.row_groups() if group.of_items}
        assert of_items.isdisjoint(method.setup_contribution(self.some(training, 5)))

    def test_start_is_the_same_every_time(self, method: Method) -> None:
        users = np.array([3, 1, 4], dtype=np.int32)
        for group in method.row_groups():
            once, again = method.start_table(), method.start_table()
            np.testing.assert_array_equal(once[group.name], again[group.name])
        together = method.start_user_factors(users)
        alone = [method.start_user_factors(users[k : k + 1])[0] for k in range(3)]
        np.testing.assert_array_equal(together, alone)

    def test_a_step_reads_only_the_rows_it_needs(self, method: Method, training: Ratings) -> None:
        owned = self.some(training, 5, 9)
        tables = self.after_setup(method, training)
        needed = {RATERS: owned.rated_items.astype(np.int64), **method.rows_needed(owned)}

        def hidden(table: FloatTable) -> FloatTable:
            # A participant that does not open a row finds something else in its place.
            blank = {name: np.full_like(part, 7.0) for name, part in table.items()}
            for name, part in table.items():
                blank[name][needed[name]] = part[needed[name]]
            return blank

        users = method.start_user_factors(owned.users)
        seen = method.participant_step(self.decoded(method, tables), owned, users, None)
        blind_model = self.decoded(method, [hidden(table) for table in tables])
        blind = method.participant_step(blind_model, owned, users, None)
        np.testing.assert_allclose(seen.user_factors, blind.user_factors, rtol=1e-12)
        for name, part in seen.contribution.items():
            np.testing.assert_allclose(
                part.values, blind.contribution[name].values, rtol=1e-12, atol=1e-14
            )

    def test_a_step_changes_nothing_but_what_it_returns(
        self, method: Method, training: Ratings, public: PublicModel
    ) -> None:
        owned = self.some(training, 5)
        users = method.start_user_factors(owned.users)
        before = {name: array.copy() for name, array in public.to_arrays().items()}
        copy = users.copy()
        first = method.participant_step(public, owned, users, None)
        again = method.participant_step(public, owned, users, None)
        for name, array in public.to_arrays().items():
            np.testing.assert_array_equal(array, before[name])
        np.testing.assert_array_equal(users, copy)
        np.testing.assert_array_equal(first.user_factors, again.user_factors)

    def test_contributions_name_ascending_rows_of_their_groups(
        self, method: Method, training: Ratings, public: PublicModel
    ) -> None:
        owned = self.some(training, 2, 7)
        vectors = method.start_user_factors(owned.users)
        learned = method.participant_step(public, owned, vectors, None).contribution
        for contribution in (method.setup_contribution(owned), learned):
            assert set(contribution) <= {group.name for group in method.row_groups()}
            for group in method.row_groups():
                if group.name in contribution:
                    part = contribution[group.name]
                    assert (np.diff(part.rows) > 0).all()
                    assert part.values.shape == (len(part.rows), group.columns)
                    assert np.abs(part.values).max() <= group.limit * len(owned.users)

    def test_a_silo_contributes_the_sum_of_its_users(
        self, method: Method, training: Ratings, public: PublicModel
    ) -> None:
        members = (4, 11, 23)

        def contribution(*users: int) -> Contribution:
            owned = self.some(training, *users)
            vectors = method.start_user_factors(owned.users)
            return method.participant_step(public, owned, vectors, None).contribution

        codec = TableCodec(method.row_groups(), users=training.n_users)
        silo = codec.encode_contribution(contribution(*members), users=3)
        users = [codec.encode_contribution(contribution(user), users=1) for user in members]
        total = codec.shape.zeros()
        for own in users:
            for part, rows in zip(total, own, strict=True):
                part[rows.rows] += rows.values
        for found, wanted in zip(codec.shape.dense(silo), total, strict=True):
            np.testing.assert_array_equal(found, wanted)

    def test_rows_that_were_left_out_can_be_left_out_again(
        self, method: Method, training: Ratings, public: PublicModel
    ) -> None:
        owned = self.some(training, 5)
        vectors = method.start_user_factors(owned.users)
        first = method.participant_step(public, owned, vectors, None)
        nothing = {
            group.name: RowValues(np.zeros(0, np.int64), np.zeros((0, group.columns)))
            for group in method.row_groups()
        }
        anew = method.participant_step(public, owned, vectors, nothing)
        for name, part in first.contribution.items():
            np.testing.assert_array_equal(anew.contribution[name].rows, part.rows)
            np.testing.assert_array_equal(anew.contribution[name].values, part.values)

    def train(self, method: Method, training: Ratings) -> tuple[FloatArray, PublicModel]:
        """Train on floats, without federation: only the method."""
        everybody = [self.some(training, user) for user in range(training.n_users)]
        vectors = [method.start_user_factors(one.users) for one in everybody]
        contributions: list[Contribution | None] = [None] * len(everybody)
        tables = self.after_setup(method, training)
        shared = {RATERS: tables[-1][RATERS]} if method.needs_raters else {}
        public = self.decoded(method, tables)
        for _ in range(ROUNDS):
            for k, owned in enumerate(everybody):
                step = method.participant_step(public, owned, vectors[k], contributions[k])
                vectors[k], contributions[k] = step.user_factors, step.contribution
            table = apply(method.start_table(), [c for c in contributions if c is not None])
            public = method.decode({**table, **shared}, public)
        last = [
            method.user_factors(public, owned, kept)
            for owned, kept in zip(everybody, vectors, strict=True)
        ]
        return np.concatenate(last), public

    def test_training_reaches_the_expected_error(
        self, method: Method, split: tuple[Ratings, Ratings]
    ) -> None:
        training, heldout = split
        users, public = self.train(method, training)
        assert users.shape == (training.n_users, method.vector_length)
        assert public.item_factors.shape == (training.n_items, method.vector_length)
        everybody = range(training.n_users)
        owned, kept = training.owned_by(everybody), heldout.owned_by(everybody)
        if method.predicts_ratings:
            found = measure(public, users, kept, training.scale).rmse
        else:
            found = rank(public, users, owned, kept).ndcg_at_10
        low, high = self.quality_range
        assert low < found < high

    def test_folding_in_fits_the_new_user_better_than_a_stranger(
        self, method: Method, split: tuple[Ratings, Ratings]
    ) -> None:
        training, _ = split
        _, public = self.train(method, training)
        items = public.item_factors
        own, strangers = [], []
        vectors = []
        for user in range(training.n_users):
            owned = self.some(training, user)
            vectors.append(method.fold_in(public, owned.items, owned.values))
        for user in range(training.n_users):
            owned = self.some(training, user)
            stranger = vectors[(user + 1) % training.n_users]
            wanted = owned.values if method.predicts_ratings else np.ones(len(owned))
            own.append(np.mean((wanted - items[owned.items] @ vectors[user]) ** 2))
            strangers.append(np.mean((wanted - items[owned.items] @ stranger) ** 2))
        assert np.mean(own) < np.mean(strangers)

    def test_public_models_come_back_from_arrays(
        self, method: Method, training: Ratings, public: PublicModel
    ) -> None:
        back = PublicModel.from_arrays(public.to_arrays())
        assert back.statistics.keys() == public.statistics.keys()
        owned = self.some(training, 5)
        vectors = method.start_user_factors(owned.users)
        for model in (public, back):
            np.testing.assert_array_equal(
                method.participant_step(model, owned, vectors, None).user_factors,
                method.participant_step(public, owned, vectors, None).user_factors,
            )

    def test_settings_restore_an_equal_method(self, method: Method) -> None:
        assert restore_method(method.settings()) == method
