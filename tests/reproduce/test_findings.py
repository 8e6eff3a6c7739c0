"""Reproduced, better, or not: both ways, and at the edge of the tolerance."""

from dataclasses import replace

import pytest

from fedmf.reproduce.published import Finding, Target

SECONDS = Target(
    name="a time",
    quantity="iteration",
    items=40,
    users=7,
    upload="full",
    value=8.0,
    unit="s",
    tolerance=0.25,
    tolerance_is="relative",
    goal="lower",
    derived=False,
    source="a log",
)
LOSS = replace(SECONDS, name="a loss", quantity="loss", goal="equal")


@pytest.mark.parametrize(
    ("ours", "expected"),
    [
        (2.0, "better by 4 x"),
        (0.008, "better by 1,000 x"),
        (5.9, "better by 1.36 x"),
        (6.0, "reproduced"),
        (8.0, "reproduced"),
        (10.0, "reproduced"),
        (10.1, "not"),
    ],
)
def test_less_is_better_where_that_is_the_goal(ours: float, expected: str) -> None:
    assert SECONDS.verdict(ours) == expected


@pytest.mark.parametrize(
    ("ours", "expected"),
    [(5.9, "not"), (6.0, "reproduced"), (8.0, "reproduced"), (10.0, "reproduced"), (10.1, "not")],
)
def test_a_figure_that_is_to_come_back_is_never_better(ours: float, expected: str) -> None:
    assert LOSS.verdict(ours) == expected


def test_a_tolerance_is_a_share_of_the_value_or_a_distance() -> None:
    distance = replace(LOSS, tolerance_is="absolute")
    assert distance.verdict(8.25) == "reproduced"
    assert distance.verdict(8.3) == "not"
    assert LOSS.verdict(8.3) == "reproduced"
    negative = replace(LOSS, value=-8.0)
    assert negative.verdict(-9.0) == "reproduced"
    assert negative.verdict(8.0) == "not"


def test_nothing_takes_no_time() -> None:
    assert SECONDS.verdict(0.0) == "not"
    assert SECONDS.verdict(-1.0) == "not"
    assert SECONDS.verdict(float("nan")) == "not"


def test_a_finding_holds_both_figures_and_their_ratio() -> None:
    finding = Finding(SECONDS, "rlwe", 2.0, extrapolated=True)
    assert (
        finding.as_json().items()
        >= {
            "name": "a time",
            "scheme": "rlwe",
            "published": 8.0,
            "ours": 2.0,
            "ratio": 0.25,
            "verdict": "better by 4 x",
            "source": "a log",
            "extrapolated": True,
        }.items()
    )
    exact = Finding(replace(LOSS, value=0.0, tolerance_is="absolute"), "rlwe", 0.1)
    assert (exact.as_json()["ratio"], exact.verdict, exact.extrapolated) == (
        None,
        "reproduced",
        False,
    )
