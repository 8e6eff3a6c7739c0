"""An abstract model of the committee's rounds, small enough that every order of events is tried.

The server and some members lie, and work together: the server asks whomever it likes for whatever
it likes, in any order, and loses what it likes; the lying members sign everything. What is left to
explore is what honest members do to that, and when they crash. What left a member is in the
server's hands for good, which can only add to what it may do: a message that is recorded and then
lost needs no state of its own. Honest members are alike, so a state is sorted, and so are the two
sums that differ in nothing but their names. What nobody can act on any more is dropped: rounds that
all have left, and promises of members that can answer no more.

What an honest member may be asked about in a round are three sums: two within the rules that differ
by a set or by a root, A and B, and one against the rules, X. Uploads, keys and values are no part
of the model.

python -m tests.protocol.committee.round_model ROUNDS
"""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

SUMS = ("A", "B", "X")
AGAINST_THE_RULES = "X"
_OTHER_NAMES = str.maketrans("AB", "BA")


@dataclass(frozen=True)
class Rules:
    """The rules of honest members; each can be switched off."""

    members: int = 4
    threshold: int = 3
    liars: int = 1
    rounds: int = 1
    promises: bool = True
    """A sum is answered for only after t promises for it."""
    one_promise: bool = True
    """One promise in a round."""
    durable: bool = True
    """What a member has said outlasts a crash."""
    logged_first: bool = True
    """It is recorded before it leaves."""
    one_answer: bool = True
    """One sum is answered for in a round."""
    one_outcome: bool = True
    """Whoever answered never votes for another outcome, and who voted does not answer."""
    lots: bool = True
    """Sums against the rules are refused."""
    witnesses: bool = True
    """Who has not answered signs that a round closed only after more members than may lie."""
    certificates: bool = True
    """A round begins after the certificate of the one before."""

    @property
    def honest(self) -> int:
        """How many members do not lie."""
        return self.members - self.liars


class Member(NamedTuple):
    """An honest member in the last round that it began."""

    round: int
    has_seeds: bool
    promised: str
    """What its memory says: the sum that it promised, or nothing."""
    signed: str
    """What its memory says: an answer (``"=A"``), a vote that the round closed (``"A"``), a vote
    that it is void (``"-"``), or nothing."""
    said: tuple[frozenset[str], ...]
    """By round from the first that somebody is still in: what left it. ``"?A"`` is a promise."""


State = tuple[Member, ...]


class Act(NamedTuple):
    """What happens to one honest member."""

    name: str
    sum: str = ""
    """Or ``"-"``: the round is void."""
    is_lost: bool = False
    """It crashes in the middle: the message has left, and there is no record."""


@dataclass
class Exploration:
    """All states that can be reached, and what is wrong with some."""

    rules: Rules
    states: set[State] = field(default_factory=set)
    violations: dict[str, State] = field(default_factory=dict)
    """By property the first state in which it does not hold."""


def begun(rules: Rules) -> State:
    """Return the honest members with a key for the first round."""
    return (Member(1, has_seeds=True, promised="", signed="", said=(frozenset(),)),) * rules.honest


def explore(rules: Rules, until: str = "") -> Exploration:
    """Visit every state, the ones with fewest acts first.

    Parameters
    ----------
    until
        Stop at the first state in which this property does not hold.
    """
    start = settled(rules, begun(rules))
    found = Exploration(rules, {start})
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        for broken in broken_properties(rules, state):
            found.violations.setdefault(broken, state)
        if until in found.violations:
            return found
        for after in next_states(rules, state, rules.liars):
            if after not in found.states:
                found.states.add(after)
                waiting.append(after)
    return found


def next_states(
    rules: Rules, state: State, helping: int, *, crashes: bool = True
) -> Iterator[State]:
    """Yield what a state can become.

    Parameters
    ----------
    helping
        How many liars sign what the server wants; the others say nothing.
    """
    for place, member in enumerate(state):
        if not place or member != state[place - 1]:
            for _, after in acts(rules, state, member, helping, crashes=crashes):
                yield settled(rules, (*state[:place], after, *state[place + 1 :]))


def settled(rules: Rules, members: State) -> State:
    """Drop what nobody can act on, name sums in the order of the alphabet, and sort."""
    left = min(member.round - len(member.said) for member in members)
    done = min(member.round for member in members) - 1 - left
    kept = [member._replace(said=member.said[done:]) for member in members]
    if rules.durable:
        kept = [_without_promises(member, members) for member in kept]
    found = [kept]
    for number in range(left + done + 1, max(member.round for member in members) + 1):
        found += [[_renamed(one, number) for one in each] for each in found]
    return min(tuple(sorted(each, key=_order)) for each in found)


def _without_promises(member: Member, members: State) -> Member:
    """Drop promises by which nobody can answer: whoever has begun the round has no seeds of it."""
    first = member.round - len(member.said) + 1
    said = tuple(
        words
        if any(one.round < number or (one.round == number and one.has_seeds) for one in members)
        else frozenset(word for word in words if word[0] != "?")
        for number, words in enumerate(member.said, first)
    )
    promised = member.promised if member.has_seeds else ""
    return member._replace(promised=promised, said=said)


def _renamed(member: Member, number: int) -> Member:
    """Return the member as it would be if A and B had each other's name in a round."""
    place = number - 1 - (member.round - len(member.said))
    if not 0 <= place < len(member.said):
        return member
    renamed = frozenset(word.translate(_OTHER_NAMES) for word in member.said[place])
    said = (*member.said[:place], renamed, *member.said[place + 1 :])
    if number < member.round:
        return member._replace(said=said)
    promised, signed = (one.translate(_OTHER_NAMES) for one in (member.promised, member.signed))
    return member._replace(promised=promised, signed=signed, said=said)


def _order(member: Member) -> tuple[object, ...]:
    said = tuple(tuple(sorted(one)) for one in member.said)
    return (member.round, member.has_seeds, member.promised, member.signed, said)


def said_in(state: State, number: int) -> list[frozenset[str]]:
    """Return what each honest member has said in a round."""
    places = [number - 1 - (member.round - len(member.said)) for member in state]
    return [
        member.said[place] if 0 <= place < len(member.said) else frozenset()
        for member, place in zip(state, places, strict=True)
    ]


def signatures(state: State, number: int, *wanted: str) -> int:
    """Return how many honest members have said one of these in a round."""
    return sum(any(one in said for one in wanted) for said in said_in(state, number))


def outcomes(rules: Rules, state: State, number: int, helping: int) -> list[str]:
    """Return what t members have signed about a round."""
    found = ["-"] if signatures(state, number, "-") + helping >= rules.threshold else []
    closed = (
        one for one in SUMS
        if signatures(state, number, one, f"={one}") + helping >= rules.threshold
    )  # fmt: skip
    return [*found, *closed]


def opened(rules: Rules, state: State, number: int) -> list[str]:
    """Return the sums of a round that t members have answered for, liars included."""
    return [
        one for one in SUMS if signatures(state, number, f"={one}") + rules.liars >= rules.threshold
    ]


def acts(
    rules: Rules, state: State, member: Member, helping: int, *, crashes: bool = True
) -> Iterator[tuple[Act, Member]]:
    """Yield everything that can happen to a member next, and the member after it."""
    for act, remembers, word in _messages(rules, state, member, helping):
        after = remembers._replace(said=(*member.said[:-1], member.said[-1] | {word}))
        yield act, after
        if crashes and not rules.logged_first:
            yield act._replace(is_lost=True), _crashed(rules, member._replace(said=after.said))
    if crashes and (member.has_seeds or not rules.durable):
        yield Act("crash"), _crashed(rules, member)
    if not rules.durable and not (member.has_seeds or member.signed):
        yield Act("begin again"), member._replace(has_seeds=True)
    is_over = outcomes(rules, state, member.round, helping) or not rules.certificates
    if member.round < rules.rounds and is_over:
        said = (*member.said, frozenset[str]())
        after = Member(member.round + 1, has_seeds=True, promised="", signed="", said=said)
        yield Act("begin"), after


def _crashed(rules: Rules, member: Member) -> Member:
    crashed = member._replace(has_seeds=False)
    return crashed if rules.durable else crashed._replace(promised="", signed="")


def _messages(
    rules: Rules, state: State, member: Member, helping: int
) -> Iterator[tuple[Act, Member, str]]:
    """Yield what the member may say: the act, the member with it in its memory, and the word."""
    number, said = member.round, member.said[-1]
    free = not member.signed or not rules.one_outcome
    for one in SUMS:
        allowed = one != AGAINST_THE_RULES or not rules.lots
        promise, answer = f"?{one}", f"={one}"
        may_promise = not member.promised or not rules.one_promise
        if rules.promises and member.has_seeds and allowed and free and may_promise:
            yield Act("promise", one), member._replace(promised=one), promise
        ready = member.has_seeds and free and allowed
        if rules.promises:
            enough = signatures(state, number, promise) + helping >= rules.threshold
            ready = ready and enough and (member.promised == one or not rules.one_promise)
        if ready and answer not in said:
            keeps = not rules.one_answer
            after = member._replace(signed=answer, has_seeds=keeps)
            yield Act("answer", one), after, answer
        witnesses = signatures(state, number, one, answer) + helping
        due = rules.liars + 1 if rules.witnesses else 0
        if free and witnesses >= due and one not in said:
            yield Act("vote", one), member._replace(signed=one, has_seeds=False), one
    if free and "-" not in said:
        yield Act("vote", "-"), member._replace(signed="-", has_seeds=False), "-"


def broken_properties(rules: Rules, state: State) -> Iterator[str]:
    """Yield what must never be, and is."""
    first = min(member.round - len(member.said) for member in state) + 1
    for number in range(first, max(member.round for member in state) + 1):
        sums, ends = opened(rules, state, number), outcomes(rules, state, number, rules.liars)
        if len(sums) > 1:
            yield "two sums of a round"
        if sums and "-" in ends:
            yield "a sum of a void round"
        if AGAINST_THE_RULES in sums:
            yield "a sum against the rules"
        if len(ends) > 1:
            yield "two certificates of a round"
        for one in ends:
            if one != "-" and not signatures(state, number, f"={one}"):
                yield "a certificate for what no honest member answered"
        said = said_in(state, number)
        for words in said:
            signed = {word.removeprefix("=") for word in words if word[0] != "?"}
            if len(signed) > 1:
                yield "an honest member that signs two outcomes"
        if rules.promises and sum(any(f"={one}" in words for words in said) for one in SUMS) > 1:
            yield "answers for two sums"
        if number > first and sums and not outcomes(rules, state, number - 1, rules.liars):
            yield "a sum before the round before has ended"


def stuck(found: Exploration, helping: int) -> Counter[str]:
    """Return, for one round, the kinds of states that no message leads out of any more.

    Nobody crashes any more, and everything arrives: still neither t members sign one outcome. Or
    they do, and the sum that they say it closed with is opened by nobody.
    """
    rules = found.rules
    leading: dict[State, list[State]] = {}
    ends: dict[str, set[State]] = {"ends": set(), "opens or is void": set()}
    for state in found.states:
        for after in next_states(rules, state, helping, crashes=False):
            leading.setdefault(after, []).append(state)
        for one in outcomes(rules, state, 1, helping):
            ends["ends"].add(state)
            answers = signatures(state, 1, f"={one}") + helping
            if one == "-" or answers >= rules.threshold:
                ends["opens or is void"].add(state)
    reaching = {name: _reaching(states, leading) for name, states in ends.items()}
    kinds = Counter[str]()
    for state in found.states:
        if state not in reaching["ends"]:
            kinds[f"no outcome: {_answers(state)}"] += 1
        elif state not in reaching["opens or is void"]:
            kinds[f"closed, and never opened: {_answers(state)}"] += 1
    return kinds


def _reaching(states: set[State], leading: dict[State, list[State]]) -> set[State]:
    reached, waiting = set(states), list(states)
    while waiting:
        for before in leading.get(waiting.pop(), ()):
            if before not in reached:
                reached.add(before)
                waiting.append(before)
    return reached


def _answers(state: State) -> str:
    counts = (sum(member.signed == f"={one}" for member in state) for one in SUMS)
    given = sorted(filter(None, counts), reverse=True)
    return f"answers {' and '.join(map(str, given))}" if given else "no answer"


def main() -> None:
    """Explore the rules as they are; print how many states there are, and what is stuck."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    lines = []
    for promises in (True, False):
        found = explore(Rules(rounds=rounds, promises=promises))
        what = "with" if promises else "without"
        lines.append(f"{what} promises: {len(found.states):,} states, {list(found.violations)}")
        if rounds == 1:
            for helping in (0, found.rules.liars):
                kinds = dict(stuck(found, helping))
                lines.append(f"  with {helping} liars that help, stuck: {kinds}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
