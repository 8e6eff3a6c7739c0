"""Roles with one check switched off, to show what the check is for. Nothing else may use them.

Each class says in its name what it leaves out; everything else is the real role.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from fedmf.federation import TrainingPlan
from fedmf.protocol.committee.member import CommitteeMember
from fedmf.protocol.committee.member_log import ForgetfulLog, Memory
from fedmf.protocol.committee.participant import CommitteeParticipant
from fedmf.protocol.committee.upload import Kind

if TYPE_CHECKING:
    from fedmf.protocol.committee.certificate import Certificate, Outcome
    from fedmf.protocol.committee.closing import ClosedRound
    from fedmf.protocol.committee.exchange import AnswerReply, AnswerRequest
    from fedmf.protocol.committee.table_payload import TablePayload
    from fedmf.protocol.session import Session


class ParticipantThatForgetsTables(CommitteeParticipant):
    """Works on a table again that its last upload went into."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self._worked_on = _ForgetsDigests()


class ParticipantThatTakesAnySum(CommitteeParticipant):
    """Opens whatever its tags let open, whether members have checked it or not."""

    def _check_sum(self, table: TablePayload, closed: ClosedRound) -> None:
        del table, closed


class MemberThatForgetsOutcomes(CommitteeMember):
    """Signs any outcome of a round, regardless of what it signed before."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self._memory = _NoMemory(ForgetfulLog(), self.charter, self.number)


class MemberThatAnswersAgain(MemberThatForgetsOutcomes):
    """Answers for every set of uploads of a round, and keeps the seeds for that."""

    def answer(self, request: AnswerRequest) -> AnswerReply:
        """Answer, and stay in the round."""
        kept = self._round
        reply = super().answer(request)
        self._round = kept
        return reply


class MemberThatCountsNoLots(CommitteeMember):
    """Answers for sets with a single newcomer or a single leaver."""

    def _check_lots(self, kinds: Mapping[int, Kind]) -> None:
        del kinds


class MemberThatForgetsWhoStays(CommitteeMember):
    """Lets a whole lot leave, however few stay."""

    def _check_lots(self, kinds: Mapping[int, Kind]) -> None:
        super()._check_lots(dict.fromkeys(kinds, Kind.UPDATE))


class PlanThatCountsNoAbsences(TrainingPlan):
    """Lets everybody come back alone whom any round has summed, be it the set-up long ago."""

    @cached_property
    def session(self) -> Session:
        """The protocol's parameters, in which nobody is ever away for too long."""
        session = super().session
        assert session.committee is not None  # noqa: S101 - protection committee
        return replace(
            session,
            committee=replace(session.committee, setup_rounds=0, oldest_base=session.rounds),
        )


class _ForgetsDigests(dict[int, bytes]):
    """Remembers who was included, but not with which table."""

    def __setitem__(self, participant: int, digest: bytes) -> None:
        del digest
        super().__setitem__(participant, b"")


class _NoMemory(Memory):
    """Remembers of promises the last one, of answers and votes nothing, and does not miss it."""

    _promised: Outcome | None = None

    def promise(self, round_number: int) -> Outcome | None:
        """Return the last one."""
        del round_number
        return self._promised

    def check_promise(self, outcome: Outcome) -> None:
        """Forget the last one if it is another."""
        if self._promised != outcome:
            self._promised = None

    def note_promise(self, outcome: Outcome) -> None:
        """Remember it until the next one comes."""
        self._promised = outcome

    def check_remembered(self, certificate: Certificate) -> None:
        """Miss nothing."""
        del certificate

    def note_outcome(self, outcome: Outcome, answer: bytes = b"") -> None:
        """Forget it at once."""
        del outcome, answer
