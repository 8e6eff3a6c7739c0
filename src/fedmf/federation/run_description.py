"""What ``run.json`` says: what a training was begun with, written once, before round 1."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

from fedmf.errors import FedmfError, RunDirectoryError
from fedmf.federation.data_choice import DataChoice
from fedmf.federation.plan import TrainingPlan
from fedmf.federation.settings import TrainingSettings
from fedmf.protocol import Session
from fedmf.protocol.json_documents import as_text
from fedmf.protocol.json_fields import JsonFields, Named
from fedmf.ratings import Ratings
from fedmf.store.atomic import put_file
from fedmf.store.faults import reading

FORMAT, VERSION = "fedmf-run", 2
DESCRIPTION = "run.json"
EDITED = (
    f"what {DESCRIPTION} says makes another training than the one that began: it was edited, or "
    "comes from another version of fedmf"
)


@dataclass(frozen=True, slots=True)
class RunDescription(JsonFields):
    """What a training was begun with: the settings, the ratings and the session."""

    settings: TrainingSettings
    data: DataChoice
    session: Annotated[Session, as_text(Session.from_bytes)]
    ratings_sha256: tuple[str, str]
    """Digests of the training and the held-out ratings."""
    fedmf_version: Annotated[str, Named("fedmf")] = field(default_factory=lambda: version("fedmf"))
    """Which fedmf began it."""

    def write(self, folder: Path) -> None:
        """Write ``run.json`` into a run directory that is being filled."""
        described = {"format": FORMAT, "version": VERSION, **self.as_json()}
        # The session binds most settings, and not who takes part when.
        described["settings_sha256"] = _digest(described["settings"])
        text = json.dumps(described, ensure_ascii=False, indent=1) + "\n"
        put_file(folder / DESCRIPTION, text.encode())

    @classmethod
    def read(cls, folder: Path) -> RunDescription:
        """Read the ``run.json`` of a run directory.

        Raises
        ------
        RunDirectoryError
            It is missing, damaged or of another version, or its settings were edited.
        """
        path = folder / DESCRIPTION
        if not path.exists():
            raise RunDirectoryError(f"{folder} is not a run directory: it holds no {DESCRIPTION}")
        with reading(path):
            described = json.loads(path.read_text(encoding="utf-8"))
            if (described["format"], described["version"]) != (FORMAT, VERSION):
                raise RunDirectoryError(f"{folder} was written by another version of fedmf")
            if described["settings_sha256"] != _digest(described["settings"]):
                raise RunDirectoryError(EDITED)
            del described["format"], described["version"], described["settings_sha256"]
            return cls.from_json(described)

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
                f"the run needs the ratings that it began with: {error}"
            ) from error
        if (training.sha256(), heldout.sha256()) != self.ratings_sha256:
            raise RunDirectoryError(
                f"the ratings of {self.data.source} have changed since the run began; put them "
                "back as they were, or start a new run"
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
            raise RunDirectoryError(EDITED)
        return plan


def _digest(settings: object) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
