"""A silo: one participant with many users, and by default a member of the committee."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from fedmf.errors import (
    DataError,
    FedmfError,
    FixedPointRangeError,
    MessageError,
    ProtocolError,
    RunDirectoryError,
    SettingsError,
)
from fedmf.federation.silos.federation import Federation
from fedmf.federation.silos.messages import Bundle, Part, error_to_bytes
from fedmf.federation.silos.own_settings import SiloSettings
from fedmf.federation.silos.silo_participant import SiloParticipant
from fedmf.federation.silos.silo_ratings import SiloRatings, silo_ratings
from fedmf.federation.silos.silo_roles import member_role
from fedmf.federation.silos.user_lots import UserLots
from fedmf.interrupts import HeldInterrupts
from fedmf.store.lock import locked

LOCK = "silo.lock"
_KEPT_AT_HOME = (DataError, FixedPointRangeError, RunDirectoryError)
"""Errors whose texts name ratings, values or places: these are for the silo's own eyes."""


class Silo:
    """Answers the coordinator's messages, one in, one out; `open` makes it.

    One process keeps it open as long as the session lasts: a member of the committee holds the
    secret keys of the round under way only in memory, so that a process that ends in between
    abstains from that round. A transport that starts a process for every message forwards to a
    resident one; see `fedmf.federation.silos.resident`.

    Everything else survives a kill at any moment. What a message asks for a second time is answered
    as the first time. The state must never be put back in time, by a backup or otherwise: a silo
    that forgot what it uploaded would contribute it once more, and a member that forgot what it
    answered could answer for a second set of uploads.

    Parameters
    ----------
    folder
        The silo's folder, which this process has locked.
    federation
        The public facts.
    settings
        The silo's own configuration.
    ratings
        What it owns.
    locks
        Let go of by `close`.
    tell
        The silo's own log: called with every error that it answers with, whose sentence the
        coordinator may not get.
    note
        The same log: called with what its uploads wait for, whenever that changes.
    """

    def __init__(
        self,
        folder: Path,
        federation: Federation,
        settings: SiloSettings,
        ratings: SiloRatings,
        locks: ExitStack,
        tell: Callable[[FedmfError], None],
        note: Callable[[str], None],
    ) -> None:
        self._federation = federation
        self._settings = settings
        self._locks = locks
        self._tell = tell
        self._note, self._waits = note, ""
        self._member = member_role(federation, settings, folder)
        self.participant = SiloParticipant(folder, federation, settings, ratings)

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        tell: Callable[[FedmfError], None] = lambda _: None,
        note: Callable[[str], None] = lambda _: None,
    ) -> Silo:
        """Open a silo by its configuration, with the state that it had.

        Parameters
        ----------
        folder
            The silo's folder.
        tell
            The silo's own log: called with every error that it answers with. Sentences that name
            ratings, values or places reach nobody else.
        note
            The same log: called with what its uploads wait for, whenever that changes.

        Raises
        ------
        MessageError, SettingsError, DataError, KeyMaterialError, RunDirectoryError
            What lies in the folder does not fit the federation, the federation is not one that the
            silo takes part in, or another process serves it.
        """
        with HeldInterrupts(), ExitStack() as undo:
            settings = SiloSettings.read(folder)
            undo.enter_context(
                locked(
                    folder / LOCK,
                    f"another process serves the silo in {folder}: wait for it or stop it",
                )
            )
            federation = Federation.read(folder)
            _check_terms(federation, settings)
            folder.chmod(0o700)
            lots = UserLots(federation.digest, settings.user_lot, federation.settings.min_raters)
            ratings = lots.travelling(folder, silo_ratings(federation, settings, folder))
            silo = cls(folder, federation, settings, ratings, undo, tell, note)
            silo._locks = undo.pop_all()
            return silo

    @staticmethod
    def refusal(request: bytes, error: FedmfError) -> bytes:
        """Return the reply of a silo that could not be opened: it says why, and no more than that.

        Parameters
        ----------
        request
            The bytes that came. If they are not a message, they are still answered.
        error
            What `open` raised.
        """
        try:
            asked = Bundle.from_bytes(request)
        except MessageError:
            asked = Bundle(bytes(32), 0, bytes(16), ())
        return _reply(asked, [(Part.ERROR, error_to_bytes(_for_others(error)))])

    def respond(self, request: bytes) -> bytes:
        """Return the reply to a message of the coordinator.

        What is wrong with the message, or with what it asks for, travels back as a reply that
        names it. Everything that the reply says is on disk before it is returned. Ctrl-C waits for
        that.

        Raises
        ------
        RunDirectoryError
            The state cannot be written: the silo has to be opened anew.
        """
        try:
            asked = Bundle.from_bytes(request)
            self._check_address(asked)
        except FedmfError as error:
            self._tell(error)
            return self.refusal(request, error)
        with HeldInterrupts():
            return _reply(asked, self._acted(asked))

    def _acted(self, asked: Bundle) -> list[tuple[str, bytes]]:
        """Do what a message asks for; return the parts of the reply."""
        self.participant.keep()
        parts: list[tuple[str, bytes]] = []
        trouble: FedmfError | None = None
        # The member answers even if the participant fails: others depend on it.
        for name, content in asked.parts:
            try:
                if name == Part.MEMBER:
                    parts.append((Part.MEMBER, self._member_reply(content)))
                elif trouble is None:
                    parts += self.participant.act(name, content)
            except Exception as error:
                if not isinstance(error, FedmfError) or isinstance(error, RunDirectoryError):
                    self.participant.distrust_memory()
                    raise
                trouble = error
                self._tell(error)
        self.participant.keep()
        self._note_waiting()
        parts.append((Part.STANDING, self.participant.standing.to_bytes()))
        if trouble is not None:
            parts.append((Part.ERROR, error_to_bytes(_for_others(trouble))))
        return parts

    def _note_waiting(self) -> None:
        waits = self.participant.waits
        if waits != self._waits:
            self._note(waits or "its uploads count again")
            self._waits = waits

    def close(self) -> None:
        """Let go of the folder."""
        self._locks.close()

    def _check_address(self, asked: Bundle) -> None:
        if asked.federation != self._federation.digest:
            raise ProtocolError(
                f"silo {self._settings.silo} has another federation file than the coordinator "
                f"(fingerprint {self._federation.fingerprint}): the catalogue, the settings or the "
                "version of fedmf differ; compare the two and take the one that all have"
            )
        if asked.silo != self._settings.silo:
            raise ProtocolError(
                f"a message for silo {asked.silo} came to silo {self._settings.silo}"
            )

    def _member_reply(self, message: bytes) -> bytes:
        if self._member is None:
            raise ProtocolError(f"silo {self._settings.silo} is no member of the committee")
        return self._member.respond(message)


def _check_terms(federation: Federation, settings: SiloSettings) -> None:
    """Raise SettingsError unless the silo takes part in such a federation."""
    if settings.silo >= len(federation.users):
        raise SettingsError(
            f"silo {settings.silo} in a federation of {len(federation.users)} silos, which are "
            "numbered from 0"
        )
    if federation.smallest_cohort < settings.min_cohort:
        raise SettingsError(
            f"this silo insists on at least {settings.min_cohort} uploads in a round, and in this "
            f"federation rounds count with {federation.smallest_cohort}: agree on more, or lower "
            "min_cohort in its settings"
        )


def _for_others(error: FedmfError) -> FedmfError:
    """Return what others hear of an error: nothing that names ratings, values or places."""
    if isinstance(error, FixedPointRangeError):
        return FixedPointRangeError(
            "its contribution is out of range: training diverges; lower the learning rate"
        )
    if isinstance(error, _KEPT_AT_HOME):
        return type(error)(
            f"something in its folder is not as it should be (error {error.number}); the silo's "
            "own log says what"
        )
    return error


def _reply(asked: Bundle, parts: list[tuple[str, bytes]]) -> bytes:
    return Bundle(asked.federation, asked.silo, asked.exchange, tuple(parts)).to_bytes()
