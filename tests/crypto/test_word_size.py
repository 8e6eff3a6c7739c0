from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fedmf.crypto.word_size import plan_word_bits
from fedmf.errors import SettingsError, WordSizeError

FIGURES: dict[str, Any] = {
    "contributions": 100,
    "limit": 2.0,
    "fraction_bits": 10,
    "start_limit": 1.0,
    "what": "item factors",
}


def fits(bits: int, total: int) -> bool:
    """Whether a signed word holds both ends of a symmetric range."""
    half = 1 << (bits - 1)
    return -half <= -total and total < half


def test_a_known_plan() -> None:
    # 1 * 1024 + 100 * 2 * 1024 = 205,824 lies between 2^17 = 131,072 and 2^18 = 262,144.
    assert plan_word_bits(**FIGURES) == 19


@given(
    contributions=st.integers(1, 10**6),
    limit=st.floats(1e-3, 1e3),
    fraction_bits=st.integers(0, 20),
    start_limit=st.floats(0, 1e3),
)
def test_the_plan_is_the_smallest_word_that_holds_every_sum_and_every_change(
    contributions: int, limit: float, fraction_bits: int, start_limit: float
) -> None:
    bits = plan_word_bits(
        contributions=contributions,
        limit=limit,
        fraction_bits=fraction_bits,
        start_limit=start_limit,
        what="v",
    )
    steps = 2**fraction_bits
    one = math.ceil(Fraction(limit) * steps)
    total = math.ceil(Fraction(start_limit) * steps) + contributions * one
    assert fits(bits, total)
    assert fits(bits, 2 * one)
    assert not (fits(bits - 1, total) and fits(bits - 1, 2 * one))


def test_the_boundary_is_the_positive_end_of_the_word() -> None:
    # A word of 8 bits ends at +127: 127 fits, 128 does not, although -128 would.
    figures: dict[str, Any] = {"limit": 1, "fraction_bits": 0, "what": "v"}
    assert plan_word_bits(contributions=127, **figures) == 8
    assert plan_word_bits(contributions=128, **figures) == 9


def test_a_single_contribution_still_leaves_room_for_a_change() -> None:
    figures: dict[str, Any] = {"limit": 100, "fraction_bits": 0, "what": "v"}
    assert plan_word_bits(contributions=1, **figures) == plan_word_bits(contributions=2, **figures)


def test_the_rounding_of_a_limit_between_two_steps_is_counted() -> None:
    # 0.4 is no multiple of 1/4: each contribution may take 2 steps, 64 of them 128.
    figures: dict[str, Any] = {"limit": 0.4, "fraction_bits": 2, "what": "v"}
    assert plan_word_bits(contributions=63, **figures) == 8
    assert plan_word_bits(contributions=64, **figures) == 9


def suggestions(message: str) -> dict[str, float]:
    found = re.findall(r"(fraction_bits|contributions|limit) to at most ([\d.,e+-]*\d)", message)
    return {name: float(number.replace(",", "")) for name, number in found}


@given(
    contributions=st.integers(1, 10**9),
    limit=st.floats(1e-3, 1e6),
    fraction_bits=st.integers(0, 40),
    start_limit=st.floats(0, 1e3),
    most_bits=st.integers(8, 62),
)
def test_following_any_suggestion_mends_the_plan_and_exceeding_it_does_not(
    contributions: int, limit: float, fraction_bits: int, start_limit: float, most_bits: int
) -> None:
    figures: dict[str, Any] = {
        "contributions": contributions,
        "limit": limit,
        "fraction_bits": fraction_bits,
        "start_limit": start_limit,
        "most_bits": most_bits,
        "what": "v",
    }
    try:
        plan_word_bits(**figures)
    except WordSizeError as refusal:
        advice = suggestions(str(refusal))
    else:
        assume(False)
    for name, value in advice.items():
        changed = value if name == "limit" else int(value)
        assert plan_word_bits(**figures | {name: changed}) <= most_bits
        if name != "limit":
            with pytest.raises(WordSizeError):
                plan_word_bits(**figures | {name: int(value) + 1})


def test_the_refusal_says_which_figure_to_change_and_to_what() -> None:
    with pytest.raises(WordSizeError) as refusal:
        plan_word_bits(**FIGURES | {"fraction_bits": 24, "most_bits": 32})
    assert str(refusal.value) == (
        "item factors: the sum of 100 contributions of up to 2 with 24 fraction bits needs words "
        "of 33 bits, and only 32 are available; lower fraction_bits to at most 23, or "
        "contributions to at most 63, or limit to at most 1.26999"
    )


def test_where_no_single_figure_helps_the_refusal_says_so() -> None:
    with pytest.raises(WordSizeError, match="no single figure mends this"):
        plan_word_bits(
            contributions=1000, limit=1, fraction_bits=4, start_limit=1e6, what="v", most_bits=8
        )


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("contributions", 0),
        ("limit", 0.0),
        ("limit", math.nan),
        ("limit", math.inf),
        ("fraction_bits", -1),
        ("fraction_bits", 63),
        ("start_limit", -0.5),
        ("start_limit", math.nan),
        ("most_bits", 1),
        ("most_bits", 63),
    ],
)
def test_figures_that_make_no_sense_are_refused_by_name(figure: str, value: float) -> None:
    with pytest.raises(SettingsError, match=f"item factors: {figure} is {value};"):
        plan_word_bits(**FIGURES | {figure: value})


def test_all_senseless_figures_are_named_at_once() -> None:
    with pytest.raises(SettingsError, match=r"contributions is 0.*limit is -1"):
        plan_word_bits(**FIGURES | {"contributions": 0, "limit": -1})
