"""A row with one rater gives that rater away, unless it never leaves the participant."""

import numpy as np
import pytest

from fedmf.federation import (
    LocalEngine,
    TrainingPlan,
    TrainingResult,
    Transcript,
    train_locally,
)
from fedmf.model import RATERS
from fedmf.protocol import Int64Array, UploadMessage
from fedmf.protocol.none import NoneServer
from fedmf.ratings import Ratings, load_ratings
from tests.contracts.engine_contract import (
    UNPROTECTED,
    conducted,
    last_contributions,
    planned,
    play,
)


@pytest.fixture(scope="module")
def split() -> tuple[Ratings, Ratings]:
    return load_ratings("movielens-small").take(users=12, items=120).split(0.2, seed=1)


def make(split: tuple[Ratings, Ratings], **changed: object) -> TrainingPlan:
    chosen = {"method": "sgd", "min_raters": 1, **changed}
    return planned(UNPROTECTED, split[0], factors=4, rounds=2, **chosen)


def raters(training: Ratings) -> Int64Array:
    return np.bincount(training.items, minlength=training.n_items)


def opened_moves(plan: TrainingPlan, result: TrainingResult) -> Int64Array:
    """What the opened table shows of items: its difference to the public start."""
    return result.table[0] - plan.start_table()[0]


def lonely(training: Ratings) -> tuple[int, int]:
    """Return an item with one rater, and who that is."""
    item = int(np.flatnonzero(raters(training) == 1)[0])
    return item, int(training.users[training.items == item][0])


def contributions(
    plan: TrainingPlan, split: tuple[Ratings, Ratings]
) -> tuple[TrainingResult, list[Int64Array]]:
    """Train, and return what each participant in truth contributed to the items."""
    with LocalEngine(plan, None, *split) as engine:
        result = play(plan, UNPROTECTED, engine)
        states = last_contributions(plan, engine).values()
    contributed = []
    for state in states:
        assert state is not None
        dense = np.zeros_like(result.table[0])
        dense[state[0].rows] = state[0].values
        contributed.append(dense)
    return result, contributed


def test_without_the_least_number_an_opened_row_is_the_single_raters_contribution(
    split: tuple[Ratings, Ratings],
) -> None:
    item, user = lonely(split[0])
    plan = make(split, min_raters=1)
    result, contributed = contributions(plan, split)
    stolen = opened_moves(plan, result)[item]
    assert stolen.any()
    np.testing.assert_array_equal(stolen, contributed[user][item])


@pytest.mark.parametrize("upload", ["full", "part"])
@pytest.mark.parametrize("least", [2, 3])
def test_with_it_these_rows_are_zero_in_every_upload(
    split: tuple[Ratings, Ratings], upload: str, least: int
) -> None:
    plan = make(split, min_raters=least, upload=upload)
    transcript = Transcript(keep_messages=True)
    result = train_locally(plan, None, *split, transcript=transcript)
    few = raters(split[0]) < least
    assert few.any()
    assert not few.all()
    seen = 0
    for entry in transcript.view("server"):
        if entry.kind == "upload":
            assert entry.data is not None
            message = UploadMessage.from_bytes(entry.data, plan.session)
            server = NoneServer(plan.session)
            server.start(plan.session.shape.zeros())
            server.add(message.payload, message.rows, counted_round=message.round)
            opened = server.payload()
            items = np.frombuffer(opened, "<i4", count=few.size * 4).reshape(-1, 4)
            assert not items[few].any()
            if message.rows is not None:
                assert not few[message.rows[0]].any()
            seen += bool(items[~few].any())
    assert seen == 2 * len(plan.members)
    assert not opened_moves(plan, result)[few].any()
    assert opened_moves(plan, result)[~few].any(axis=1).mean() > 0.9


def test_set_up_opens_the_counts_and_nothing_else(split: tuple[Ratings, Ratings]) -> None:
    plan = make(split, min_raters=3)
    with LocalEngine(plan, None, *split) as engine:
        assert next(conducted(plan, UNPROTECTED, engine).rounds()).round == 0
        first = engine.opened_table()
    counts = first[plan.codec.position(RATERS)][:, 0]
    np.testing.assert_array_equal(counts, raters(split[0]))
    np.testing.assert_array_equal(first[0], plan.start_table()[0])
    assert not first[2].any()


def test_everybody_is_counted_whatever_the_cohort(split: tuple[Ratings, Ratings]) -> None:
    plan = make(split, min_raters=3, cohort=4)
    result = train_locally(plan, None, *split)
    assert result.setup is not None
    assert result.setup.included == len(plan.members)
    assert [record.included for record in result.rounds] == [6, 5]
    assert plan.session.rounds == 3


def test_the_papers_loop_needs_no_set_up(split: tuple[Ratings, Ratings]) -> None:
    plan = make(split)
    assert (plan.settings.min_raters, plan.setup_rounds, plan.counts_raters) == (1, 0, False)
    assert train_locally(plan, None, *split).setup is None


def test_counts_cost_part_uploads_nothing_after_the_set_up(split: tuple[Ratings, Ratings]) -> None:
    plan = make(split, min_raters=2, upload="part")
    transcript = Transcript(keep_messages=True)
    train_locally(plan, None, *split, transcript=transcript)
    named = {1: 0, 2: 0, 3: 0}
    for entry in transcript.view("server"):
        if entry.kind == "upload":
            assert entry.data is not None
            message = UploadMessage.from_bytes(entry.data, plan.session)
            assert message.rows is not None
            named[message.round] += len(message.rows[plan.codec.position(RATERS)])
    assert named == {1: len(split[0]), 2: 0, 3: 0}


@pytest.mark.parametrize(("silos", "least"), [(3, 3), (8, 1)])
def test_few_silos_speak_for_items_that_enough_of_their_own_users_rated(
    split: tuple[Ratings, Ratings], silos: int, least: int
) -> None:
    """Partners of a silo that comes alone see its rows; of eight or more, no silo comes alone."""
    plan = make(split, min_raters=3, silos=silos)
    with LocalEngine(plan, None, *split) as engine:
        play(plan, UNPROTECTED, engine)
        states = last_contributions(plan, engine)
    place = plan.codec.position(RATERS)
    own = [raters(split[0].where(np.isin(split[0].users, users))) for users in plan.members]
    for number, counts in enumerate(own):
        state = states[number]
        assert state is not None
        spoken_for = np.flatnonzero((counts > 0) & (counts >= least))
        assert state[place].rows.tolist() == spoken_for.tolist()
        assert set(state[0].rows) <= set(spoken_for)
    assert any(((counts > 0) & (counts < 3)).any() for counts in own)


def test_few_silos_count_pairs_of_items_that_enough_of_their_own_users_rated() -> None:
    split = load_ratings("movielens-small").take(users=40, items=30).split(0.2, seed=1)
    chosen = {"method": "gram", "min_raters": 3, "silos": 4, "rounds": 1}
    plan = planned(UNPROTECTED, split[0], factors=30, **chosen)
    with LocalEngine(plan, None, *split) as engine:
        play(plan, UNPROTECTED, engine)
        public = engine.public_model()
        states = last_contributions(plan, engine)
    ranked = public.statistics["ranked"].astype(int)
    first, second = np.triu_indices(30)
    alone = 0
    for silo, change in states.items():
        assert change is not None
        own = np.isin(split[0].users, plan.members[silo])
        counts = np.bincount(split[0].items[own], minlength=30)
        rows = change[plan.codec.position("pairs")].rows
        told = ranked[np.unique(np.concatenate([first[rows], second[rows]]))]
        assert (counts[told] >= 3).all()
        alone += int(np.sum((counts[ranked] > 0) & (counts[ranked] < 3)))
    # Some of the ranked items have too few raters in some silo.
    assert alone > 0
