import os
import subprocess
import sys
from contextlib import AbstractContextManager

import pytest

from fedmf.crypto.participants_key import ParticipantsKey
from fedmf.errors import WorkerError
from fedmf.federation import Engine, LocalEngine, TrainingPlan
from fedmf.federation.local.process import HostProcess, _born_with
from fedmf.ratings import Ratings
from tests.contracts.engine_contract import EngineContract, Keyed, keyed, play, split

__all__ = ["keyed", "split"]


class TestOneProcess(EngineContract):
    def engine(
        self, plan: TrainingPlan, key: ParticipantsKey | None, training: Ratings, heldout: Ratings
    ) -> AbstractContextManager[Engine]:
        return LocalEngine(plan, key, training, heldout, workers=1)


class TestThreeProcesses(EngineContract):
    def engine(
        self, plan: TrainingPlan, key: ParticipantsKey | None, training: Ratings, heldout: Ratings
    ) -> AbstractContextManager[Engine]:
        return LocalEngine(plan, key, training, heldout, workers=3)

    def test_a_worker_that_dies_is_reported(
        self, split: tuple[Ratings, Ratings], keyed: Keyed
    ) -> None:
        plan = self.plan(split, keyed)
        with LocalEngine(plan, keyed.key, *split, workers=2) as engine:
            second = engine._hosts[1]
            assert isinstance(second, HostProcess)
            second._process.kill()
            second._process.join()
            with pytest.raises(WorkerError, match=r"died \(exit code -9\).*fewer workers"):
                engine.user_factors()

    def test_more_workers_than_participants_is_no_problem(
        self, split: tuple[Ratings, Ratings], keyed: Keyed
    ) -> None:
        plan = self.plan(split, keyed, silos=3)
        with LocalEngine(plan, keyed.key, *split, workers=5) as engine:
            assert len(engine._hosts) == 3
            result = play(plan, keyed, engine)
            assert result.user_factors.shape == (split[0].n_users, 4)


class TestEnvironmentOfWorkers:
    def test_a_process_born_within_finds_it_and_one_born_later_does_not(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        with _born_with({"OMP_NUM_THREADS": "1"}):
            assert self.found("OMP_NUM_THREADS") == "1"
        assert self.found("OMP_NUM_THREADS") == "None"

    def test_what_the_user_has_set_stays(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OMP_NUM_THREADS", "3")
        with _born_with({"OMP_NUM_THREADS": "1"}):
            assert self.found("OMP_NUM_THREADS") == "3"
        assert os.environ["OMP_NUM_THREADS"] == "3"

    def found(self, name: str) -> str:
        asked = f"import os; print(os.environ.get({name!r}), end='')"
        return subprocess.run(  # noqa: S603 - this interpreter
            [sys.executable, "-c", asked], check=True, capture_output=True, text=True
        ).stdout
