"""What the coordinator must not forget: the state files of its folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedmf.errors import RunDirectoryError
from fedmf.federation.silos.generations import Generations, read_sized
from fedmf.federation.silos.messages import Standing
from fedmf.protocol.framing import BodyReader, sized, u32
from fedmf.store.atomic import write_file

ABOUT, SERVER, CLOSINGS, FROZEN = "about.json", "server.bin", "closings.bin", "frozen.bin"


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Checkpoint:
    """The state after some round."""

    server_payload: bytes
    """The protected table."""
    closings: Sequence[bytes]
    """The closing messages of all rounds so far."""
    standings: Mapping[int, Standing]
    """How far silos are, as far as was heard."""
    log_bytes: int
    """Size of the log of rounds."""


class CoordinatorState:
    """Writes and reads the coordinator's checkpoints.

    Parameters
    ----------
    path
        The folder.
    federation
        Digest of the federation file.
    """

    def __init__(self, path: Path, federation: bytes) -> None:
        path.mkdir(mode=0o700, exist_ok=True)
        self._path = path
        self._federation = federation.hex()
        self._generations = Generations(path)

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, whole or not at all; nobody has heard of its last round before."""
        about = {
            "federation": self._federation,
            "log_bytes": checkpoint.log_bytes,
            "standings": [[k, one.settled, one.table] for k, one in checkpoint.standings.items()],
            "server_sha256": hashlib.sha256(checkpoint.server_payload).hexdigest(),
        }
        with self._generations.next() as folder:
            write_file(folder / ABOUT, json.dumps(about).encode())
            write_file(folder / SERVER, checkpoint.server_payload)
            write_file(folder / CLOSINGS, b"".join(map(sized, checkpoint.closings)))
        (self._path / FROZEN).unlink(missing_ok=True)

    def restore(self) -> Checkpoint | None:
        """Return the newest checkpoint; None before the first round is over.

        Raises
        ------
        RunDirectoryError
            It is damaged, or of another federation.
        """
        folder = self._generations.newest()
        if folder is None:
            return None
        try:
            about = json.loads((folder / ABOUT).read_bytes())
            if about["federation"] != self._federation:
                raise ValueError("it is of another federation")
            payload = (folder / SERVER).read_bytes()
            if hashlib.sha256(payload).hexdigest() != about["server_sha256"]:
                raise ValueError(f"{SERVER} does not match its SHA-256")
            closings = read_sized((folder / CLOSINGS).read_bytes())
            standings = {
                int(silo): Standing(int(settled), int(table))
                for silo, settled, table in about["standings"]
            }
            return Checkpoint(payload, closings, standings, int(about["log_bytes"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunDirectoryError(f"the checkpoint {folder} is damaged: {error}") from error

    def keep_frozen(self, round_number: int, frozen: bytes) -> None:
        """Write down a frozen round, before anybody is asked to open it."""
        write_file(self._path / FROZEN, u32(round_number) + frozen)

    def frozen(self, round_number: int) -> bytes:
        """Return what is written down of this round; empty where it was not frozen yet."""
        path = self._path / FROZEN
        if not path.exists():
            return b""
        reader = BodyReader(path.read_bytes())
        return reader.rest() if reader.number() == round_number else b""
