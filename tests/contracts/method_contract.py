"""What every learning method must do. A method gets these tests by saying how it is configured."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from fedmf.model import Contribution, FloatTable, Method, restore_method
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
    """Inherit and set what a small training should reach."""

    rmse_range: ClassVar[tuple[float, float]]
    """Held-out RMSE after 12 rounds on the split above."""

    def configured(self, training: Ratings) -> Method:
        """Return the method with its defaults for these ratings and 12 rounds."""
        raise NotImplementedError

    @pytest.fixture
    def training(self, split: tuple[Ratings, Ratings]) -> Ratings:
        return split[0]

    @pytest.fixture
    def method(self, training: Ratings) -> Method:
        return self.configured(training)

    def some(self, training: Ratings, *users: int) -> OwnedRatings:
        return training.owned_by(np.array(users, dtype=np.int32))

    def test_start_fits_its_groups_and_their_limits(self, method: Method) -> None:
        start = method.start_table()
        for group in method.row_groups():
            assert start[group.name].shape == (group.rows, group.columns)
            assert np.abs(start[group.name]).max() <= group.start_limit

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
        table = method.start_table()
        needed = method.rows_needed(owned)
        hidden = {name: np.full_like(part, np.nan) for name, part in table.items()}
        for name, rows in needed.items():
            hidden[name][rows] = table[name][rows]
        users = method.start_user_factors(owned.users)
        seen = method.participant_step(method.decode(table), owned, users, None)
        blind = method.participant_step(method.decode(hidden), owned, users, None)
        np.testing.assert_array_equal(seen.user_factors, blind.user_factors)
        for name, part in seen.contribution.items():
            np.testing.assert_array_equal(part.values, blind.contribution[name].values)

    def test_a_step_changes_nothing_but_what_it_returns(
        self, method: Method, training: Ratings
    ) -> None:
        owned = self.some(training, 5)
        items = method.decode(method.start_table())
        users = method.start_user_factors(owned.users)
        copies = items.copy(), users.copy()
        first = method.participant_step(items, owned, users, None)
        again = method.participant_step(items, owned, users, None)
        np.testing.assert_array_equal(items, copies[0])
        np.testing.assert_array_equal(users, copies[1])
        np.testing.assert_array_equal(first.user_factors, again.user_factors)

    def test_contributions_name_ascending_rows_of_their_groups(
        self, method: Method, training: Ratings
    ) -> None:
        owned = self.some(training, 2, 7)
        items = method.decode(method.start_table())
        step = method.participant_step(items, owned, method.start_user_factors(owned.users), None)
        for group in method.row_groups():
            part = step.contribution[group.name]
            assert (np.diff(part.rows) > 0).all()
            assert part.values.shape == (len(part.rows), group.columns)
            assert np.abs(part.values).max() <= group.limit * len(owned.users)

    def test_a_silo_contributes_the_sum_of_its_users(
        self, method: Method, training: Ratings
    ) -> None:
        members = (4, 11, 23)
        items = method.decode(method.start_table())

        def contribution(*users: int) -> Contribution:
            owned = self.some(training, *users)
            vectors = method.start_user_factors(owned.users)
            return method.participant_step(items, owned, vectors, None).contribution

        zero = {name: np.zeros_like(part) for name, part in method.start_table().items()}
        silo = apply(zero, [contribution(*members)])
        users = apply(zero, [contribution(user) for user in members])
        for name in zero:
            np.testing.assert_allclose(silo[name], users[name], atol=1e-12)

    def train(self, method: Method, training: Ratings) -> tuple[np.ndarray, np.ndarray]:
        """Train on floats, without federation: the method alone."""
        everybody = [self.some(training, user) for user in range(training.n_users)]
        vectors = [method.start_user_factors(one.users) for one in everybody]
        contributions: list[Contribution | None] = [None] * len(everybody)
        table = method.start_table()
        for _ in range(ROUNDS):
            items = method.decode(table)
            for k, owned in enumerate(everybody):
                step = method.participant_step(items, owned, vectors[k], contributions[k])
                vectors[k], contributions[k] = step.user_factors, step.contribution
            table = apply(method.start_table(), [c for c in contributions if c is not None])
        return np.concatenate(vectors), method.decode(table)

    def test_training_reaches_the_expected_error(
        self, method: Method, split: tuple[Ratings, Ratings]
    ) -> None:
        training, heldout = split
        users, items = self.train(method, training)
        predicted = np.einsum("nd,nd->n", users[heldout.users], items[heldout.items])
        clipped = np.clip(predicted, training.scale.lowest, training.scale.highest)
        rmse = float(np.sqrt(np.mean((heldout.values - clipped) ** 2)))
        low, high = self.rmse_range
        assert low < rmse < high

    def test_folding_in_fits_the_new_user_better_than_a_stranger(
        self, method: Method, split: tuple[Ratings, Ratings]
    ) -> None:
        training, _ = split
        _, items = self.train(method, training)
        own, strangers = [], []
        vectors = []
        for user in range(training.n_users):
            owned = self.some(training, user)
            vectors.append(method.fold_in(items, owned.items, owned.values))
        for user in range(training.n_users):
            owned = self.some(training, user)
            stranger = vectors[(user + 1) % training.n_users]
            own.append(np.mean((owned.values - items[owned.items] @ vectors[user]) ** 2))
            strangers.append(np.mean((owned.values - items[owned.items] @ stranger) ** 2))
        assert np.mean(own) < np.mean(strangers)

    def test_settings_restore_an_equal_method(self, method: Method) -> None:
        assert restore_method(method.settings()) == method
