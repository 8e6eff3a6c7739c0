"""The local engine: all participants on one machine, on as many processes as it has cores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np

from fedmf.crypto.participants_key import ParticipantsKey
from fedmf.errors import FedmfError
from fedmf.federation.engine import Observation, Uploaded
from fedmf.federation.host import HostedParticipant, ParticipantHost
from fedmf.federation.local.process import CalledHost, HostHere, HostProcess, ready
from fedmf.federation.participant_states import PENDING, STATES
from fedmf.federation.plan import TrainingPlan
from fedmf.federation.roles import keyring, make_members
from fedmf.interrupts import HeldInterrupts
from fedmf.model import FloatArray, PublicModel
from fedmf.protocol import IntegerTable
from fedmf.ratings import OwnedRatings, Ratings

P = ParamSpec("P")
T = TypeVar("T")


class LocalEngine:
    """Runs every participant's real work here; use it in a ``with`` statement.

    Parameters
    ----------
    plan
        The public plan.
    key
        The participants' shared key; None where the protection has none.
    training, heldout
        The ratings of everybody; each participant gets its own and no others.
    workers
        Processes. With 1 everything happens in this one.
    member_logs
        Folder of the durable logs of the committee's members; None: they forget when the process
        ends.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        key: ParticipantsKey | None,
        training: Ratings,
        heldout: Ratings,
        *,
        workers: int = 1,
        member_logs: Path | None = None,
    ) -> None:
        self._plan = plan
        with HeldInterrupts():
            self._members = make_members(plan.session, keyring(plan.session, key), member_logs)
        hosted = [
            HostedParticipant(number, training.owned_by(users), heldout.owned_by(users))
            for number, users in enumerate(plan.members)
        ]
        shares = _balanced(hosted, min(workers, len(hosted)))
        called = HostHere if len(shares) == 1 else HostProcess
        self._hosts: list[CalledHost] = []
        with ExitStack() as undo:
            undo.callback(self.close)
            for share in shares:
                self._hosts.append(called(plan, key, share))
            undo.pop_all()

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def begun(self) -> int:
        """The last round that a member of the committee began, before a crash too; 0: none."""
        return max((member.newest_round for member in self._members), default=0)

    # What carries messages; see `Carrier`.

    def distribute(self, table: bytes) -> Observation:
        """Hand a table message to everybody; return how well its model fits."""
        return sum(self._all(ParticipantHost.distribute, table), start=Observation())

    def consult(self, requests: Mapping[int, bytes]) -> Iterator[tuple[int, bytes]]:
        """Hand messages to members of the committee, who live in this process.

        Ctrl-C waits for all of them: a sum that some have answered for, and of which the others
        forget their seeds, opens for nobody.
        """
        with HeldInterrupts():
            for member, request in requests.items():
                yield member, self._members[member].respond(request)

    def begin_round(self, opening: bytes) -> None:
        """Tell everybody how the round begins."""
        self._all(ParticipantHost.begin_round, opening)

    def collect(
        self, cohort: Iterable[int], leaving: frozenset[int] = frozenset()
    ) -> Iterator[Uploaded]:
        """Have these participants take part; yield their uploads as they come."""
        members = list(cohort)
        busy = {host: host.collect(members, leaving) for host in self._hosts}
        while busy:
            for host in ready(busy):
                uploaded = next(busy[host], None)
                if uploaded is None:
                    del busy[host]
                else:
                    yield uploaded

    def deliver_closing(self, closing: bytes) -> None:
        """Hand the closing message of the round to everybody."""
        self._all(ParticipantHost.hear_closing, closing)

    def table_copy(self) -> bytes:
        """Return the last distributed table as a participant seals it for those who come late."""
        return self._first(ParticipantHost.table_copy)

    # What the simulated participants hold; see `Population`.

    def replace_ratings(self, number: int, training: OwnedRatings, heldout: OwnedRatings) -> None:
        """Give a participant other ratings of the same users from the next round on."""
        self._all(ParticipantHost.replace_ratings, number, training, heldout)

    def opened_table(self) -> IntegerTable:
        """Return the last distributed table as a participant opened it."""
        return self._first(ParticipantHost.opened_table)

    def public_model(self) -> PublicModel:
        """Return the public model that the last distributed table stands for."""
        return self._first(ParticipantHost.public_model)

    def user_factors(self) -> FloatArray:
        """Return the vectors with which users predict by it, in the order of the user codes."""
        vectors = np.empty((sum(map(len, self._plan.members)), self._plan.method.vector_length))
        for part in self._all(ParticipantHost.user_factors):
            for number, own in part.items():
                vectors[self._plan.members[number]] = own
        return vectors

    def save(self, folder: Path) -> None:
        """Write the public model and all private states into a folder of a checkpoint."""
        self._first(ParticipantHost.save_public_model, folder)
        self._write(ParticipantHost.save, folder, STATES)

    def save_pending(self, folder: Path) -> None:
        """Write what participants have uploaded and await the closing of into a folder."""
        self._write(ParticipantHost.save_pending, folder, PENDING)

    def restore_pending(self, folder: Path) -> None:
        """Take what `save_pending` wrote, after `restore`."""
        self._all(ParticipantHost.restore_pending, folder)

    def restore(self, folder: Path, closings: Sequence[bytes]) -> None:
        """Take the states that `save` wrote, by an engine with any number of processes."""
        self._all(ParticipantHost.restore, folder, list(closings))

    def close(self) -> None:
        """End the worker processes."""
        for host in self._hosts:
            host.close()
        self._hosts = []

    def _first(
        self, act: Callable[Concatenate[ParticipantHost, P], T], *args: P.args, **named: P.kwargs
    ) -> T:
        """Have one host do something that all would do alike."""
        return self._hosts[0].ask(act, *args, **named)()

    def _all(
        self, act: Callable[Concatenate[ParticipantHost, P], T], *args: P.args, **named: P.kwargs
    ) -> list[T]:
        """Have all hosts do something, each at the same time as the others."""
        return _answers([host.ask(act, *args, **named) for host in self._hosts])

    def _write(self, act: Callable[[ParticipantHost, Path], None], folder: Path, kind: str) -> None:
        """Have each host write a file of its own."""
        _answers([host.ask(act, folder / f"{kind}-{k}.npz") for k, host in enumerate(self._hosts)])


def _answers(waiting: Sequence[Callable[[], T]]) -> list[T]:
    """Wait for all answers, so that none stays in its pipe; then raise the first of the errors."""
    answers, errors = [], []
    for wait_for in waiting:
        try:
            answers.append(wait_for())
        except FedmfError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return answers


def _balanced(hosted: Sequence[HostedParticipant], shares: int) -> list[list[HostedParticipant]]:
    """Deal participants out so that every share has about as many ratings."""
    if shares == 1:
        return [list(hosted)]
    dealt: list[list[HostedParticipant]] = [[] for _ in range(shares)]
    loads = [0] * shares
    for one in sorted(hosted, key=lambda one: -len(one.training.items)):
        lightest = loads.index(min(loads))
        dealt[lightest].append(one)
        # A participant without ratings still encrypts a whole table.
        loads[lightest] += len(one.training.items) + 1
    return dealt
