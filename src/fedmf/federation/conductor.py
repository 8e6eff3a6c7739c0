"""Conducts the rounds of a session, whoever carries its messages and whatever becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from fedmf.errors import ProtocolError
from fedmf.federation.attendance import Attendance
from fedmf.federation.plan import TrainingPlan
from fedmf.federation.rounds import Played, RoundPlayer

MOST_VOID_ROUNDS = 5
"""So many void rounds in a row are borne; a kill in the middle of one accounts for one or two."""

Record = TypeVar("Record")


class Conductor(Generic[Record]):
    """Has round after round played until the session is over, and each kept.

    Parameters
    ----------
    plan
        The public plan.
    player
        Plays the rounds, with a server at the start or restored from a checkpoint.
    keep
        Makes a round durable, void ones too, and returns what its caller calls its record; None
        where it has none of such a round.
    explain
        Returns why rounds end void, for the error about too many of them; empty: nobody knows.
    frozen
        The round that was about to be opened before a crash, from `Server.frozen`; empty: none was.
    attendance
        Who joins late and who leaves early; None: everybody is there from the beginning to the end.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        player: RoundPlayer,
        keep: Callable[[Played], Record | None],
        *,
        explain: Callable[[], str] = str,
        frozen: bytes = b"",
        attendance: Attendance | None = None,
    ) -> None:
        self._plan = plan
        self._player = player
        self._server = player.server
        self._keep = keep
        self._explain = explain
        self._frozen = frozen
        self._attendance = attendance or Attendance()

    def rounds(self) -> Iterator[Record]:
        """Play the rounds that are left; yield the record of each once it is safely kept.

        Raises
        ------
        ProtocolError
            Too few are there, so that round after round ends void.
        """
        self._player.distribute()
        void = 0
        while not self._server.is_over:
            played = self._play()
            played.void_before = void
            record = self._keep(played)
            if record is not None:
                yield record
            if played.closing.counts(self._plan.session):
                void = 0
                continue
            if played.observation.has_settled:
                # Everybody has worked on this table: no round will ever move it.
                return
            void += 1
            if void > MOST_VOID_ROUNDS:
                why = self._explain()
                raise ProtocolError(
                    f"{void} rounds in a row ended void: too few participants or members of the "
                    f"committee are there{f' ({why})' if why else ''}"
                )

    def _play(self) -> Played:
        counted = self._server.counted_rounds + 1
        learning_round = counted - self._plan.setup_rounds
        left = self._left()
        cohort = self._attendance.present(self._plan.cohort(counted), learning_round, left)
        leaving = self._attendance.leaving(learning_round, left)
        frozen, self._frozen = self._frozen, b""
        return self._player.play(cohort, leaving, frozen)

    def _left(self) -> frozenset[int]:
        """Return who has left, as the closings tell."""
        session = self._plan.session
        counted = [one.included for one in self._server.closings if one.counts(session)]
        slices = self._plan.settings.slice_count
        return self._attendance.have_left(counted, self._plan.setup_rounds, slices)
