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
from fedmf.federation.local.host import HostedParticipant, ParticipantHost
from fedmf.federation.silos.federation import Federation
from fedmf.federation.silos.messages import Bundle, Part, Standing, error_to_bytes
from fedmf.federation.silos.own_settings import SiloSettings
from fedmf.federation.silos.silo_ratings import SiloRatings, silo_ratings
from fedmf.federation.silos.silo_roles import member_role, participant_half
from fedmf.federation.silos.silo_state import Held, SiloState, reopenable
from fedmf.model import FactorModel, save_model
from fedmf.protocol import ClosingMessage, TableMessage, table_sha256
from fedmf.protocol.framing import BodyReader
from fedmf.protocol.protection import NOT_MOVED
from fedmf.store.lock import locked

STATE, LOCK, MODEL = "state", "silo.lock", "model"
_KEPT_AT_HOME = (DataError, FixedPointRangeError, RunDirectoryError)
"""Errors whose texts name ratings, values or places: these are for the silo's own eyes."""


class Silo:
    """Answers the coordinator's messages, one in, one out; `open` makes it.

    One process keeps it open as long as the session lasts: a member of the committee holds the
    secret keys of the round under way in memory alone, so that a process that ends in between
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
    """

    def __init__(
        self,
        folder: Path,
        federation: Federation,
        settings: SiloSettings,
        ratings: SiloRatings,
        locks: ExitStack,
        tell: Callable[[FedmfError], None],
    ) -> None:
        self._folder = folder
        self._federation = federation
        self._settings = settings
        self._ratings = ratings
        self._locks = locks
        self._tell = tell
        self._state = SiloState(folder / STATE, federation, settings.silo)
        self._member = member_role(federation, settings, folder)
        self._held = Held()
        self._halfway = self._changed = False
        self._go_back()

    @classmethod
    def open(cls, folder: Path, *, tell: Callable[[FedmfError], None] = lambda _: None) -> Silo:
        """Open a silo by its configuration, with the state that it had.

        Parameters
        ----------
        folder
            The silo's folder.
        tell
            The silo's own log: called with every error that it answers with. Sentences that name
            ratings, values or places reach nobody else.

        Raises
        ------
        MessageError, SettingsError, DataError, KeyMaterialError, RunDirectoryError
            What lies in the folder does not fit the federation, the federation is not one that the
            silo takes part in, or another process serves it.
        """
        with ExitStack() as undo:
            settings = SiloSettings.read(folder)
            undo.enter_context(
                locked(
                    folder / LOCK,
                    f"another process serves the silo in {folder}: wait for it or stop it",
                )
            )
            federation = Federation.read(folder)
            _check_terms(federation, settings)
            ratings = silo_ratings(federation, settings, folder)
            folder.chmod(0o700)
            silo = cls(folder, federation, settings, ratings, undo, tell)
            silo._locks = undo.pop_all()
            return silo

    @staticmethod
    def refusal(request: bytes, error: FedmfError) -> bytes:
        """Return the reply of a silo that could not be opened: it says why, and no more than that.

        Parameters
        ----------
        request
            The message that came; what is none is answered all the same.
        error
            What `open` raised.
        """
        try:
            asked = Bundle.from_bytes(request)
        except MessageError:
            asked = Bundle(bytes(32), 0, bytes(16), ())
        return _reply(asked, [(Part.ERROR, error_to_bytes(_for_others(error)))])

    @property
    def standing(self) -> Standing:
        """How far the silo is."""
        settled = len(self._held.closings)
        return Standing(settled, settled + 1 if self._held.table else 0)

    @property
    def table_sha256(self) -> str:
        """Digest of the table that the silo opened last."""
        return table_sha256(self._host.opened_table())

    def respond(self, request: bytes) -> bytes:
        """Return the reply to a message of the coordinator.

        What is wrong with the message, or with what it asks for, travels back as a reply that
        names it. Whatever the reply says is on disk before it is returned.

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
        if self._halfway:
            self._go_back()
        parts: list[tuple[str, bytes]] = []
        trouble: FedmfError | None = None
        # The member answers whatever happens to the participant: others depend on it.
        for name, content in asked.parts:
            try:
                if name == Part.MEMBER:
                    parts.append((Part.MEMBER, self._member_reply(content)))
                elif trouble is None:
                    parts += self._act(name, content)
            except Exception as error:
                if not isinstance(error, FedmfError) or isinstance(error, RunDirectoryError):
                    # What is in memory is ahead of the disk, or nobody knows what it is.
                    self._halfway = True
                    raise
                trouble = error
                self._tell(error)
        if self._halfway:
            self._go_back()
        elif self._changed:
            self._save()
        parts.append((Part.STANDING, self.standing.to_bytes()))
        if trouble is not None:
            parts.append((Part.ERROR, error_to_bytes(_for_others(trouble))))
        return _reply(asked, parts)

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

    # What a message asks for, part by part.

    def _act(self, name: str, content: bytes) -> list[tuple[str, bytes]]:
        match name:
            case Part.CLOSING:
                self._hear_closing(content)
            case Part.TABLE:
                self._open_table(content)
            case Part.OPENING:
                self._hear_opening(content)
            case Part.UPLOAD:
                return [(Part.UPLOAD, self._upload(content))]
            case Part.FINISH:
                self._write_model()
                return [(Part.FINISH, b"")]
            case _:
                raise MessageError(f"a silo cannot be asked for {name!r}")
        return []

    def _hear_closing(self, data: bytes) -> None:
        closing = ClosingMessage.from_bytes(data, self._federation.session)
        if closing.round <= self.standing.settled:
            return
        # Members see to it under a committee, where a closing of nobody is void.
        least = self._federation.smallest_cohort
        if self._federation.session.committee is None and len(closing.included) < least:
            raise ProtocolError(
                f"round {closing.round} closed with {len(closing.included)} uploads; the "
                f"federation file says at least {least}"
            )
        self._halfway = True
        self._host.hear_closing(data)
        self._held = Held([*self._held.closings, data])

    def _open_table(self, data: bytes) -> None:
        session = self._federation.session
        number = TableMessage.from_bytes(data, session).round
        if number <= self.standing.settled or (number == self.standing.table and self._held.table):
            return
        if number != self.standing.settled + 1:
            raise ProtocolError(
                f"the table of round {number} after {self.standing.settled} closings"
            )
        self._halfway = True
        self._host.distribute(data)
        self._held.table = reopenable(data, session, self._host)
        self._halfway, self._changed = False, True

    def _hear_opening(self, data: bytes) -> None:
        if data == self._held.opening:
            return
        if self._held.upload:
            raise ProtocolError(
                f"round {self.standing.settled + 1} is opened for a second time, otherwise than "
                "when this silo uploaded; it uploads once in a round"
            )
        self._host.begin_round(data)
        self._held.opening = data

    def _upload(self, data: bytes) -> bytes:
        reader = BodyReader(data)
        number = reader.number()
        reader.end()
        if number != self.standing.table:
            raise ProtocolError(
                f"an upload for round {number} is asked of silo {self._settings.silo}, which has "
                f"the table of round {self.standing.table}"
            )
        if not self._held.upload:
            for uploaded in self._host.collect([self._settings.silo]):
                self._held.upload = uploaded.message
            if not self._held.upload:
                # Said aloud: between machines it may be an attack.
                raise ProtocolError(NOT_MOVED)
            self._save()
        return self._held.upload

    def _member_reply(self, message: bytes) -> bytes:
        if self._member is None:
            raise ProtocolError(f"silo {self._settings.silo} is no member of the committee")
        return self._member.respond(message)

    def _write_model(self) -> None:
        plan = self._federation.plan
        if self._counted_rounds < plan.session.rounds:
            raise ProtocolError(
                f"the training is not over: {self._counted_rounds} of {plan.session.rounds} rounds "
                "have closed"
            )
        own = self._ratings.training
        model = FactorModel(
            method=plan.method,
            item_ids=self._federation.item_ids,
            titles=self._ratings.titles,
            public=self._host.public_model(),
            user_ids=self._ratings.user_ids,
            user_factors=self._host.user_factors()[self._settings.silo],
            rated_starts=own.starts,
            rated_items=own.items,
        )
        save_model(model, self._folder / MODEL)

    # What is on disk.

    @property
    def _counted_rounds(self) -> int:
        session = self._federation.session
        return sum(
            ClosingMessage.from_bytes(one, session).counts(session) for one in self._held.closings
        )

    def _save(self) -> None:
        self._state.save(self._host, self._held, self._counted_rounds)
        self._changed = False

    def _go_back(self) -> None:
        """Take the state on disk: at the start, and where a round's end came without its table."""
        plan, number = self._federation.plan, self._settings.silo
        self._host = ParticipantHost(
            plan,
            None,
            [HostedParticipant(number, self._ratings.training, self._ratings.heldout)],
            participant_half(self._federation, self._settings, self._folder),
        )
        self._halfway = self._changed = False
        self._held = self._state.restore(self._host)


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
