"""The coordinator: runs the server of a federation of silos over any transport."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from fedmf.errors import FedmfError, ProtocolError, SettingsError
from fedmf.federation.checkpoints import Checkpoints
from fedmf.federation.conductor import Conductor
from fedmf.federation.enrolment_files import CHARTER, read_charter, read_rosters
from fedmf.federation.roles import make_server
from fedmf.federation.rounds import Clocks, Played, no_clock
from fedmf.federation.silos.carrier import SiloCarrier, Traffic
from fedmf.federation.silos.federation import Federation
from fedmf.federation.silos.history import History
from fedmf.federation.silos.own_settings import CoordinatorSettings
from fedmf.federation.silos.rounds_log import RoundEntry
from fedmf.federation.silos.transport import SiloTransport
from fedmf.interrupts import HeldInterrupts
from fedmf.protocol.enrolment.charter import Charter
from fedmf.protocol.protection import protection_named
from fedmf.store.lock import locked

HISTORY, LOCK = "history", "coordinator.lock"


class Coordinator(Conductor[RoundEntry]):
    """Conducts the rounds; `open` makes it.

    A round takes one exchange with the silos under the protections `none`, `rlwe` and `paillier`,
    and three under `committee`: uploads, review, answers. The closing of a round, the new table,
    the next opening and the request for uploads are one message, and members send their key for
    the next round with their answer. A run has one exchange more at its end, which hands out the
    last table, and under a committee one more at its beginning, for the members' first keys; see
    `fedmf.federation.silos.carrier`.

    What a round becomes is on disk before anybody hears of it, so that a coordinator that was
    killed at any moment goes on when it is opened again. It holds no key and opens nothing that
    the protection does not let the server open.

    Parameters
    ----------
    folder
        Its folder, which this process has locked: ``federation.json``, under a committee
        ``charter.json``, and perhaps ``coordinator.json``.
    transport
        What carries its messages.
    locks
        Let go of by `close`.
    """

    def __init__(self, folder: Path, transport: SiloTransport, locks: ExitStack) -> None:
        self._locks = locks
        self.federation = Federation.read(folder)
        settings = CoordinatorSettings.read(folder)
        charter = _charter(folder, self.federation)
        self._patience = settings.patience
        self._history = History(folder / HISTORY)
        store = Checkpoints(folder, self.federation.digest)
        checkpoint = store.restore()
        rosters = () if charter is None else read_rosters(folder, charter)
        session, start = self.federation.session, self.federation.plan.start_table()
        server = make_server(session, start, charter, rosters, checkpoint, store.words)
        self._silos = SiloCarrier(
            self.federation,
            charter,
            transport,
            self._history,
            settings.seconds,
            settings.patience,
            settings.begin_with,
            server.closings,
        )
        if checkpoint is not None:
            self._silos.restore(checkpoint.folder)
        self._refused: dict[int, str] = {}
        self._entries: list[RoundEntry] = []
        super().__init__(
            self.federation.plan,
            server,
            self._silos,
            store,
            frozen=store.frozen(server.next_round),
            refuse=self._refuse,
            clocks=Clocks(members=no_clock),
        )

    @classmethod
    def open(cls, folder: Path, transport: SiloTransport) -> Coordinator:
        """Open a coordinator's folder: fresh, or as its last checkpoint left it.

        Raises
        ------
        MessageError, SettingsError, RunDirectoryError
            What lies in the folder does not fit together or is damaged, or another process works
            in it.
        """
        with HeldInterrupts(), ExitStack() as undo:
            taken = f"another process coordinates in {folder}: wait for it or stop it"
            if not folder.is_dir():
                raise SettingsError(f"there is no coordinator's folder {folder}")
            undo.enter_context(locked(folder / LOCK, taken))
            coordinator = cls(folder, transport, undo)
            coordinator._locks = undo.pop_all()
            return coordinator

    def run(self, after_round: Callable[[RoundEntry], None] | None = None) -> list[RoundEntry]:
        """Run the rounds that are left; at the end every silo has the model.

        Parameters
        ----------
        after_round
            Called with what is known of each round (round, included, dropped, seconds, bytes), the
            set-up and void ones included, once it is safely kept.

        Raises
        ------
        ProtocolError
            Too few silos or members are there, or silos do not agree with the federation file.
            Unless the message says that the session ends, nothing is lost: open the coordinator
            again and go on.
        """
        try:
            for entry in self.rounds():
                self._history.forget(self._silos.table_of_all())
                self._silos.traffic, self._refused = Traffic(), {}
                if after_round is not None:
                    after_round(entry)
        except ProtocolError as error:
            reasons = "; ".join(f"silo {k}: {why}" for k, why in self._errors().items())
            if not reasons or reasons in str(error):
                raise
            raise ProtocolError(f"{error} ({reasons})") from error
        self._finish()
        return self._entries

    def close(self) -> None:
        """Let go of the folder."""
        self._locks.close()

    def why_void(self) -> str:
        """Return what silos and members gave as reasons."""
        last = self._entries[-1]
        said = [f"silo {silo}: {why}" for silo, why in sorted(last.errors.items())]
        said += [f"member {member}: {why}" for member, why in sorted(last.refusals.items())]
        return "; ".join(said) or "nobody gave a reason"

    def record(self, played: Played) -> RoundEntry:
        """Note what became of a round, and of every silo in it."""
        traffic, included = self._silos.traffic, played.closing.included
        members = self._server.members
        entry = RoundEntry(
            round=played.round,
            void=not played.closing.counts(self.federation.session),
            included=included,
            dropped=tuple(silo for silo in played.cohort if silo not in included),
            frozen=played.frozen,
            waiting=played.waiting,
            seconds=played.seconds,
            exchanges=traffic.exchanges,
            bytes_sent=traffic.sent,
            bytes_received=traffic.received,
            errors=self._errors(),
            refusals=dict(members.refusals),
            complaints=dict(members.complaints),
        )
        self._entries.append(entry)
        return entry

    def _errors(self) -> dict[int, str]:
        """Return what went wrong with silos in the round under way."""
        return dict(sorted({**self._silos.traffic.errors, **self._refused}.items()))

    def _finish(self) -> None:
        """Hand the last table to all silos, and have each write its model."""
        left = set(range(len(self.federation.users)))
        for _ in range(self._patience):
            self._silos.traffic = Traffic()
            left -= self._silos.finish(left)
            if not left:
                return
        reasons = "; ".join(
            f"silo {silo}: {why}" for silo, why in sorted(self._silos.traffic.errors.items())
        )
        raise ProtocolError(
            f"the training is over, and {len(left)} silos have not written their models "
            f"({reasons}); run the coordinator again when they are there"
        )

    def _refuse(self, silo: int, error: FedmfError) -> None:
        self._refused[silo] = f"its upload was refused: {error}"


def _charter(folder: Path, federation: Federation) -> Charter | None:
    """Return the committee's charter; None without one."""
    if not protection_named(federation.session.protection).has_committee:
        return None
    charter = read_charter(folder)
    if charter.session != federation.session:
        raise SettingsError(
            f"the charter {folder / CHARTER} is of another session than the federation file beside "
            "it: one of the two is not the one that the silos have"
        )
    return charter
