"""The participant that a silo is: what messages ask of it, and what it must not forget."""

from __future__ import annotations

from pathlib import Path

from fedmf.errors import MessageError, ProtocolError
from fedmf.federation.host import HostedParticipant, ParticipantHost
from fedmf.federation.silos.federation import Federation
from fedmf.federation.silos.messages import Part, Standing
from fedmf.federation.silos.own_settings import SiloSettings
from fedmf.federation.silos.silo_ratings import SiloRatings
from fedmf.federation.silos.silo_roles import participant_half
from fedmf.federation.silos.silo_state import Held, SiloState
from fedmf.model import FactorModel, save_model
from fedmf.protocol import ClosingMessage, TableMessage, protection_named, table_sha256
from fedmf.protocol.halves import NOT_MOVED
from fedmf.protocol.wire import BodyReader

STATE, MODEL = "state", "model"


class SiloParticipant:
    """Acts on messages, part by part; an upload is on disk before it is returned.

    All else that a message changed is durable after `keep`. In between, memory is ahead of the
    disk, and after half of a message it is the disk that counts.

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
    """

    def __init__(
        self, folder: Path, federation: Federation, settings: SiloSettings, ratings: SiloRatings
    ) -> None:
        self._folder = folder
        self._federation = federation
        self._settings = settings
        self._ratings = ratings
        self._state = SiloState(folder / STATE, federation, settings.silo)
        self._held = Held()
        self._halfway = self._changed = False
        self._go_back()

    @property
    def standing(self) -> Standing:
        """How far the silo is."""
        heard = len(self._held.closings)
        return Standing(heard, heard + 1 if self._held.table else 0)

    @property
    def waits(self) -> str:
        """What its next uploads wait for, for its own log; empty if they pass by themselves."""
        return self._host.waits(self._settings.silo)

    @property
    def table_sha256(self) -> str:
        """Digest of the table that the silo opened last."""
        return table_sha256(self._host.opened_table())

    def keep(self) -> None:
        """Make durable what a message changed; go back to the disk if it was acted on by half.

        Raises
        ------
        RunDirectoryError
            It cannot be written, or not be read.
        """
        if self._halfway:
            self._go_back()
        elif self._changed:
            self._save()

    def distrust_memory(self) -> None:
        """Have the next `keep` go back to the disk: nobody knows what memory holds."""
        self._halfway = True

    def act(self, name: str, content: bytes) -> list[tuple[str, bytes]]:
        """Do what one part of a message asks for; return what there is to reply.

        Raises
        ------
        FedmfError
            It cannot be done.
        """
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
        if closing.round <= self.standing.heard:
            return
        # Members see to it under a committee, where a closing of nobody is void.
        least = self._federation.smallest_cohort
        has_committee = protection_named(self._federation.session.protection).has_committee
        if len(closing.included) < least and not has_committee:
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
        if number <= self.standing.heard or (number == self.standing.table and self._held.table):
            return
        if number != self.standing.heard + 1:
            raise ProtocolError(f"the table of round {number} after {self.standing.heard} closings")
        self._halfway = True
        self._host.distribute(data)
        self._held.table = self._host.reopenable(data)
        self._halfway, self._changed = False, True

    def _hear_opening(self, data: bytes) -> None:
        if data == self._held.opening:
            return
        if self._held.upload:
            raise ProtocolError(
                f"round {self.standing.heard + 1} begins for a second time, otherwise than "
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
            heldout_starts=self._ratings.heldout.starts,
            heldout_items=self._ratings.heldout.items,
        )
        save_model(model, self._folder / MODEL)

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
            participant_half(self._federation, self._settings, self._folder),
            [HostedParticipant(number, self._ratings.training, self._ratings.heldout)],
        )
        self._halfway = self._changed = False
        self._held = self._state.restore(self._host)
