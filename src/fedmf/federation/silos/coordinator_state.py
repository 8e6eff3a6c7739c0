"""What the coordinator must not forget, and how long it waits: the files of its folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from fedmf.errors import RunDirectoryError, SettingsError
from fedmf.federation.silos.generations import Generations, read_sized
from fedmf.federation.silos.messages import Standing
from fedmf.protocol.framing import BodyReader, sized, u32
from fedmf.store.atomic import write_file

FORMAT = "fedmf coordinator 1"
COORDINATOR = "coordinator.json"
ABOUT, SERVER, CLOSINGS, FROZEN = "about.json", "server.bin", "closings.bin", "frozen.bin"


@dataclass(frozen=True, slots=True)
class CoordinatorSettings:
    """What the coordinator decides for itself.

    Raises
    ------
    SettingsError
        Not above zero.
    """

    seconds: float = 300.0
    """How long an exchange waits for silos that are late."""
    patience: int = 3
    """How many times it asks before it gives up."""
    begin_with: int | None = None
    """Under a committee: so many silos have to be there in the first round; None: all that it asks.
    Members let first uploads pass in batches alone, so that a silo that misses the first round is
    left out until enough others come with it."""

    def __post_init__(self) -> None:
        if not self.seconds > 0 or self.patience < 1:
            raise SettingsError(
                "a coordinator waits for more than 0 seconds, and asks at least once"
            )

    def write(self, folder: Path) -> None:
        """Write the settings into the coordinator's folder."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n"
        write_file(folder / COORDINATOR, text.encode())

    @classmethod
    def read(cls, folder: Path) -> CoordinatorSettings:
        """Read the settings of a folder; the defaults where there are none.

        Raises
        ------
        SettingsError
            The file says something that no coordinator decides.
        """
        path = folder / COORDINATOR
        if not path.exists():
            return cls()
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            if fields.pop("format") != FORMAT:
                raise ValueError(f"its format is not {FORMAT!r}")
            return cls(**fields)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SettingsError(f"{path} holds no settings of a coordinator: {error}") from error


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
