import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from fedmf.crypto.paillier import PrivateKey
from fedmf.errors import RunDirectoryError
from fedmf.federation import (
    DataChoice,
    RunDirectory,
    TrainingPlan,
    TrainingSettings,
    Transcript,
    train_locally,
    trained_model,
)
from fedmf.federation.checkpoints import Checkpoints
from fedmf.protocol import PROTECTIONS, fresh_key
from tests.contracts.engine_contract import Keyed
from tests.federation.runs import HELDOUT, TRAINING, SmallRun, kill_after
from tests.store.disk import Disk


@pytest.fixture(params=PROTECTIONS)
def keyed(request: pytest.FixtureRequest, weak_key: PrivateKey) -> Keyed:
    fresh = fresh_key(request.param, 1024) if request.param != "paillier" else weak_key
    return Keyed(request.param, fresh)


@pytest.fixture
def small(tmp_path: Path) -> SmallRun:
    """Return a run without protection, whose messages are the same in every training."""
    return SmallRun(None, tmp_path / "run", protection="none", min_raters=1)


@pytest.mark.filterwarnings("ignore::fedmf.crypto.paillier_numbers.WeakKeyWarning")
def test_a_stopped_training_resumes_to_the_same_table(tmp_path: Path, keyed: Keyed) -> None:
    small = SmallRun(keyed.key, tmp_path / "run", protection=keyed.protection, min_raters=1)
    for stop in (1, 3):
        small.killed(after_round=kill_after(stop))
    found = small.run
    again = found.described.plan(*found.described.ratings()[1:])
    assert again.session == small.plan.session
    resumed = train_locally(again, found.key(), TRAINING, HELDOUT, run=found)
    assert resumed.table_sha256 == small.whole().table_sha256
    assert [record.round for record in resumed.rounds] == [1, 2, 3, 4]
    kept = (tmp_path / "run" / "checkpoints").iterdir()
    assert [path.name for path in kept] == ["snapshot-000000005"]


@pytest.mark.parametrize("protection", ["none", "committee"])
def test_killed_at_any_write_of_a_round(
    tmp_path: Path, protection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen rounds, logs and checkpoints: the training goes on from anything that was written."""
    chosen: dict[str, Any] = {"protection": protection, "rounds": 1, "min_raters": 1}
    key = fresh_key(protection, 1024)
    whole = SmallRun(key, **chosen).whole().table_sha256
    disk = Disk(monkeypatch)
    for name in ("keep", "keep_frozen"):
        monkeypatch.setattr(Checkpoints, name, disk.here(getattr(Checkpoints, name)))
    for fatal in range(1, {"none": 7, "committee": 12}[protection]):
        small = SmallRun(key, tmp_path / str(fatal), **chosen)
        with disk.of_another(), disk.dying(fatal):
            small.killed()
        assert small.train().table_sha256 == whole
        lines = (small.path / "rounds.jsonl").read_text().splitlines()
        assert [json.loads(line)["round"] for line in lines] == [0, 1]


def test_a_full_disk_costs_no_round_that_was_kept(
    small: SmallRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.killed(after_round=kill_after(2))
    with Disk(monkeypatch).full(), pytest.raises(RunDirectoryError, match="No space left"):
        small.train()
    resumed = small.train()
    assert [record.round for record in resumed.rounds] == [1, 2, 3, 4]
    assert resumed.table_sha256 == small.whole().table_sha256


def test_a_resumed_transcript_is_that_of_one_training(tmp_path: Path) -> None:
    lines = []
    for name, stops in (("whole", ()), ("stopped", (2, 3))):
        small = SmallRun(None, tmp_path / name, protection="none", min_raters=1)
        for stop in stops:
            small.killed(after_round=kill_after(stop))
            with (small.path / "transcript.jsonl").open("a") as file:
                file.write("half a li")
        small.train(transcript=Transcript())
        text = (small.path / "transcript.jsonl").read_text().splitlines()
        # A resumed training hands the last table out once more, and the transcript says so.
        lines.append([line for k, line in enumerate(text) if k == 0 or line != text[k - 1]])
    assert lines[0] == lines[1]
    assert json.loads(lines[0][-1])["kind"] == "table"


def test_keys_and_states_are_private(tmp_path: Path, weak_key: PrivateKey) -> None:
    small = SmallRun(weak_key, tmp_path / "run", protection="paillier", rounds=1, min_raters=1)
    run = small.run
    run.keep_model(trained_model(small.train(), TRAINING))
    private = [run.path / "key.json", run.path / "model" / "users.npz"]
    private += (run.path / "checkpoints").rglob("participants-*.npz")
    assert len(private) == 3
    for path in private:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_taken_directory_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunDirectoryError, match="exists already"):
        SmallRun(None, tmp_path, protection="none")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_empty_directory_is_taken(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    SmallRun(None, tmp_path / "run", protection="none")
    assert (tmp_path / "run" / "run.json").is_file()


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirectoryError, match="cannot be written"):
        SmallRun(None, tmp_path / "file" / "run", protection="none")


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": "fedmf-run", "version": 2}'])
def test_damaged_descriptions_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(RunDirectoryError, match="damaged"):
        RunDirectory.find(tmp_path)


def test_other_folders_and_versions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="not a run directory"):
        RunDirectory.find(tmp_path)
    (tmp_path / "run.json").write_text('{"format": "fedmf-run", "version": 1}')
    with pytest.raises(RunDirectoryError, match="not a run directory"):
        RunDirectory.find(tmp_path / "run.json")
    with pytest.raises(RunDirectoryError, match="another version"):
        RunDirectory.find(tmp_path)


def test_changed_ratings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    lines = [
        "user,item,rating",
        *(f"{u},{i},{1 + (u * i) % 5}" for u in range(5) for i in range(6)),
    ]
    path.write_text("\n".join(lines))
    data = DataChoice(str(path))
    _, training, heldout = data.load()
    settings = TrainingSettings(protection="none", factors=2, rounds=1)
    plan = TrainingPlan.make(settings, training, public_key=None)
    run = RunDirectory.create(tmp_path / "run", plan, data, (training, heldout), None)
    assert run.described.ratings()[1].sha256() == training.sha256()
    # Ratings that are held out count as much as those that are trained on.
    for part in (training, heldout):
        changed = list(lines)
        pair = f"{part.user_ids[part.users[0]]},{part.item_ids[part.items[0]]},"
        at = next(k for k, line in enumerate(lines) if line.startswith(pair))
        changed[at] = pair + ("1" if lines[at] != f"{pair}1" else "2")
        path.write_text("\n".join(changed))
        with pytest.raises(RunDirectoryError, match="have changed"):
            run.described.ratings()
    path.unlink()
    with pytest.raises(RunDirectoryError, match="needs the ratings that it began with"):
        run.described.ratings()


def test_an_edited_description_is_refused(small: SmallRun) -> None:
    path = small.path / "run.json"
    described = json.loads(path.read_text())
    for name, value in (
        ("factors", 9),
        ("seed", 5),
        ("method", "sgd"),
        ("rounds", 9),
        ("min_raters", 2),
        ("cohort", 5),
    ):
        settings = {**described["settings"], name: value}
        path.write_text(json.dumps({**described, "settings": settings}))
        with pytest.raises(RunDirectoryError, match="another training"):
            small.run.described.plan(TRAINING, HELDOUT)


def test_one_process_at_a_time_trains_in_a_directory(small: SmallRun) -> None:
    taken = pytest.raises(RunDirectoryError, match="another process")
    with small.run.locked(), taken, small.run.locked():
        pass
    with small.run.locked():
        pass


def test_a_shortened_transcript_is_refused(small: SmallRun) -> None:
    small.killed(after_round=kill_after(1))
    os.truncate(small.path / "transcript.jsonl", 10)
    with pytest.raises(RunDirectoryError, match="shorter"):
        small.run.checkpoints.restore()


@pytest.mark.parametrize(
    "name", ["about.json", "closings.bin", "server.bin", "participants-0.npz", "public-model.npz"]
)
def test_damaged_checkpoints_are_refused(small: SmallRun, name: str) -> None:
    small.killed(after_round=kill_after(2))
    (small.path / "checkpoints" / "snapshot-000000003" / name).unlink()
    with pytest.raises(RunDirectoryError):
        small.train()


def test_a_damaged_table_is_named(small: SmallRun) -> None:
    small.killed(after_round=kill_after(1))
    path = small.path / "checkpoints" / "snapshot-000000002" / "server.bin"
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    with pytest.raises(RunDirectoryError, match=r"server\.bin is damaged: it does not match"):
        small.run.checkpoints.restore()


def test_a_model_before_the_end_is_refused(small: SmallRun) -> None:
    with pytest.raises(RunDirectoryError, match=r"is not over.*--resume"):
        small.run.model()
