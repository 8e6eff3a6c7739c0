"""The run directory: all that a training leaves on disk, resumable after a kill at any moment.

::

    run.json             settings, data choice, versions, session: written once, before round 1
    key.json             the participants' shared key, mode 0600 (protections with a key)
    charter.json         a committee's public charter, to compare its fingerprint
    run.lock             held by the process that trains in the directory
    members/             the durable logs of a committee's members: never to be put back in time
    checkpoints/, frozen/, rounds.jsonl, transcript.jsonl
                         how far the training is; see `fedmf.federation.checkpoints`
    model/               the model, when the training is over
    result.json          the figures of the training, when it is over
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fedmf.crypto.participants_key import (
    ParticipantsKey,
    load_participants_key,
    save_participants_key,
)
from fedmf.errors import FedmfError, RunDirectoryError
from fedmf.federation.checkpoints import Checkpoints
from fedmf.federation.data_choice import DataChoice
from fedmf.federation.enrolment_files import CHARTER
from fedmf.federation.plan import TrainingPlan
from fedmf.federation.settings import TrainingSettings
from fedmf.model import FactorModel, load_model, save_model
from fedmf.protocol import Session
from fedmf.protocol.enrolment.charter import Charter
from fedmf.ratings import Ratings
from fedmf.store.atomic import is_taken, new_folder, write_file
from fedmf.store.faults import reading, writing
from fedmf.store.lock import locked

FORMAT, VERSION = "fedmf-run", 2


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
        self.checkpoints = Checkpoints(path, self.session.digest)

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
        if is_taken(path):
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
        with writing(path), new_folder(path, replace=False) as filling:
            text = json.dumps(described, ensure_ascii=False, indent=1) + "\n"
            (filling / "run.json").write_text(text, encoding="utf-8")
            if key is not None:
                save_participants_key(filling / "key.json", key)
        return cls(path, described)

    @classmethod
    def find(cls, path: Path) -> RunDirectory:
        """Find an existing run directory.

        Raises
        ------
        RunDirectoryError
            The directory is no run directory, or of another version.
        """
        if not (path / "run.json").exists():
            raise RunDirectoryError(f"{path} is not a run directory: it holds no run.json")
        with reading(path / "run.json"):
            described = json.loads((path / "run.json").read_text(encoding="utf-8"))
            if (described["format"], described["version"]) != (FORMAT, VERSION):
                raise RunDirectoryError(f"{path} was written by another version of fedmf")
            return cls(path, described)

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
