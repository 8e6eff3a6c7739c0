"""Conducts the rounds of a session, independently of what carries its messages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from fedmf.errors import FedmfError, ProtocolError
from fedmf.federation.attendance import Attendance
from fedmf.federation.checkpoints import FrozenRound, PastRound, Saving
from fedmf.federation.engine import Carrier
from fedmf.federation.plan import TrainingPlan
from fedmf.federation.rounds import Clocks, Played, RoundPlayer
from fedmf.federation.transcript import Transcript
from fedmf.protocol import Server

MOST_VOID_ROUNDS = 5
"""How many void rounds in a row are accepted; a kill in one accounts for one or two."""

R = TypeVar("R", bound=PastRound)


class Store(Protocol):
    """Keeps what a conductor needs to go on after a kill; see `Checkpoints`."""

    def keep_frozen(self, round_number: int, frozen: bytes, engine: Saving) -> None:
        """Write down a round whose set of uploads is frozen, before anybody is asked to open it."""
        ...

    def keep(
        self,
        server_payload: bytes,
        closings: Sequence[bytes],
        record: PastRound,
        engine: Saving,
        transcript: Transcript,
    ) -> None:
        """Write the checkpoint after a round, whole or not at all."""
        ...


class SavingCarrier(Carrier, Saving, Protocol):
    """Carries messages, and saves what it must not forget."""


class Conductor(ABC, Generic[R]):
    """Has round after round played until the session is over, and each kept.

    Parameters
    ----------
    plan
        The public plan.
    server
        At the start, or restored from a checkpoint.
    carrier
        Carries the messages; likewise.
    store
        Keeps checkpoints; None: nothing survives a kill.
    frozen
        The round that was about to be opened before a crash; None: none was.
    transcript
        Records the messages; None: nobody does.
    attendance
        Who joins late and who leaves early; None: everybody is there from the beginning to the end.
    begun
        The last round that members began before a crash; 0: none. Rounds up to it that no
        checkpoint holds end void.
    refuse, clocks
        As for `RoundPlayer`.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        server: Server,
        carrier: SavingCarrier,
        store: Store | None,
        *,
        frozen: FrozenRound | None = None,
        transcript: Transcript | None = None,
        attendance: Attendance | None = None,
        begun: int = 0,
        refuse: Callable[[int, FedmfError], None] | None = None,
        clocks: Clocks | None = None,
    ) -> None:
        self._plan = plan
        self._server = server
        self._carrier = carrier
        self._store = store
        self._frozen = frozen
        self._transcript = transcript or Transcript(is_kept=False)
        self._attendance = attendance or Attendance()
        self._begun = begun
        self._player = RoundPlayer(
            server,
            carrier,
            self._transcript,
            keep_frozen=self._keep_frozen,
            refuse=refuse,
            clocks=clocks,
        )

    @abstractmethod
    def record(self, played: Played) -> R | None:
        """Return the record of a round, void ones too; None: no checkpoint is worth writing."""

    def thaw(self, frozen: FrozenRound) -> None:
        """Have those who live here go on with a round that was frozen before a crash."""

    def why_void(self) -> str:
        """Return why the last round ended void; empty where nobody knows."""
        return ""

    def rounds(self) -> Iterator[R]:
        """Play the rounds that are left; yield the record of each once it is safely kept.

        Raises
        ------
        ProtocolError
            Too few are there, so that round after round ends void.
        """
        self._player.distribute()
        void = 0
        while not self._server.is_over:
            cohort, leaving = self._next_cohort()
            played = self._player.play(cohort, leaving, self._frozen_round())
            played.void_before = void
            record = self.record(played)
            if record is not None:
                self._keep(record)
                yield record
            if played.closing.counts(self._plan.session):
                void = 0
                continue
            if played.observation.has_converged:
                # Everybody has worked on this table: no round will ever move it.
                return
            void += 1
            if min(void, played.round - self._begun) > MOST_VOID_ROUNDS:
                why = self.why_void()
                raise ProtocolError(
                    f"{void} rounds in a row ended void: too few participants or members of the "
                    f"committee are there{f' ({why})' if why else ''}"
                )

    def _frozen_round(self) -> bytes:
        """Return the next round as it was frozen before a crash; empty where it was not."""
        frozen = self._frozen
        if frozen is None or frozen.number != self._server.next_round:
            return b""
        self._frozen = None
        self.thaw(frozen)
        return frozen.round

    def _keep_frozen(self, number: int, frozen: bytes) -> None:
        if self._store is not None:
            self._store.keep_frozen(number, frozen, self._carrier)

    def _keep(self, record: R) -> None:
        if self._store is not None:
            closings = [closing.to_bytes(self._plan.session) for closing in self._server.closings]
            payload = self._server.payload()
            self._store.keep(payload, closings, record, self._carrier, self._transcript)
        self._server.members.forget_words()

    def _next_cohort(self) -> tuple[list[int], frozenset[int]]:
        """Return who takes part in the next round, and who of them leaves."""
        counted = self._server.counted_rounds + 1
        learning_round = counted - self._plan.setup_rounds
        session, slices = self._plan.session, self._plan.settings.slice_count
        included = [one.included for one in self._server.closings if one.counts(session)]
        left = self._attendance.have_left(included, self._plan.setup_rounds, slices)
        return (
            self._attendance.present(self._plan.cohort(counted), learning_round, left),
            self._attendance.leaving(learning_round, left),
        )
