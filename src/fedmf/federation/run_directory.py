"""The run directory: all that a training leaves on disk, resumable after a kill at any moment.

::

    run.json             settings, data choice, versions, session: written once, before round 1
    key.json             the participants' shared key, mode 0600 (protections with a key)
    charter.json         a committee's public charter, to compare its fingerprint
    run.lock             held by the process that trains in the directory
    transcript.jsonl     sizes and digests of all messages, a line each
    members/             the durable logs of a committee's members: never to be put back in time
    checkpoints/frozen   a round about to be opened, until its checkpoint is written
    checkpoints/round-N  the state after round N of the session; the newest one is kept
    model/               the model, when the training is over
    result.json          the figures of the training, when it is over
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fedmf.crypto.participants_key import (
    ParticipantsKey,
    load_participants_key,
    save_participants_key,
)
from fedmf.errors import FedmfError, RunDirectoryError
from fedmf.federation.data_choice import DataChoice
from fedmf.federation.engine import Population
from fedmf.federation.enrolment_files import CHARTER
from fedmf.federation.plan import TrainingPlan
from fedmf.federation.settings import TrainingSettings
from fedmf.federation.training import RoundRecord
from fedmf.federation.transcript import Transcript
from fedmf.model import FactorModel, load_model, save_model
from fedmf.protocol import Session
from fedmf.protocol.enrolment.charter import Charter
from fedmf.ratings import Ratings
from fedmf.store.atomic import new_folder, remove_folder, write_file
from fedmf.store.lock import locked

FORMAT, VERSION = "fedmf-run", 1


@dataclass(frozen=True, eq=False, slots=True)
class Checkpoint:
    """The state after some round."""

    folder: Path
    """Where the participants' states lie, for `Population.restore`."""
    server_payload: bytes
    """The protected table."""
    closings: Sequence[bytes]
    """The closing messages of the rounds so far."""
    records: Sequence[RoundRecord]
    """Their records."""


@dataclass(frozen=True, slots=True)
class FrozenRound:
    """A round whose set of uploads is frozen."""

    folder: Path
    """Where the participants' pending states lie, for `Population.restore_pending`."""
    round: bytes
    """For `Server.restore_frozen`."""


class RunDirectory:
    """A run directory, new or found.

    Parameters
    ----------
    path
        The directory; `create` and `find` make instances.
    described
        Content of ``run.json``.
    """

    def __init__(self, path: Path, described: Mapping[str, Any]) -> None:
        self.path = path
        self.settings = TrainingSettings.from_json(described["settings"])
        self.data = DataChoice.from_json(described["data"])
        self.session = Session.from_bytes(described["session"].encode())
        self.fedmf_version = str(described["fedmf"])
        self._ratings_sha256 = described["ratings_sha256"]
        self._transcript_lines = 0

    @classmethod
    def create(
        cls,
        path: Path,
        plan: TrainingPlan,
        data: DataChoice,
        parts: tuple[Ratings, Ratings],
        key: ParticipantsKey | None,
    ) -> RunDirectory:
        """Make a run directory.

        Raises
        ------
        RunDirectoryError
            There is something at this path already.
        """
        if path.exists() and not (path.is_dir() and not any(path.iterdir())):
            going_on = f", or go on with --resume {path}" if (path / "run.json").exists() else ""
            raise RunDirectoryError(f"{path} exists already: name another directory{going_on}")
        described = {
            "format": FORMAT,
            "version": VERSION,
            "fedmf": version("fedmf"),
            "settings": plan.settings.as_json(),
            "data": data.as_json(),
            "ratings_sha256": [part.sha256() for part in parts],
            "session": plan.session.to_bytes().decode(),
        }
        try:
            with new_folder(path, replace=False) as filling:
                text = json.dumps(described, ensure_ascii=False, indent=1) + "\n"
                (filling / "run.json").write_text(text, encoding="utf-8")
                if key is not None:
                    save_participants_key(filling / "key.json", key)
        except OSError as error:
            raise RunDirectoryError(f"{path} cannot be made: {error.strerror}") from error
        return cls(path, described)

    @classmethod
    def find(cls, path: Path) -> RunDirectory:
        """Find an existing run directory.

        Raises
        ------
        RunDirectoryError
            The directory is no run directory, or of another version.
        """
        try:
            described = json.loads((path / "run.json").read_text(encoding="utf-8"))
            if (described["format"], described["version"]) != (FORMAT, VERSION):
                raise RunDirectoryError(f"{path} was written by another version of fedmf")
            return cls(path, described)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise RunDirectoryError(
                f"{path} is not a run directory: it holds no run.json"
            ) from error
        except RunDirectoryError:
            raise
        except (OSError, ValueError, KeyError, TypeError, FedmfError) as error:
            raise RunDirectoryError(f"{path / 'run.json'} is damaged: {error}") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others from training in this directory meanwhile.

        Raises
        ------
        RunDirectoryError
            Somebody is training in it.
        """
        taken = f"another process is training in {self.path}: wait for it or stop it"
        with locked(self.path / "run.lock", taken):
            yield

    def ratings(self) -> tuple[Ratings, Ratings, Ratings]:
        """Return the ratings that the run began with, and their training and held-out parts.

        Raises
        ------
        RunDirectoryError
            They are not where they were, or have changed.
        """
        try:
            ratings, training, heldout = self.data.load()
        except FedmfError as error:
            raise RunDirectoryError(
                f"the run in {self.path} needs the ratings that it began with: {error}"
            ) from error
        if [training.sha256(), heldout.sha256()] != self._ratings_sha256:
            raise RunDirectoryError(
                f"the ratings of {self.data.source} have changed since the run in {self.path} "
                "began; put them back as they were, or start a new run"
            )
        return ratings, training, heldout

    def plan(self, training: Ratings, heldout: Ratings) -> TrainingPlan:
        """Return the plan that the run began with, given the two parts of its ratings.

        Raises
        ------
        RunDirectoryError
            What ``run.json`` says makes another plan.
        """
        plan = TrainingPlan.make(
            self.settings,
            training,
            public_key=self.session.public_key,
            session_id=self.session.session_id,
            measured=len(heldout) > 0,
        )
        if plan.session != self.session:
            raise RunDirectoryError(
                f"what {self.path / 'run.json'} says makes another training than the one that "
                "began: it was edited, or comes from another version of fedmf"
            )
        return plan

    def key(self) -> ParticipantsKey | None:
        """Return the participants' shared key; None where the protection has none."""
        if self.settings.protection == "none":
            return None
        return load_participants_key(self.path / "key.json")

    @property
    def member_logs(self) -> Path:
        """Folder of the durable logs of a committee's members."""
        return self.path / "members"

    def keep_charter(self, charter: Charter) -> None:
        """Write down a committee's charter, for whoever wants to compare its fingerprint."""
        write_file(self.path / CHARTER, charter.to_bytes())

    def keep_frozen(self, round_number: int, frozen: bytes, engine: Population) -> None:
        """Write down a frozen round, before anybody is asked to open it."""
        with new_folder(self._frozen_folder) as filling:
            digest = hashlib.sha256(frozen).hexdigest()
            text = json.dumps({"round": round_number, "sha256": digest}) + "\n"
            (filling / "frozen.json").write_text(text, encoding="utf-8")
            (filling / "round.bin").write_bytes(frozen)
            engine.save_pending(filling)

    def frozen(self, round_number: int) -> FrozenRound | None:
        """Return what is written down of this round, None where it was not frozen yet.

        Raises
        ------
        RunDirectoryError
            It is damaged.
        """
        folder = self._frozen_folder
        if not folder.is_dir():
            return None
        try:
            described = json.loads((folder / "frozen.json").read_text(encoding="utf-8"))
            if described["round"] != round_number:
                return None
            frozen = (folder / "round.bin").read_bytes()
            if hashlib.sha256(frozen).hexdigest() != described["sha256"]:
                raise ValueError("round.bin does not match its SHA-256")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunDirectoryError(f"{folder} is damaged: {error}") from error
        return FrozenRound(folder, frozen)

    def keep(
        self,
        server_payload: bytes,
        closings: Sequence[bytes],
        records: Sequence[RoundRecord],
        transcript: Transcript,
        engine: Population,
    ) -> None:
        """Write the checkpoint of the last round and remove older ones."""
        folder = self._checkpoint_folder(len(closings))
        with new_folder(folder) as filling:
            progress = {
                "records": [record.as_json() for record in records],
                "server_sha256": hashlib.sha256(server_payload).hexdigest(),
                "transcript_bytes": self._append(transcript),
            }
            (filling / "progress.json").write_text(json.dumps(progress) + "\n", encoding="utf-8")
            (filling / "server.bin").write_bytes(server_payload)
            (filling / "closings.json").write_text(json.dumps([one.hex() for one in closings]))
            engine.save(filling)
        for older in self._checkpoint_folders()[:-1]:
            remove_folder(older)
        remove_folder(self._frozen_folder)

    def checkpoint(self) -> Checkpoint | None:
        """Return the newest checkpoint, None before the end of round 1; forget what came after it.

        What a killed process left unfinished is removed.

        Raises
        ------
        RunDirectoryError
            The checkpoint is damaged.
        """
        for unfinished in (self.path / "checkpoints").glob(".*"):
            shutil.rmtree(unfinished)
        folders = self._checkpoint_folders()
        transcript = self.path / "transcript.jsonl"
        if not folders:
            transcript.unlink(missing_ok=True)
            return None
        newest = folders[-1]
        try:
            progress = json.loads((newest / "progress.json").read_text(encoding="utf-8"))
            server_payload = (newest / "server.bin").read_bytes()
            if hashlib.sha256(server_payload).hexdigest() != progress["server_sha256"]:
                raise ValueError("server.bin does not match its SHA-256")
            if transcript.stat().st_size < progress["transcript_bytes"]:
                raise ValueError("transcript.jsonl is shorter than it was")
            os.truncate(transcript, progress["transcript_bytes"])
            closings = json.loads((newest / "closings.json").read_text(encoding="utf-8"))
            return Checkpoint(
                newest,
                server_payload,
                [bytes.fromhex(one) for one in closings],
                [RoundRecord.from_json(record) for record in progress["records"]],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunDirectoryError(f"the checkpoint {newest} is damaged: {error}") from error

    def keep_model(self, model: FactorModel) -> None:
        """Write the model of a training that is over."""
        save_model(model, self.path / "model")

    def keep_result(self, result: Mapping[str, object]) -> None:
        """Write the figures of a training that is over."""
        text = json.dumps(result, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
        write_file(self.path / "result.json", text.encode())

    def model(self) -> FactorModel:
        """Return the trained model.

        Raises
        ------
        RunDirectoryError
            The training is not over.
        ModelFileError
            The model's files are damaged.
        """
        if not (self.path / "model").is_dir():
            raise RunDirectoryError(
                f"the training in {self.path} is not over: "
                f"go on with fedmf train --resume {self.path}"
            )
        return load_model(self.path / "model")

    def _append(self, transcript: Transcript) -> int:
        path = self.path / "transcript.jsonl"
        new = transcript.entries[self._transcript_lines :]
        with path.open("a", encoding="utf-8") as file:
            file.writelines(entry.as_json_line() + "\n" for entry in new)
            file.flush()
            os.fsync(file.fileno())
            end = file.tell()
        self._transcript_lines = len(transcript.entries)
        return end

    @property
    def _frozen_folder(self) -> Path:
        return self.path / "checkpoints" / "frozen"

    def _checkpoint_folder(self, rounds: int) -> Path:
        return self.path / "checkpoints" / f"round-{rounds:06d}"

    def _checkpoint_folders(self) -> list[Path]:
        folders = (self.path / "checkpoints").glob("round-*")
        return sorted(folders, key=lambda folder: int(folder.name.removeprefix("round-")))
