"""Messages get lost, come twice or late, roles crash: exact sums of one set, or nothing."""

from __future__ import annotations

import warnings
from collections import defaultdict
from random import Random

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fedmf.errors import FedmfError, OpenError, ProtocolError
from fedmf.protocol import ClosingMessage, ParticipantRole, RowChange
from fedmf.protocol.committee.certificate import Outcome
from fedmf.protocol.committee.exchange import (
    AnswerReply,
    AnswerRequest,
    PromiseReply,
    PromiseRequest,
    VoteReply,
)
from fedmf.protocol.committee.sums import LyingMemberWarning
from fedmf.protocol.messages import kind_of
from fedmf.protocol.session import OPENED_BY, OpenedBy
from tests.protocol.committee.liars import LIES, false_answer
from tests.protocol.committee.world import SHAPE, World, random_change

NUMBERS = range(6)
PARTICIPANT = st.sampled_from(NUMBERS)
MEMBER = st.integers(0, 3)
# Uniform, unlike floats that hypothesis draws: most messages are to arrive.
LUCK = st.integers(0, 2**32).map(Random)


class Federation(RuleBasedStateMachine):
    """Six participants, four members, and a network that does as it likes."""

    over = True

    @initialize(opened_by=st.sampled_from(OPENED_BY))
    def first_session(self, opened_by: OpenedBy) -> None:
        self.begin(opened_by)

    @precondition(lambda self: self.over)
    @rule(opened_by=st.sampled_from(OPENED_BY))
    def next_session(self, opened_by: OpenedBy) -> None:
        self.begin(opened_by)

    def begin(self, opened_by: OpenedBy) -> None:
        self.world = World(6, opened_by=opened_by)
        self.phase, self.frozen, self.over = "between", b"", False
        self.online, self.uploaded = set(NUMBERS), set[int]()
        self.sent: dict[bytes, tuple[int, list[RowChange]]] = {}
        self.seen_requests: list[tuple[int, bytes]] = []
        self.seen_replies: list[tuple[int, bytes]] = []
        self.liar: tuple[int, str] | None = None
        # As they were sent: the server keeps no answers but those of the last round.
        self.told: list[ClosingMessage] = []
        self.votes: dict[int, dict[bytes, set[int]]] = defaultdict(lambda: defaultdict(set))
        self.promises: dict[tuple[int, int], set[Outcome]] = defaultdict(set)

    # What happens to everybody.

    @precondition(lambda self: not self.over)
    @rule(number=PARTICIPANT)
    def participant_goes(self, number: int) -> None:
        if len(self.online) > 1:
            self.online.discard(number)

    @precondition(lambda self: not self.over and self.phase == "between")
    @rule(number=PARTICIPANT, restarted=st.booleans())
    def participant_comes_back(self, number: int, restarted: bool) -> None:
        world, role = self.world, self.world.roles[number]
        if restarted:
            world.protections[number] = world.fresh_protection([number])
            world.protections[number].replay(self.told)
            world.roles[number] = ParticipantRole(
                world.session, number, world.protections[number], closings=self.told
            )
        else:
            for closing in self.told[role.heard_rounds :]:
                role.receive_closing(closing)
        self.online.add(number)

    @precondition(lambda self: not self.over)
    @rule(number=MEMBER)
    def member_restarts(self, number: int) -> None:
        self.world.members[number] = self.world.restarted_member(number)

    @precondition(lambda self: not self.over)
    @rule(number=MEMBER, how=st.sampled_from(LIES))
    def member_begins_to_lie(self, number: int, how: str) -> None:
        self.liar = (number, how) if self.liar is None else self.liar

    @precondition(lambda self: not self.over and self.liar is not None)
    @rule()
    def member_stops_lying(self) -> None:
        self.liar = None

    # A round, step by step.

    @precondition(lambda self: not self.over and self.phase == "between")
    @rule(luck=LUCK, copied=st.booleans())
    def begin_round(self, luck: Random, copied: bool) -> None:
        world = self.world
        if world.server.is_over:
            self.over = True
            return
        self.hand_out()
        if not self.online or self.over:
            return
        if copied and world.terms.blind and world.server.counted_rounds:
            world.server.keep_copy(world.protections[min(self.online)].copy())
        world.server.prepare_round()
        if not self.consult(luck):
            return
        self.uploaded = set()
        world.changes = {}
        if world.server.is_void:
            self.finish()
            return
        opening = world.server.begin_round(NUMBERS)
        for number in self.online:
            world.protections[number].begin(opening)
        self.phase = "uploads"

    def hand_out(self) -> None:
        """Give the table to all who are there; those that lack the one before go again."""
        message = self.world.server.table_message()
        for number in sorted(self.online):
            before = self.world.protections[number].held.flat.copy()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", LyingMemberWarning)
                    table = self.world.roles[number].receive_table(message)
            except ProtocolError:
                self.online.discard(number)
            except OpenError:
                assert self.liar is not None or self.world.terms.blind
                self.over = True
                np.testing.assert_array_equal(self.world.protections[number].held.flat, before)
            else:
                np.testing.assert_array_equal(SHAPE.flat(table), SHAPE.flat(self.world.expected))

    @precondition(lambda self: not self.over and self.phase == "uploads")
    @rule(leaving=st.booleans(), luck=LUCK)
    def everybody_uploads(self, leaving: bool, luck: Random) -> None:
        rng = np.random.default_rng(luck.getrandbits(32))
        for number in sorted(self.online - self.uploaded):
            role, protection = self.world.roles[number], self.world.protections[number]
            if not role._has_table or protection._now is None or luck.random() > 0.9:
                continue
            change = random_change(rng)
            gone = leaving and any(protection.standings.bases(number))
            data = role.upload(change, leaving=gone).to_bytes(self.world.session)
            self.uploaded.add(number)
            self.sent[data] = (number, change)
            if luck.random() < 0.9:
                self.arrives(data)

    def arrives(self, data: bytes) -> None:
        number, change = self.sent[data]
        assert self.world.server.receive(data) == number
        self.world.changes = {**self.world.changes, number: change}

    @precondition(lambda self: not self.over and self.sent)
    @rule(luck=LUCK)
    def uploads_come_again(self, luck: Random) -> None:
        data = luck.choice(list(self.sent))
        before = self.world.committee._table.sum.to_bytes()
        try:
            self.arrives(data)
        except FedmfError:
            assert self.world.committee._table.sum.to_bytes() == before
        else:
            # One that was lost on its way, and comes in time after all.
            assert self.phase == "uploads"
            assert self.sent[data][0] in self.uploaded

    @precondition(lambda self: not self.over and self.phase == "uploads")
    @rule(luck=LUCK)
    def freeze(self, luck: Random) -> None:
        self.world.server.freeze()
        if not self.consult(luck):
            return
        self.frozen = self.world.server.frozen()
        self.phase = "frozen"
        if self.world.server.is_void:
            self.finish()

    @precondition(lambda self: not self.over and self.phase == "frozen")
    @rule(luck=LUCK)
    def close(self, luck: Random) -> None:
        self.world.server.ask_to_open()
        if self.consult(luck):
            self.finish()

    @precondition(lambda self: not self.over and self.phase in ("between", "frozen"))
    @rule()
    def server_crashes(self) -> None:
        server = self.world.server
        payload = server.payload()
        self.world.server = self.world.fresh_server(server.closings)
        self.world.committee._table.restore(payload)
        if self.phase == "frozen":
            self.world.server.restore_frozen(self.frozen)

    @precondition(lambda self: not self.over and self.phase == "frozen")
    @rule(member=MEMBER, luck=LUCK)
    def adversary_asks_for_another_set(self, member: int, luck: Random) -> None:
        """One member, and as the server that somebody else has taken over."""
        held = self.world.members[member]._round
        if held is None or not held.context:
            return
        chosen = tuple(n for n in sorted(held.uploads) if luck.random() < 0.8)
        asked = self.world.members[member]
        outcome = held.outcome(chosen, bytes([1]) * 32)
        for request in (
            PromiseRequest(held.number, chosen, outcome),
            AnswerRequest(held.number, outcome, ()),
        ):
            self.note(member, asked.respond(request.to_bytes(self.world.charter)))

    def finish(self) -> None:
        """Close the round and tell all who are there."""
        world = self.world
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", LyingMemberWarning)
                closing = world.server.close_round()
        except OpenError:
            assert self.liar is not None
            self.over = True
            return
        except ProtocolError:
            # Closed with too few answers: the session ends.
            assert len(world.committee.now.answers) < 3
            self.over = True
            return
        self.told.append(self.read(closing))
        for number in sorted(self.online):
            taken = world.roles[number].receive_closing(self.told[-1])
            assert taken == (number in closing.included)
        assert set(closing.included) <= world.changes.keys()
        world.expect(closing)
        self.phase, self.frozen = "between", b""

    @precondition(lambda self: not self.over and self.phase == "between")
    @rule(luck=LUCK)
    def whole_round(self, luck: Random) -> None:
        self.begin_round(luck, copied=True)
        if self.phase == "uploads" and not self.over:
            self.everybody_uploads(leaving=False, luck=luck)
            self.freeze(luck)
        if self.phase == "frozen" and not self.over:
            self.close(luck)

    def read(self, closing: ClosingMessage) -> ClosingMessage:
        return ClosingMessage.from_bytes(closing.to_bytes(self.world.session), self.world.session)

    # The network between the server and the members.

    def consult(self, luck: Random) -> bool:
        """Carry messages, more or less; return whether the round goes on."""
        calm = False
        for _ in range(24):
            try:
                requests = self.world.server.requests()
            except ProtocolError:
                if calm:
                    # Members have signed different things, for a server that asked them to.
                    self.over = True
                    return False
                calm = True
                continue
            if not requests:
                return True
            for member in luck.sample(sorted(requests), len(requests)):
                self.carry(member, requests[member], luck, calm=calm)
        raise AssertionError("the server never stops asking")

    def carry(self, member: int, request: bytes, luck: Random, *, calm: bool) -> None:
        self.seen_requests.append((member, request))
        event = 1.0 if calm else luck.random()
        if event < 0.05:
            return  # lost
        if event < 0.08:
            self.member_restarts(member)
        if event < 0.12:
            self.note(member, self.world.members[member].respond(request))
        if event < 0.16:
            to, old = luck.choice(self.seen_requests)
            self.note(to, self.world.members[to].respond(old))
        reply = self.world.members[member].respond(request)
        if self.liar is not None and self.liar[0] == member:
            reply = false_answer(self.world, member, reply, self.liar[1])
        self.note(member, reply)
        self.seen_replies.append((member, reply))
        if 0.16 < event < 0.2:
            self.world.server.hear(*luck.choice(self.seen_replies))
        if not 0.2 < event < 0.25:
            self.world.server.hear(member, reply)

    def note(self, member: int, reply: bytes) -> None:
        """Remember what a member has said, to whomever."""
        charter = self.world.charter
        if kind_of(reply) == AnswerReply.KIND:
            answer = AnswerReply.from_bytes(reply, charter)
            self.votes[answer.round][answer.outcome.to_bytes()].add(member)
        elif kind_of(reply) == PromiseReply.KIND:
            promise = PromiseReply.from_bytes(reply, charter)
            self.promises[promise.round, member].add(promise.outcome)
        elif kind_of(reply) == VoteReply.KIND:
            vote = VoteReply.from_bytes(reply, charter)
            self.votes[vote.round][vote.outcome.to_bytes()].add(member)

    # What is always so.

    @invariant()
    def no_member_promises_two_things_of_one_round(self) -> None:
        assert all(len(outcomes) == 1 for outcomes in self.promises.values())

    @invariant()
    def no_member_says_two_things_of_one_round(self) -> None:
        for said in self.votes.values():
            members = [member for signed in said.values() for member in signed]
            assert len(members) == len(set(members))
            # So that no two sets of a round, nor a set and its void, ever have three of four.
            assert sum(len(signed) >= 3 for signed in said.values()) <= 1


TestFederation = Federation.TestCase
TestFederation.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
