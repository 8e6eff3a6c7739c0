"""What a silo must not forget, as a snapshot; whole or not at all."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from fedmf.errors import RunDirectoryError
from fedmf.federation.checkpoints import read_pieces, write_pieces
from fedmf.federation.host import ParticipantHost
from fedmf.federation.participant_states import PENDING, STATES
from fedmf.federation.silos.federation import Federation
from fedmf.store.atomic import put_file
from fedmf.store.faults import reading
from fedmf.store.snapshots import Snapshots

ABOUT, CLOSINGS, TABLE = "about.json", "closings.bin", "table.bin"
OPENING, UPLOAD = "opening.bin", "upload.bin"


@dataclass(slots=True, repr=False)
class Held:
    """What a silo holds beside its participant's state."""

    closings: list[bytes] = field(default_factory=list)
    """All closings that it has heard."""
    table: bytes = b""
    """The table message that it has opened last, in a form that it can open again by itself; it is
    always the one of the round after the last closing. Empty before the first."""
    opening: bytes = b""
    """How the round under way begins; empty where nobody has said so."""
    upload: bytes = b""
    """What it has uploaded in the round under way; empty: nothing."""


class SiloState:
    """Writes and reads a silo's state.

    Parameters
    ----------
    path
        The folder of its snapshots.
    federation, silo
        Whose state it is.
    """

    def __init__(self, path: Path, federation: Federation, silo: int) -> None:
        self._path = path
        self._snapshots = Snapshots(path)
        self._about = {"federation": federation.digest.hex(), "silo": silo}

    def save(self, host: ParticipantHost, held: Held, counted_rounds: int) -> None:
        """Write all of it; return when it would survive a power failure, not before.

        Raises
        ------
        RunDirectoryError
            It cannot be written; nothing that depends on it may leave the silo.
        """
        contents = {
            ABOUT: json.dumps(self._about).encode(),
            TABLE: held.table,
            OPENING: held.opening,
            UPLOAD: held.upload,
        }
        with self._snapshots.next() as folder:
            for name, content in contents.items():
                put_file(folder / name, content, private=True)
            write_pieces(folder / CLOSINGS, held.closings, private=True)
            host.save(folder / f"{STATES}-0.npz")
            host.save_pending(folder / f"{PENDING}-0.npz")
            if counted_rounds:
                host.save_public_model(folder)

    def restore(self, host: ParticipantHost) -> Held:
        """Have a new host take the newest state; return what is held beside it.

        Raises
        ------
        RunDirectoryError
            It is damaged, or of another federation.
        """
        folder = self._snapshots.newest()
        if folder is None:
            return Held()
        with reading(f"the state in {folder}"):
            if json.loads((folder / ABOUT).read_bytes()) != self._about:
                raise RunDirectoryError(
                    f"the state in {self._path} is of another federation, or of another silo"
                )
            held = Held(
                read_pieces(folder / CLOSINGS),
                (folder / TABLE).read_bytes(),
                (folder / OPENING).read_bytes(),
                (folder / UPLOAD).read_bytes(),
            )
            host.restore(folder, held.closings)
            if held.table:
                host.distribute(held.table)
            if held.opening:
                host.begin_round(held.opening)
            host.restore_pending(folder)
        return held
