"""A small training in a run directory, which dies in the middle and goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.participants_key import ParticipantsKey
from fedmf.federation import (
    DataChoice,
    RoundRecord,
    RunDirectory,
    TrainingPlan,
    TrainingResult,
    TrainingSettings,
    train_locally,
)
from tests.store.disk import Kill

DATA = DataChoice("movielens-small", users=10, items=20)
_, TRAINING, HELDOUT = DATA.load()


def kill_after(number: int) -> Callable[[RoundRecord], None]:
    """Have the process die when this round is kept."""

    def after_round(record: RoundRecord) -> None:
        if record.round == number:
            raise Kill

    return after_round


class SmallRun:
    """A plan with its key and, if a path is given, its run directory."""

    def __init__(self, key: ParticipantsKey | None, path: Path | None = None, **chosen: Any):
        public = int(key.public.n) if isinstance(key, PrivateKey) else None
        settings = TrainingSettings(**{"key_bits": 1024, "factors": 4, "rounds": 4, **chosen})
        self.key = key
        # Always of the same session, so that messages can be compared.
        self.plan = TrainingPlan.make(
            settings, TRAINING, public_key=public, session_id=bytes(16), measured=True
        )
        if path is not None:
            self.path = path
            RunDirectory.create(path, self.plan, DATA, (TRAINING, HELDOUT), key)

    @property
    def run(self) -> RunDirectory:
        """The directory as a new process finds it."""
        return RunDirectory.find(self.path)

    def train(self, **options: Any) -> TrainingResult:
        """Train in the directory, from where it was left."""
        return train_locally(self.plan, self.key, TRAINING, HELDOUT, run=self.run, **options)

    def whole(self) -> TrainingResult:
        """Train without a directory."""
        return train_locally(self.plan, self.key, TRAINING, HELDOUT)

    def killed(self, **options: Any) -> None:
        """Train until the process dies."""
        with pytest.raises(Kill):
            self.train(**options)
