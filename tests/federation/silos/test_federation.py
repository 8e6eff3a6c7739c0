"""What a federation file says makes the plan, wherever the ratings lie."""

from dataclasses import replace

import pytest

from fedmf.errors import SettingsError
from fedmf.federation import TrainingPlan, TrainingSettings
from fedmf.federation.plan import deal_users
from fedmf.federation.silos import Federation
from fedmf.federation.silos.federation import user_codes
from fedmf.ratings import load_ratings


def test_codes_go_on_from_silo_to_silo() -> None:
    assert [codes.tolist() for codes in user_codes([2, 1, 3])] == [[0, 1], [2], [3, 4, 5]]


def test_every_silo_has_users() -> None:
    with pytest.raises(SettingsError, match="silo 1, 3 has none"):
        user_codes([2, 0, 3, 0])


def test_the_plan_of_a_federation_is_the_plan_from_the_ratings() -> None:
    ratings = load_ratings("movielens-small").take(users=9, items=12)
    settings = TrainingSettings(protection="none", silos=3)
    users = [len(codes) for codes in deal_users(ratings.n_users, 3)]
    federation = Federation.make(settings, ratings.item_ids, ratings.scale, users)
    of_ratings = TrainingPlan.make(
        settings, ratings, public_key=None, session_id=federation.session.session_id, measured=True
    )
    assert of_ratings.session == federation.session == federation.plan.session
    assert federation.plan.users == ratings.n_users
    assert replace(of_ratings, measured=False).session != federation.session
