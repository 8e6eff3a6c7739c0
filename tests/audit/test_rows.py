"""Verdicts: an interval above chance, or nothing found; never that anything is secure."""

import dataclasses
import json

import numpy as np
import pytest

from fedmf.audit.row import Row, ratio_over_participants, share


def row(**changed: object) -> Row:
    values: dict[str, object] = {
        field.name: 0 if field.type in ("float", "int") else "x"
        for field in dataclasses.fields(Row)
    }
    return Row(**{**values, **changed})  # type: ignore[arg-type]


def test_an_attack_succeeds_where_the_whole_interval_lies_above_chance() -> None:
    assert row(low=0.31, chance=0.3).succeeded
    assert not row(low=0.29, value=0.9, chance=0.3).succeeded
    assert row(low=0.31, chance=0.3).as_json()["holds"] is False


def test_a_failed_attack_is_never_called_secure() -> None:
    verdict = row(low=0.1, chance=0.3).verdict
    assert verdict == "no evidence found at this sample size"


def test_rows_are_json_with_the_keys_of_the_contract() -> None:
    found = json.loads(json.dumps(row(value=float("nan")).as_json(), allow_nan=False))
    assert set(found) >= {
        "protection", "upload", "adversary", "attack", "target", "metric", "value", "chance", "n",
        "holds",
    }  # fmt: skip
    assert found["value"] is None


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    # Computed with the closed form of Wilson (1927) at z = 3.2905 in exact fractions.
    [(0, 10, 0.0, 0.5199), (5, 10, 0.1393, 0.8607), (10, 10, 0.4801, 1.0)],
)
def test_wilsons_interval(hits: int, trials: int, low: float, high: float) -> None:
    found = share(hits, trials)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-3)
    assert found.value == hits / trials


def test_a_wilson_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    held = [
        found.low <= 0.3 <= found.high
        for found in (share(int(hits), 40) for hits in rng.binomial(40, 0.3, 5000))
    ]
    assert np.mean(held) > 0.996


def test_nothing_tried_says_nothing() -> None:
    assert (share(0, 0).low, share(0, 0).high) == (0.0, 1.0)
    alone = ratio_over_participants([5], [10])
    assert (alone.low, alone.value, alone.high) == (0.0, 0.5, 1.0)


def test_participants_without_ratings_do_not_count() -> None:
    found = ratio_over_participants([5, 0, 7], [10, 0, 10])
    assert found.value == pytest.approx(0.6)
    assert found.n == 2
