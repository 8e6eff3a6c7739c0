"""Each attack both ways: it works where nothing stops it, and is at chance where something does."""

import numpy as np
import pytest

from fedmf.audit.attacks.lone_returns import CountsOfTwoSessions
from fedmf.audit.attacks.opened_sums import RowsOfSums
from fedmf.audit.attacks.rated_items import RatedItems, looks
from fedmf.audit.attacks.ratings_from_tables import TwoSessions
from fedmf.audit.attacks.ratings_from_uploads import RatingsFromUploads
from fedmf.audit.observables import Adversary
from fedmf.audit.opening import bytes_by_item, opened, opened_tables, uploads
from fedmf.audit.runs import play
from fedmf.audit.suite import without_user
from fedmf.federation import TrainingSettings
from fedmf.model import FloatArray
from fedmf.protocol.lattice_layout import committee_layout
from fedmf.protocol.rlwe import part_layouts
from tests.audit.runs_for_attacks import (
    FEWER_MEMBERS,
    NETWORK,
    PARTICIPANT,
    SERVER,
    T_MEMBERS,
    WITH_PARTICIPANT,
    ratings,
    run,
)

SLICED: dict[str, object] = {"upload": "slices", "slices": 3, "rounds": 3, "min_raters": 1}
ALL_BUT_THREE = Adversary(
    server=True, members=(0, 1), participants=tuple(range(3, ratings().n_users))
)


@pytest.mark.parametrize(
    ("protection", "adversary"),
    [
        ("none", SERVER),
        ("none", NETWORK),
        ("paillier", WITH_PARTICIPANT),
        ("rlwe", WITH_PARTICIPANT),
        ("committee", T_MEMBERS),
    ],
)
def test_whoever_opens_uploads_has_every_rating(protection: str, adversary: Adversary) -> None:
    row = run(protection).attacked(RatingsFromUploads(), adversary)
    assert row.value == 1.0
    assert row.succeeded
    assert run(protection).attacked(RatedItems(), adversary).value == 1.0


@pytest.mark.parametrize(
    ("protection", "adversary"),
    [
        ("paillier", SERVER),
        ("paillier", NETWORK),
        ("rlwe", SERVER),
        ("rlwe", NETWORK),
        ("committee", SERVER),
        ("committee", NETWORK),
        ("committee", PARTICIPANT),
        ("committee", WITH_PARTICIPANT),
        ("committee", Adversary(members=(0,))),
        ("committee", FEWER_MEMBERS),
        ("committee", ALL_BUT_THREE),
    ],
)
def test_whoever_does_not_is_at_chance(protection: str, adversary: Adversary) -> None:
    row = run(protection).attacked(RatingsFromUploads(), adversary)
    assert not row.succeeded
    assert row.value < row.chance + 0.15
    items = run(protection).attacked(RatedItems(), adversary)
    # Five standard deviations: once in two million runs.
    assert abs(items.value - items.chance) < 5 / 3.29 * (items.high - items.low) / 2
    seen = run(protection).observe(adversary)
    others = [one for one in uploads(seen) if one.participant not in adversary.participants]
    assert all(opened(seen, one) is None for one in others)


def test_two_uploads_of_sgd_give_ratings_and_one_does_with_the_public_start() -> None:
    played = run("none", "sgd")
    # In a federation this small users leap far in a round.
    assert played.attacked(RatingsFromUploads(), SERVER).value > 0.9
    assert played.attacked(RatingsFromUploads(public_start=True), SERVER).value == 1.0


def test_rows_held_back_take_their_ratings_out_of_reach_and_no_others() -> None:
    played = run("none", min_raters=5)
    found = RatingsFromUploads().attempt(played.observe(SERVER), played.others(SERVER))
    raters = np.sum(~np.isnan(played.truth.values), axis=0)
    assert (raters < 5).any()
    for victim, estimates in found.items():
        rated = ~np.isnan(played.truth.values[victim])
        apart = np.abs(estimates - played.truth.values[victim])
        assert np.isnan(estimates[rated & (raters < 5)]).all()
        assert (apart[rated & (raters >= 5)] < 0.25).mean() > 0.95


def test_part_uploads_name_the_rated_items_and_full_ones_do_not() -> None:
    part = run("paillier", "sgd", upload="part").attacked(RatedItems(), SERVER)
    assert part.value == 1.0
    assert not run("paillier", "sgd").attacked(RatedItems(), SERVER).succeeded


@pytest.mark.parametrize("changed", [{}, SLICED], ids=["whole", "slice by slice"])
def test_looks_find_rated_items_where_the_whole_mask_is_known(changed: dict[str, object]) -> None:
    """That the same look finds nothing elsewhere is therefore no fault of the attack."""
    played = run("committee", **changed)
    for adversary, blind in ((T_MEMBERS, False), (FEWER_MEMBERS, True)):
        seen, found = played.observe(adversary), dict[int, FloatArray]()
        for upload in uploads(seen):
            looked = looks(bytes_by_item(seen, upload))
            found[upload.participant] = looked + found.get(upload.participant, 0.0)
        row = RatedItems().judge(seen, found, played.truth)
        assert row.succeeded is not blind
        assert blind or row.value > 0.9


@pytest.mark.parametrize("protection", ["none", "rlwe", "committee"])
def test_slices_show_rated_items_to_whoever_opens_them_and_to_nobody_else(protection: str) -> None:
    holder = {"none": SERVER, "rlwe": WITH_PARTICIPANT, "committee": T_MEMBERS}[protection]
    for adversary in {SERVER, holder}:
        row = run(protection, **SLICED).attacked(RatedItems(), adversary)
        assert row.succeeded is (adversary is holder)
        assert row.value == 1.0 if adversary is holder else row.value < 0.5


@pytest.mark.parametrize("protection", ["rlwe", "committee"])
def test_item_factors_beside_the_words_are_looked_at_and_opened_like_those_in_words(
    protection: str,
) -> None:
    """In a table as small as this one, `sgd` has all its values beside the words."""
    settings = TrainingSettings(
        protection=protection, method="sgd", factors=6, rounds=8, min_raters=1
    )
    played = play(settings, ratings(items=16))
    session = played.plan.session
    layout = part_layouts(session)[0] if protection == "rlwe" else committee_layout(session)
    assert not layout.in_words(session.shape.groups[0])
    holder = WITH_PARTICIPANT if protection == "rlwe" else T_MEMBERS
    for adversary in (SERVER, holder):
        seen = played.observe(adversary)
        for upload in uploads(seen):
            rated = ~np.isnan(played.truth.values[upload.participant])
            found = opened(seen, upload)
            assert (found is None) is (adversary is SERVER)
            if found is not None:
                assert found.change[0].any(axis=1).tolist() == rated.tolist()
            empty = ~bytes_by_item(seen, upload).any(axis=1)
            pads_are_known = adversary is T_MEMBERS
            assert empty.tolist() == (~rated & pads_are_known).tolist()


def test_whoever_opens_all_uploads_adds_up_the_tables_that_participants_open() -> None:
    added = opened_tables(run("committee").observe(T_MEMBERS))
    read = opened_tables(run("committee").observe(PARTICIPANT))
    assert added.keys() == read.keys() == {0, 1, 2, 3}
    for number, table in read.items():
        for found, expected in zip(added[number].table, table.table, strict=True):
            np.testing.assert_array_equal(found, expected)


def test_rows_of_one_rater_give_it_away_and_stay_home_with_min_raters() -> None:
    exposed, kept = run("committee", "sgd"), run("committee", "sgd", min_raters=3)
    rated = ~np.isnan(exposed.truth.values)
    alone = np.flatnonzero(rated.sum(axis=0) == 1).tolist()
    assert len(alone) >= 5
    everybody_else = exposed.others(PARTICIPANT)
    claims = RowsOfSums().attempt(exposed.observe(PARTICIPANT), everybody_else)
    others = [item for item in alone if not rated[0, item]]
    named = [claims[item][0] == np.flatnonzero(rated[:, item])[0] for item in others]
    assert np.mean(named) > 0.9
    assert exposed.attacked(RowsOfSums(), PARTICIPANT).succeeded
    stayed = RowsOfSums().attempt(kept.observe(PARTICIPANT), everybody_else)
    assert not set(stayed) & set(alone)


def test_tiny_cohorts_give_their_members_away_and_large_ones_hide_them() -> None:
    tiny = run("committee", "sgd", min_raters=3, cohort=3).attacked(RowsOfSums(), PARTICIPANT)
    large = run("committee", "sgd", min_raters=3).attacked(RowsOfSums(), PARTICIPANT)
    assert tiny.succeeded
    assert tiny.value > 3 * large.value


def test_a_sum_over_three_is_little_protection() -> None:
    """Under the committee nobody opens an upload; what is left of the sum says enough."""
    assert run("committee", "sgd", min_raters=3).attacked(RowsOfSums(), ALL_BUT_THREE).succeeded


@pytest.mark.parametrize("adversary", [SERVER, FEWER_MEMBERS, NETWORK])
def test_a_blind_committee_shows_no_sums(adversary: Adversary) -> None:
    played = run("committee", "sgd")
    seen = played.observe(adversary)
    assert opened_tables(seen) == {}
    assert RowsOfSums().attempt(seen, played.others(adversary)) == {}


@pytest.mark.parametrize("adversary", [SERVER, FEWER_MEMBERS, NETWORK])
def test_where_the_server_opens_sums_all_who_read_along_have_them(adversary: Adversary) -> None:
    seen = run("committee", "sgd", opened_by="server").observe(adversary)
    assert len(opened_tables(seen)) == 3
    assert all(opened(seen, upload) is None for upload in uploads(seen))


def test_two_sessions_differ_by_a_participant_and_equal_ones_by_nobody() -> None:
    settings = TrainingSettings(protection="none", method="sgd", factors=6, rounds=1, min_raters=1)
    whole, victim = play(settings, ratings()), 3
    rated = ~np.isnan(whole.truth.values[victim])
    for others, differ in ((without_user(ratings(), victim), True), (ratings(), False)):
        attack = TwoSessions({victim: play(settings, others).observe(PARTICIPANT)})
        found = attack.attempt(whole.observe(PARTICIPANT), [victim])[victim]
        if differ:
            assert (np.abs(found - whole.truth.values[victim])[rated] < 0.25).all()
        else:
            assert np.isnan(found).all()


def test_counts_of_two_sessions_differ_by_the_list_of_who_was_absent() -> None:
    settings = TrainingSettings(protection="none", method="bayes", factors=6, rounds=1)
    whole, victim = play(settings, ratings()), 3
    for others, differ in ((without_user(ratings(), victim), True), (ratings(), False)):
        attack = CountsOfTwoSessions({victim: play(settings, others).observe(PARTICIPANT)})
        row = whole.attacked(attack, PARTICIPANT, victims=[victim])
        assert row.note.endswith(" 0 false")
        assert row.value == row.succeeded == differ
