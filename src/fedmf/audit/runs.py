"""Real runs with everything recorded, and what each adversary would have of them.

This is the one module of the audit that touches keys and private states. It plays every role, so
it holds everything; `PlayedRun.observe` hands out what the named adversary would hold and no more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from fedmf.audit.marking import Marking
from fedmf.audit.observables import Adversary, Observables
from fedmf.audit.truth import Truth
from fedmf.crypto.secret_material import SecretMaterial
from fedmf.errors import SettingsError
from fedmf.federation import (
    Attendance,
    Entry,
    LocalEngine,
    Training,
    TrainingPlan,
    TrainingSettings,
    Transcript,
    make_plan,
)
from fedmf.federation.local.process import HostHere
from fedmf.federation.roles import keyring, make_server
from fedmf.federation.transcript import SERVER, member_name, participant_name
from fedmf.protocol.committee.member import CommitteeMember
from fedmf.protocol.committee.member_log import ForgetfulLog
from fedmf.ratings import Ratings

if TYPE_CHECKING:
    from fedmf.audit.attacks.attack import Attack, Found
    from fedmf.audit.row import Row
    from fedmf.crypto.participants_key import ParticipantsKey
    from fedmf.protocol.committee.exchange import ReviewReply, ReviewRequest


class CuriousMember(CommitteeMember):
    """Follows the protocol, and keeps a copy of the seeds that it should let go of."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.kept: dict[tuple[int, int], Mapping[int, bytes]] = {}

    def review(self, request: ReviewRequest) -> ReviewReply:
        """Check the uploads, and copy what was in their envelopes."""
        reply = super().review(request)
        assert self._round is not None  # noqa: S101 - just reviewed
        for participant, upload in self._round.uploads.items():
            self.kept[request.round, participant] = upload.seeds
        return reply


class _WatchedEngine(LocalEngine):
    """The local engine with a committee of curious members, and participants that mark rows."""

    def __init__(
        self,
        plan: TrainingPlan,
        key: ParticipantsKey | None,
        training: Ratings,
        heldout: Ratings,
        marking: Collection[int],
    ) -> None:
        super().__init__(plan, key, training, heldout)
        for host in self._hosts:
            assert isinstance(host, HostHere)  # noqa: S101 - one process
            hosted = host._host._participants  # noqa: SLF001 - all roles are played here
            for number in marking:
                hosted[number].__class__ = Marking
        self.curious: list[CuriousMember] = []
        ring = keyring(plan.session, key)
        if ring.charter is not None:
            self.curious = [
                CuriousMember(ring.charter, number, signing, ForgetfulLog())
                for number, signing in enumerate(ring.member_keys)
            ]
            self._members = list(self.curious)


class PlayedRun(SecretMaterial):
    """A run that is over, with everything that anybody had of it.

    Parameters
    ----------
    key
        The participants' key, or the secret that a played committee's keys are derived from.
    rounds
        How many rounds learned: fewer than planned where the training converged before.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        ratings: Ratings,
        key: ParticipantsKey | None,
        entries: Sequence[Entry],
        seeds: Sequence[Mapping[tuple[int, int], Mapping[int, bytes]]],
        rounds: int,
    ) -> None:
        self.plan, self.rounds = plan, rounds
        self.truth = Truth.of(ratings)
        self._ratings, self._key = ratings, key
        self._entries, self._seeds = tuple(entries), tuple(seeds)

    def others(self, adversary: Adversary) -> list[int]:
        """Return the participants that do not work with an adversary."""
        everybody = range(self.plan.session.participants)
        return [one for one in everybody if one not in adversary.participants]

    def attacked(
        self,
        attack: Attack[Found],
        adversary: Adversary,
        *,
        victims: Sequence[int] | None = None,
        setting: str = "",
    ) -> Row:
        """Attack with what an adversary has of the run; return what that brought in.

        Parameters
        ----------
        victims
            All that do not work with the adversary unless given.
        setting
            The circumstances, for the row of results.
        """
        seen = self.observe(adversary)
        found = attack.attempt(seen, self.others(adversary) if victims is None else victims)
        return attack.judge(seen, found, self.truth, setting=setting)

    def observe(self, adversary: Adversary) -> Observables:
        """Return what an adversary has of the run.

        Raises
        ------
        SettingsError
            It names members or participants that the session does not have.
        """
        session = self.plan.session
        unknown = [one for one in adversary.participants if one >= session.participants]
        unknown += [one for one in adversary.members if one >= len(self._seeds)]
        if unknown:
            raise SettingsError(f"an adversary with roles that the session lacks: {unknown}")
        names = {participant_name(one) for one in adversary.participants}
        names |= {member_name(one) for one in adversary.members}
        names |= {SERVER} if adversary.server else set()
        transcript = Transcript()
        transcript.entries = list(self._entries)
        seen = {id(entry) for name in names for entry in transcript.view(name)}
        seeds: dict[tuple[int, int], dict[int, bytes]] = {}
        for member in adversary.members:
            for upload, held in self._seeds[member].items():
                seeds.setdefault(upload, {}).update(held)
        keys = keyring(session, self._key).held_by(())
        return Observables(
            adversary,
            self.plan,
            keys.charter,
            tuple(one for one in self._entries if adversary.network or id(one) in seen),
            keys.shared if adversary.participants else None,
            {
                number: self._ratings.owned_by(self.plan.members[number])
                for number in adversary.participants
            },
            seeds,
        )


def play(
    settings: TrainingSettings,
    ratings: Ratings,
    attendance: Attendance | None = None,
    *,
    kind: type[TrainingPlan] = TrainingPlan,
    marking: Collection[int] = (),
) -> PlayedRun:
    """Train on all ratings with everything recorded; every user is a participant.

    Parameters
    ----------
    attendance
        Who joins late and who leaves early; None: everybody is there all the time.
    kind
        The real plan, or one of `fedmf.audit.weakened`.
    marking
        Participants that poison rows, to see who moves.
    """
    plan, key = make_plan(settings, ratings)
    plan = kind(**{field.name: getattr(plan, field.name) for field in fields(plan)})
    nothing = ratings.split(0.0)[1]
    transcript = Transcript(keep_messages=True)
    engine = _WatchedEngine(plan, key, ratings, nothing, marking)
    with engine:
        server = make_server(plan.session, plan.start_table(), keyring(plan.session, key).charter)
        training = Training(plan, engine, server, transcript=transcript, attendance=attendance)
        rounds = len(list(training.rounds())) - plan.setup_rounds
        seeds = tuple(member.kept for member in engine.curious)
    return PlayedRun(plan, ratings, key, transcript.entries, seeds, rounds)
