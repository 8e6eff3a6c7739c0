from dataclasses import replace
from typing import Any

import pytest

from fedmf.errors import SettingsError, UnknownNameError
from fedmf.federation import DataChoice, TrainingSettings


def test_settings_come_back_from_json() -> None:
    settings = TrainingSettings(protection="none", method="sgd", cohort=5, learning_rate=0.1)
    assert TrainingSettings.from_json(settings.as_json()) == settings
    choice = DataChoice("movielens-small", users=3, split="last")
    assert DataChoice.from_json(choice.as_json()) == choice


@pytest.mark.parametrize(
    ("changed", "near"),
    [
        ({"protection": "pailler"}, "paillier"),
        ({"upload": "ful"}, "full"),
        ({"method": "sdg"}, "sgd"),
        ({"start": "randm"}, "random"),
    ],
)
def test_unknown_names_come_with_the_nearest(changed: dict[str, Any], near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"did you mean '{near}'"):
        TrainingSettings(**changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"factors": 0},
        {"rounds": 0},
        {"cohort": 2},
        {"rounds": 2.0},
        {"factors": "x"},
        {"silos": True},
        {"silos": 0},
        {"seed": -1},
        {"min_raters": 0},
        {"key_bits": 512},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"learning_rate": float("inf")},
        {"reg": -0.1},
        {"reg": float("nan")},
    ],
)
def test_numbers_that_cannot_work_are_refused_by_name(changed: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(changed))):
        TrainingSettings(**changed)


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(SettingsError, match=r"factors.*rounds.*key_bits.*reg"):
        TrainingSettings(factors=0, rounds=0, key_bits=1, reg=-1)
    with pytest.raises(SettingsError, match=r"method bayes has no learning_rate, start"):
        TrainingSettings(method="bayes", learning_rate=0.1, start="constant")
    with pytest.raises(SettingsError, match=r"users.*items.*holdout"):
        DataChoice("movielens-small", users=0, items=0, holdout=1.0)


def test_data_choices_hold_back_what_they_say() -> None:
    choice = DataChoice("movielens-small", users=30, items=50)
    ratings, training, heldout = choice.load()
    assert len(training) + len(heldout) == len(ratings)
    assert len(heldout) == round(0.2 * len(ratings))
    everything, all_training, nothing = replace(choice, holdout=0.0).load()
    assert (len(everything), len(nothing)) == (len(all_training), 0)
    _, _, last = replace(choice, split="last").load()
    assert last.timestamps is not None
    assert set(last.users) <= set(ratings.users)


@pytest.mark.parametrize(
    "changed",
    [
        {"protection": "rlwe"},
        {"protection": "paillier"},
        {"protection": "committee", "opened_by": "participants"},
        {"protection": "rlwe", "opened_by": "server"},
    ],
)
def test_downloads_in_few_bits_are_of_opened_tables_alone(changed: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"^download_bits are for tables that are opened[^;]*$"):
        TrainingSettings(download_bits=6, **changed)
    TrainingSettings(**changed)
    for allowed in ({"protection": "none"}, {"protection": "committee", "opened_by": "server"}):
        assert TrainingSettings(download_bits=6, **allowed).download_bits == 6  # type: ignore[arg-type]


@pytest.mark.parametrize("bits", [3, 13, 6.0, True, "6"])
def test_downloads_have_4_to_12_bits(bits: Any) -> None:
    with pytest.raises(SettingsError, match="download_bits is from 4 to 12"):
        TrainingSettings(protection="none", download_bits=bits)


def test_gram_learns_in_one_round_of_everybody() -> None:
    chosen = TrainingSettings(method="gram", gram_items=50)
    assert (chosen.factors, chosen.rounds) == (50, 1)
    assert TrainingSettings(method="gram").factors == 1000
    for wrong in ({"rounds": 2}, {"cohort": 3}, {"upload": "slices"}, {"factors": 9}):
        with pytest.raises(SettingsError, match=r"gram"):
            TrainingSettings(method="gram", **{"gram_items": 50, **wrong})  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="gram_items are of method gram"):
        TrainingSettings(gram_items=50)
