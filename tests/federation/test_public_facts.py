"""What a plan knows of ratings is the same wherever they lie."""

import pytest

from fedmf.errors import SettingsError
from fedmf.federation import TrainingPlan, TrainingSettings
from fedmf.federation.public_facts import PublicFacts
from fedmf.ratings import RatingScale, load_ratings

SCALE = RatingScale(1.0, 5.0)


def test_codes_go_on_from_silo_to_silo() -> None:
    facts = PublicFacts.of_silos(9, SCALE, [2, 1, 3])
    assert [codes.tolist() for codes in facts.members] == [[0, 1], [2], [3, 4, 5]]
    assert facts.users == 6


def test_every_silo_has_users() -> None:
    with pytest.raises(SettingsError, match="silo 1, 3 has none"):
        PublicFacts.of_silos(9, SCALE, [2, 0, 3, 0])


def test_a_plan_from_facts_is_the_plan_from_the_ratings() -> None:
    ratings = load_ratings("movielens-small").take(users=9, items=12)
    settings = TrainingSettings(protection="none", silos=3)
    of_ratings = TrainingPlan.make(settings, ratings, public_key=None, session_id=bytes(16))
    facts = PublicFacts.dealt_out(ratings, 3)
    of_facts = TrainingPlan.from_facts(settings, facts, public_key=None, session_id=bytes(16))
    assert of_facts.session == of_ratings.session
    assert facts.users == ratings.n_users
