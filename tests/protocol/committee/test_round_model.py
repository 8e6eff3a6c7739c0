"""Every order of events in a model of the committee's rounds, with each rule on and off."""

from __future__ import annotations

from typing import Any

import pytest

from tests.protocol.committee.round_model import Rules, explore, stuck


@pytest.mark.parametrize("promises", [True, False])
@pytest.mark.parametrize(
    ("members", "threshold", "liars", "rounds"),
    [(4, 3, 1, 2), (3, 2, 0, 2), (2, 2, 1, 2), (5, 4, 2, 1), (5, 3, 0, 1), (7, 5, 2, 1)],
)
def test_no_order_of_events_breaks_a_property(
    members: int, threshold: int, liars: int, rounds: int, *, promises: bool
) -> None:
    """Three rounds of the first are 27,323 states: `python -m` with 3, half a minute."""
    assert liars == 2 * threshold - members - 1
    found = explore(Rules(members, threshold, liars, rounds, promises))
    assert found.violations == {}
    assert len(found.states) > 3


@pytest.mark.parametrize("promises", [True, False])
@pytest.mark.parametrize(
    ("without", "broken"),
    [
        ({"durable": False}, "two sums of a round"),
        ({"durable": False}, "a sum of a void round"),
        ({"logged_first": False}, "an honest member that signs two outcomes"),
        ({"logged_first": False}, "a sum of a void round"),
        ({"one_answer": False, "one_outcome": False, "one_promise": False}, "two sums of a round"),
        ({"one_outcome": False}, "a sum of a void round"),
        ({"one_outcome": False}, "two certificates of a round"),
        ({"lots": False}, "a sum against the rules"),
        ({"witnesses": False}, "a certificate for what no honest member answered"),
        ({"certificates": False, "rounds": 2}, "a sum before the round before has ended"),
        ({"liars": 2}, "two sums of a round"),
    ],
)
def test_without_a_rule_something_breaks(
    without: dict[str, Any], broken: str, *, promises: bool
) -> None:
    assert broken in explore(Rules(promises=promises, **without), broken).violations


def test_without_one_promise_a_round_members_answer_for_two_sums() -> None:
    found = explore(Rules(one_promise=False), "answers for two sums")
    assert "answers for two sums" in found.violations


def test_who_can_stop_a_round() -> None:
    """Nobody can before the first answer, unless fewer than t members sign at all."""
    rules = Rules()
    whole, helped = (set(stuck(explore(rules), helping)) for helping in (0, 1))
    assert helped == {"closed, and never opened: answers 1"}
    assert whole == helped | {
        "closed, and never opened: answers 2",
        "no outcome: answers 1",
        "no outcome: answers 2",
    }
    # Without promises a server has two members answer for two sums, neither of which opens.
    split = set(stuck(explore(Rules(promises=False)), 1))
    assert split - helped == {
        "closed, and never opened: answers 1 and 1",
        "no outcome: answers 1 and 1",
    }
    # Two of two members: one that is silent is enough.
    assert "no outcome: no answer" in stuck(explore(Rules(2, 2, 1)), 0)
