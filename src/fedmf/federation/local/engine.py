"""The local engine: all participants on one machine, on as many processes as it has cores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from multiprocessing.connection import wait
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from fedmf.crypto.participants_key import ParticipantsKey
from fedmf.federation.engine import Observation, Uploaded
from fedmf.federation.local.host import HostedParticipant, ParticipantHost
from fedmf.federation.local.process import HostProcess
from fedmf.federation.local.roles import make_members
from fedmf.federation.participant_states import PENDING, STATES
from fedmf.federation.plan import TrainingPlan
from fedmf.model import FloatArray, PublicModel
from fedmf.protocol import IntegerTable
from fedmf.ratings import OwnedRatings, Ratings


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
        self._members = make_members(plan.session, key, member_logs)
        hosted = [
            HostedParticipant(number, training.owned_by(users), heldout.owned_by(users))
            for number, users in enumerate(plan.members)
        ]
        shares = _balanced(hosted, min(workers, len(hosted)))
        self._host: ParticipantHost | None = None
        self._processes: list[HostProcess] = []
        if len(shares) == 1:
            self._host = ParticipantHost(plan, key, hosted)
            return
        with ExitStack() as undo:
            undo.callback(self.close)
            for share in shares:
                self._processes.append(HostProcess(plan, key, share))
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

    def distribute(self, table: bytes) -> Observation:
        """Hand a table message to everybody; return how well its model fits."""
        if self._host:
            return self._host.distribute(table)
        return sum(self._ask_all("distribute", table), start=Observation())

    def consult(self, requests: Mapping[int, bytes]) -> Iterator[tuple[int, bytes]]:
        """Hand messages to members of the committee, who live in this process."""
        for member, request in requests.items():
            yield member, self._members[member].respond(request)

    def open_round(self, opening: bytes) -> None:
        """Tell everybody how the round begins."""
        if self._host:
            self._host.open_round(opening)
        else:
            self._ask_all("open_round", opening)

    def collect(
        self, cohort: Iterable[int], leaving: frozenset[int] = frozenset()
    ) -> Iterator[Uploaded]:
        """Have these participants take part; yield their uploads as they come."""
        members = list(cohort)
        if self._host:
            yield from self._host.collect(members, leaving)
            return
        for process in self._processes:
            process.ask("collect", members, leaving)
        busy = {process.connection: process for process in self._processes}
        while busy:
            for connection in wait(list(busy)):
                uploaded = busy[connection].upload()  # type: ignore[index]
                if uploaded is None:
                    del busy[connection]  # type: ignore[arg-type]
                else:
                    yield uploaded

    def settle(self, closing: bytes) -> None:
        """Hand the closing message of the round to everybody."""
        if self._host:
            self._host.settle(closing)
        else:
            self._ask_all("settle", closing)

    def table_copy(self) -> bytes:
        """Return the last distributed table as a participant seals it for those who come late."""
        if self._host:
            return self._host.table_copy()
        copy: bytes = self._ask_first("table_copy")
        return copy

    def replace_ratings(self, number: int, training: OwnedRatings, heldout: OwnedRatings) -> None:
        """Give a participant other ratings of the same users from the next round on."""
        if self._host:
            self._host.replace_ratings(number, training, heldout)
        else:
            self._ask_all("replace_ratings", number, training, heldout)

    def opened_table(self) -> IntegerTable:
        """Return the last distributed table as a participant opened it."""
        if self._host:
            return self._host.opened_table()
        table: IntegerTable = self._ask_first("opened_table")
        return table

    def public_model(self) -> PublicModel:
        """Return the public model that the last distributed table stands for."""
        if self._host:
            return self._host.public_model()
        model: PublicModel = self._ask_first("public_model")
        return model

    def user_factors(self) -> FloatArray:
        """Return the vectors with which users predict by it, in the order of the user codes."""
        parts: dict[int, FloatArray] = {}
        for part in [self._host.user_factors()] if self._host else self._ask_all("user_factors"):
            parts.update(part)
        vectors = np.empty((sum(map(len, self._plan.members)), self._plan.method.vector_length))
        for number, users in enumerate(self._plan.members):
            vectors[users] = parts[number]
        return vectors

    def save(self, folder: Path) -> None:
        """Write the public model and all private states into a folder of a checkpoint."""
        if self._host:
            self._host.save_public_model(folder)
            self._host.save(folder / f"{STATES}-0.npz")
            return
        self._ask_first("save_public_model", folder)
        self._ask_to_write("save", folder, STATES)

    def save_pending(self, folder: Path) -> None:
        """Write what participants have uploaded and await the closing of into a folder."""
        if self._host:
            self._host.save_pending(folder / f"{PENDING}-0.npz")
        else:
            self._ask_to_write("save_pending", folder, PENDING)

    def restore_pending(self, folder: Path) -> None:
        """Take what `save_pending` wrote, after `restore`."""
        if self._host:
            self._host.restore_pending(folder)
        else:
            self._ask_all("restore_pending", folder)

    def restore(self, folder: Path, closings: Sequence[bytes]) -> None:
        """Take the states that `save` wrote, by an engine with any number of processes."""
        if self._host:
            self._host.restore(folder, closings)
        else:
            self._ask_all("restore", folder, list(closings))

    def close(self) -> None:
        """End the worker processes."""
        for process in self._processes:
            process.close()
        self._processes = []

    def _ask_to_write(self, command: str, folder: Path, kind: str) -> None:
        """Have each process write a file of its own, all at once."""
        for k, process in enumerate(self._processes):
            process.ask(command, folder / f"{kind}-{k}.npz")
        for process in self._processes:
            process.answer()

    def _ask_first(self, command: str, *arguments: object) -> Any:
        self._processes[0].ask(command, *arguments)
        return self._processes[0].answer()

    def _ask_all(self, command: str, *arguments: object) -> list[Any]:
        for process in self._processes:
            process.ask(command, *arguments)
        return [process.answer() for process in self._processes]


def _balanced(hosted: Sequence[HostedParticipant], shares: int) -> list[list[HostedParticipant]]:
    """Deal participants out so that every share has about as many ratings."""
    dealt: list[list[HostedParticipant]] = [[] for _ in range(shares)]
    loads = [0] * shares
    for one in sorted(hosted, key=lambda one: -len(one.training.items)):
        lightest = loads.index(min(loads))
        dealt[lightest].append(one)
        # A participant without ratings still encrypts a whole table.
        loads[lightest] += len(one.training.items) + 1
    return dealt
