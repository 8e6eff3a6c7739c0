"""Every order of events in a model of the committee's rounds, with each rule on and off."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from fedmf.protocol.committee.certificate import LABEL, PROMISE, Outcome
from fedmf.protocol.committee.exchange import (
    AnswerReply,
    AnswerRequest,
    PromiseReply,
    PromiseRequest,
    Refusal,
    ReviewReply,
    VoteReply,
    VoteRequest,
)
from fedmf.protocol.enrolment.votes import MemberSignature, Votes
from fedmf.protocol.messages import CommitteeMessage
from tests.protocol.committee.adversary import Adversary
from tests.protocol.committee.round_model import Rules, acts, begun, explore, stuck
from tests.protocol.committee.world import World, changes_of

ACTS = ("promise", "answer", "vote", "crash")
SETS = {"A": (0, 1, 2, 3, 4), "B": (0, 1, 2, 3), "X": (0, 1)}


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


class Real:
    """Three honest members in their first round, and a server with a fourth that signs all.

    Parameters
    ----------
    same_set
        Whether A and B are two sums of one set; else they are of two.
    """

    def __init__(self, *, same_set: bool) -> None:
        self.world = World(5, opened_by="server")
        self.server = Adversary(self.world, self.world.collect(changes_of(7)))
        self.charter, self.round = self.world.charter, self.server.round
        self.sets = {**SETS, "B": SETS["A"]} if same_set else SETS
        sums = {name: self.server.added(one) for name, one in SETS.items()}
        self.outcomes = {
            name: self.server.outcome(one, sums[name]) for name, one in self.sets.items()
        }
        self.outcomes["-"] = Outcome(self.round)
        self.signed = {
            (label, name): {3: self.sign(label, name)}
            for label in (PROMISE, LABEL)
            for name in self.outcomes
        }
        for member in self.world.members[:3]:
            assert isinstance(self.server.show(member, SETS["A"]), ReviewReply)

    def sign(self, label: str, name: str) -> bytes:
        """Return the liar's signature."""
        statement = self.outcomes[name].statement(self.charter)
        return self.world.member_keys[3].sign(label, *statement)

    def votes(self, label: str, name: str) -> Votes:
        """Return what members have signed."""
        signed = sorted(self.signed[label, name].items())
        return tuple(MemberSignature(member, signature) for member, signature in signed)

    def asked(self, number: int, act: str, name: str) -> bool:
        """Ask a member; return whether it does it."""
        if act == "crash":
            self.world.members[number] = self.world.restarted_member(number)
            return True
        outcome = self.outcomes[name]
        request: CommitteeMessage
        if act == "promise":
            request = PromiseRequest(self.round, self.sets[name], outcome)
        elif act == "answer":
            request = AnswerRequest(self.round, outcome, self.votes(PROMISE, name))
        else:
            request = VoteRequest(self.round, outcome, None, self.votes(LABEL, name))
        said = self.server.say(self.world.members[number], request)
        if isinstance(said, PromiseReply):
            self.signed[PROMISE, name][number] = said.promise
        elif isinstance(said, AnswerReply | VoteReply):
            self.signed[LABEL, name][number] = said.vote
        return not isinstance(said, Refusal)


def test_real_members_do_what_the_model_says() -> None:
    """Members are asked for anything, in any order: what the model allows is done, and no more."""
    luck = random.Random(1)  # noqa: S311 - a seed that can be repeated is the point
    rules, done = Rules(), Counter[tuple[str, bool]]()
    for walk in range(60):
        state, real = begun(rules), Real(same_set=walk % 2 == 0)
        for _ in range(30):
            number, act = luck.randrange(3), luck.choices(ACTS, (8, 8, 3, 1))[0]
            name = "" if act == "crash" else luck.choice("AAAAAABX-" if act == "vote" else "AAAABX")
            member = state[number]
            following = {
                (one.name, one.sum): after for one, after in acts(rules, state, member, rules.liars)
            }
            did = real.asked(number, act, name)
            if (act, name) in following:
                assert did, (act, name, state)
                after = following[act, name]
                state = (*state[:number], after, *state[number + 1 :])
            elif act != "crash":
                # What has left a member may leave it again, and an answer is a vote.
                words = {
                    "promise": {f"?{name}"},
                    "answer": {f"={name}"},
                    "vote": {name, f"={name}"},
                }
                assert did <= bool(words[act] & member.said[0]), (act, name, state)
            done[act, did] += 1
    assert all(done[act, did] > 20 for act in ACTS[:3] for did in (True, False)), done
