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
from pathlib import Path

from fedmf.crypto.participants_key import (
    ParticipantsKey,
    load_participants_key,
    save_participants_key,
)
from fedmf.errors import RunDirectoryError
from fedmf.federation.checkpoints import Checkpoints
from fedmf.federation.data_choice import DataChoice
from fedmf.federation.enrolment_files import CHARTER
from fedmf.federation.plan import TrainingPlan
from fedmf.federation.roles import begin_member_logs
from fedmf.federation.run_description import DESCRIPTION, RunDescription
from fedmf.interrupts import HeldInterrupts
from fedmf.model import FactorModel, load_model, save_model
from fedmf.protocol import protection_named
from fedmf.protocol.enrolment.charter import Charter
from fedmf.ratings import Ratings
from fedmf.store.atomic import is_taken, new_folder, write_file
from fedmf.store.faults import writing
from fedmf.store.lock import locked

MEMBERS = "members"


class RunDirectory:
    """A run directory, new or found.

    Parameters
    ----------
    path
        The directory; `create` and `find` make instances.
    described
        What its ``run.json`` says.
    """

    def __init__(self, path: Path, described: RunDescription) -> None:
        self.path = path
        self.described = described
        self.checkpoints = Checkpoints(path, described.session.digest)

    @classmethod
    def create(
        cls,
        path: Path,
        plan: TrainingPlan,
        data: DataChoice,
        parts: tuple[Ratings, Ratings],
        key: ParticipantsKey | None,
    ) -> RunDirectory:
        """Make a run directory; Ctrl-C finds none or a whole one.

        Raises
        ------
        RunDirectoryError
            There is something at this path already.
        """
        if is_taken(path):
            going_on = f", or go on with --resume {path}" if (path / DESCRIPTION).exists() else ""
            raise RunDirectoryError(f"{path} exists already: name another directory{going_on}")
        training, heldout = parts
        digests = (training.sha256(), heldout.sha256())
        described = RunDescription(plan.settings, data, plan.session, digests)
        with HeldInterrupts(), writing(path), new_folder(path, replace=False) as filling:
            described.write(filling)
            if key is not None:
                save_participants_key(filling / "key.json", key)
            begin_member_logs(plan.session, filling / MEMBERS)
        return cls(path, described)

    @classmethod
    def find(cls, path: Path) -> RunDirectory:
        """Find an existing run directory.

        Raises
        ------
        RunDirectoryError
            The directory is no run directory, or of another version.
        """
        return cls(path, RunDescription.read(path))

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

    def key(self) -> ParticipantsKey | None:
        """Return the participants' shared key; None where the protection has none."""
        if not protection_named(self.described.settings.protection).has_key:
            return None
        return load_participants_key(self.path / "key.json")

    @property
    def member_logs(self) -> Path:
        """Folder of the durable logs of a committee's members."""
        return self.path / MEMBERS

    def keep_charter(self, charter: Charter) -> None:
        """Write down a committee's charter, so that people can compare its fingerprint."""
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
