"""What a conductor of rounds must not forget: the files of its folder that survive a kill.

::

    checkpoints/       a snapshot after each round that is kept
        about.json     whose it is, and the places in the two logs
        server.bin     the protected table
        closings.bin   the closing messages so far, each behind its length
        …              what the engine saves: states of participants, or how far silos are
    frozen/            a snapshot of the round about to be opened, until its checkpoint is written
        about.json     its number
        round.bin      for `Server.restore_frozen`
        …              what participants have uploaded and await the closing of
    words.spool        the uploads of the round under way, for members who add them up again
    rounds.jsonl       a line of JSON for each round
    transcript.jsonl   sizes and digests of messages, a line each, where they are recorded
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from fedmf.errors import RunDirectoryError
from fedmf.federation.transcript import Transcript
from fedmf.protocol.wire import BodyReader, sized
from fedmf.store.atomic import put_file
from fedmf.store.faults import reading
from fedmf.store.line_log import LineLog
from fedmf.store.snapshots import Snapshots

ROUNDS, TRANSCRIPT = "rounds.jsonl", "transcript.jsonl"
_ABOUT, _SERVER, _CLOSINGS, _ROUND = "about.json", "server.bin", "closings.bin", "round.bin"


class Saving(Protocol):
    """What a checkpoint needs of an engine; see `fedmf.federation.engine.Engine`."""

    def save(self, folder: Path) -> None:
        """Write what it holds after a round into a folder of a checkpoint."""
        ...

    def save_pending(self, folder: Path) -> None:
        """Write what participants have uploaded and await the closing of into a folder."""
        ...


class PastRound(Protocol):
    """What is known of a round when it is over."""

    def as_json(self) -> Mapping[str, Any]:
        """Return it as JSON values."""
        ...


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Checkpoint:
    """The state after some round."""

    folder: Path
    """Where the files of the engine lie, for `Engine.restore`."""
    server_payload: bytes
    """The protected table."""
    closings: Sequence[bytes]
    """The closing messages of the rounds so far."""
    records: Sequence[Mapping[str, Any]]
    """What `PastRound.as_json` said of the rounds that were kept."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class FrozenRound:
    """A round whose set of uploads is frozen."""

    number: int
    """Of the round."""
    folder: Path
    """Where the participants' pending states lie, for `Engine.restore_pending`."""
    round: bytes
    """For `Server.restore_frozen`."""


class Checkpoints:
    """Keeps the newest checkpoint, the round about to be opened, and the logs.

    Parameters
    ----------
    folder
        The conductor's folder.
    owner
        What the checkpoints belong to, such as the digest of a session.
    """

    def __init__(self, folder: Path, owner: bytes) -> None:
        self._checkpoints = Snapshots(folder / "checkpoints")
        self._frozen = Snapshots(folder / "frozen")
        self.words = folder / "words.spool"
        """Where the server keeps the words of a round."""
        self._rounds = LineLog(folder / ROUNDS)
        self._transcript = LineLog(folder / TRANSCRIPT)
        self._transcribed = 0
        self._owner = owner.hex()

    def restore(self) -> Checkpoint | None:
        """Return the newest checkpoint, None before the first; forget what came after it.

        Raises
        ------
        RunDirectoryError
            It is damaged, or of another owner.
        """
        self._transcribed = 0
        folder = self._checkpoints.newest()
        if folder is None:
            self._rounds.cut(None)
            self._transcript.cut(None)
            return None
        with reading(folder):
            about = json.loads((folder / _ABOUT).read_bytes())
            if about["owner"] != self._owner:
                raise RunDirectoryError(f"the checkpoint {folder} is of another session")
            self._transcript.cut(about["transcript"])
            self._rounds.cut(about["rounds"])
            return Checkpoint(
                folder,
                (folder / _SERVER).read_bytes(),
                read_pieces(folder / _CLOSINGS),
                [json.loads(line) for line in self._rounds.read(about["rounds"])],
            )

    def frozen(self, round_number: int) -> FrozenRound | None:
        """Return what is written down of this round or a later one, None where nothing is.

        It is a later one where rounds before it ended void, which no checkpoint holds.

        Raises
        ------
        RunDirectoryError
            It is damaged.
        """
        folder = self._frozen.newest()
        if folder is None:
            return None
        with reading(folder):
            number = int(json.loads((folder / _ABOUT).read_bytes())["round"])
            if number < round_number:
                return None
            return FrozenRound(number, folder, (folder / _ROUND).read_bytes())

    def keep_frozen(self, round_number: int, frozen: bytes, engine: Saving) -> None:
        """Write down a frozen round, before anybody is asked to open it."""
        with self._frozen.next() as folder:
            put_file(folder / _ABOUT, json.dumps({"round": round_number}).encode())
            put_file(folder / _ROUND, frozen)
            engine.save_pending(folder)

    def keep(
        self,
        server_payload: bytes,
        closings: Iterable[bytes],
        record: PastRound,
        engine: Saving,
        transcript: Transcript | None = None,
    ) -> None:
        """Write the checkpoint after a round; nobody has heard of the round's end before."""
        entries = [] if transcript is None else transcript.entries[self._transcribed :]
        about = {
            "owner": self._owner,
            "rounds": self._rounds.append([json.dumps(record.as_json(), ensure_ascii=False)]),
            "transcript": self._transcript.append(entry.as_json_line() for entry in entries),
        }
        self._transcribed += len(entries)
        with self._checkpoints.next() as folder:
            put_file(folder / _ABOUT, json.dumps(about).encode())
            put_file(folder / _SERVER, server_payload)
            write_pieces(folder / _CLOSINGS, closings)
            engine.save(folder)
        self._frozen.clear()

    def glance(self) -> tuple[list[Mapping[str, Any]], int]:
        """Return the records of the rounds so far, and how many bytes the transcript had then.

        For a reader beside the conductor, which goes on meanwhile; it changes nothing.

        Raises
        ------
        RunDirectoryError
            A file is damaged.
        """
        data = self._checkpoints.glance(_ABOUT)
        if data is None:
            return [], 0
        with reading(f"a checkpoint's {_ABOUT}"):
            about = json.loads(data)
            lines = self._rounds.read(about["rounds"])
            return [json.loads(line) for line in lines], int(about["transcript"]["bytes"])

    def last_closing(self) -> bytes | None:
        """Return how the last round ended that was kept; None before the first.

        For a reader beside the conductor, as `glance`.

        Raises
        ------
        RunDirectoryError
            The file is damaged.
        """
        data = self._checkpoints.glance(_CLOSINGS)
        if not data:
            return None
        with reading(f"a checkpoint's {_CLOSINGS}"):
            return _pieces(data)[-1]


def write_pieces(path: Path, pieces: Iterable[bytes], *, private: bool = False) -> None:
    """Write a file of pieces, each behind its length, into a folder that is being filled."""
    put_file(path, b"".join(map(sized, pieces)), private=private)


def read_pieces(path: Path) -> list[bytes]:
    """Return the pieces of a file; raise MessageError where it is cut short."""
    return _pieces(path.read_bytes())


def _pieces(data: bytes) -> list[bytes]:
    reader, pieces, at = BodyReader(data), [], 0
    while at < len(data):
        pieces.append(reader.sized(at_most=len(data)))
        at += 4 + len(pieces[-1])
    return pieces
