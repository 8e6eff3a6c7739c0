import json
import os
import stat
from pathlib import Path

import pytest

from fedmf.crypto.paillier import PrivateKey
from fedmf.errors import RunDirectoryError
from fedmf.federation import (
    DataChoice,
    RoundRecord,
    RunDirectory,
    TrainingPlan,
    TrainingSettings,
    Transcript,
    train_locally,
    trained_model,
)
from fedmf.federation.checkpoints import Checkpoints
from fedmf.protocol import PROTECTIONS, fresh_key
from tests.contracts.engine_contract import UNPROTECTED, Keyed
from tests.store.disk import Disk, Kill

DATA = DataChoice("movielens-small", users=10, items=20)


def make_plan(keyed: Keyed, rounds: int = 4) -> TrainingPlan:
    key = keyed.key
    settings = TrainingSettings(
        protection=keyed.protection, key_bits=1024, factors=4, rounds=rounds, min_raters=1
    )
    _, training, _ = DATA.load()
    return TrainingPlan.make(
        settings,
        training,
        public_key=int(key.public.n) if isinstance(key, PrivateKey) else None,
        measured=True,
    )


@pytest.fixture(params=PROTECTIONS)
def keyed(request: pytest.FixtureRequest, weak_key: PrivateKey) -> Keyed:
    fresh = fresh_key(request.param, 1024) if request.param != "paillier" else weak_key
    return Keyed(request.param, fresh)


def stop_after(rounds: int):  # type: ignore[no-untyped-def]
    def after_round(record: RoundRecord) -> None:
        if record.round == rounds:
            raise Kill

    return after_round


@pytest.mark.filterwarnings("ignore::fedmf.crypto.paillier_numbers.WeakKeyWarning")
def test_a_stopped_training_resumes_to_the_same_table(tmp_path: Path, keyed: Keyed) -> None:
    _, training, heldout = DATA.load()
    plan, key = make_plan(keyed), keyed.key
    whole = train_locally(plan, key, training, heldout)
    run = RunDirectory.create(tmp_path / "run", plan, DATA, (training, heldout), key)
    for stop in (1, 3):
        with pytest.raises(Kill):
            train_locally(plan, key, training, heldout, run=run, after_round=stop_after(stop))
    found = RunDirectory.find(tmp_path / "run")
    again = found.described.plan(*found.described.ratings()[1:])
    assert again.session == plan.session
    resumed = train_locally(again, found.key(), training, heldout, run=found)
    assert resumed.table_sha256 == whole.table_sha256
    assert [record.round for record in resumed.rounds] == [1, 2, 3, 4]
    kept = (tmp_path / "run" / "checkpoints").iterdir()
    assert [path.name for path in kept] == ["snapshot-000000005"]


@pytest.mark.parametrize("protection", ["none", "committee"])
def test_killed_at_any_write_of_a_round(
    tmp_path: Path, protection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen rounds, logs and checkpoints: the training goes on from anything that was written."""
    _, training, heldout = DATA.load()
    keyed = Keyed(protection, fresh_key(protection, 1024))
    plan = make_plan(keyed, rounds=1)
    whole = train_locally(plan, keyed.key, training, heldout).table_sha256
    disk = Disk(monkeypatch)
    for name in ("keep", "keep_frozen"):
        monkeypatch.setattr(Checkpoints, name, disk.here(getattr(Checkpoints, name)))
    for fatal in range(1, {"none": 7, "committee": 12}[protection]):
        path = tmp_path / str(fatal)
        RunDirectory.create(path, plan, DATA, (training, heldout), keyed.key)
        with disk.of_another(), disk.dying(fatal), pytest.raises(Kill):
            train_locally(plan, keyed.key, training, heldout, run=RunDirectory.find(path))
        run = RunDirectory.find(path)
        resumed = train_locally(plan, keyed.key, training, heldout, run=run)
        assert resumed.table_sha256 == whole
        lines = (path / "rounds.jsonl").read_text().splitlines()
        assert [json.loads(line)["round"] for line in lines] == [0, 1]


def test_a_full_disk_costs_no_round_that_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, training, heldout = DATA.load()
    plan = make_plan(UNPROTECTED)
    run = RunDirectory.create(tmp_path, plan, DATA, (training, heldout), None)
    with pytest.raises(Kill):
        train_locally(plan, None, training, heldout, run=run, after_round=stop_after(2))
    with Disk(monkeypatch).full(), pytest.raises(RunDirectoryError, match="No space left"):
        train_locally(plan, None, training, heldout, run=RunDirectory.find(tmp_path))
    resumed = train_locally(plan, None, training, heldout, run=RunDirectory.find(tmp_path))
    assert [record.round for record in resumed.rounds] == [1, 2, 3, 4]
    assert resumed.table_sha256 == train_locally(plan, None, training, heldout).table_sha256


def test_a_resumed_transcript_is_that_of_one_training(tmp_path: Path) -> None:
    _, training, heldout = DATA.load()
    plan = make_plan(UNPROTECTED)
    lines = []
    for name, stops in (("whole", ()), ("stopped", (2, 3))):
        run = RunDirectory.create(tmp_path / name, plan, DATA, (training, heldout), None)
        for stop in stops:
            with pytest.raises(Kill):
                train_locally(plan, None, training, heldout, run=run, after_round=stop_after(stop))
            with (run.path / "transcript.jsonl").open("a") as file:
                file.write("half a li")
            run = RunDirectory.find(run.path)
        train_locally(plan, None, training, heldout, run=run, transcript=Transcript())
        text = (run.path / "transcript.jsonl").read_text().splitlines()
        # Protection none is deterministic, so that messages can be compared by their digests.
        # A resumed training hands the last table out once more, and the transcript says so.
        lines.append([line for k, line in enumerate(text) if k == 0 or line != text[k - 1]])
    assert lines[0] == lines[1]
    assert json.loads(lines[0][-1])["kind"] == "table"


def test_keys_and_states_are_private(tmp_path: Path, weak_key: PrivateKey) -> None:
    _, training, heldout = DATA.load()
    plan = make_plan(Keyed("paillier", weak_key), rounds=1)
    run = RunDirectory.create(tmp_path / "run", plan, DATA, (training, heldout), weak_key)
    result = train_locally(plan, weak_key, training, heldout, run=run)
    run.keep_model(trained_model(result, training))
    private = [run.path / "key.json", run.path / "model" / "users.npz"]
    private += (run.path / "checkpoints").rglob("participants-*.npz")
    assert len(private) == 3
    for path in private:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_taken_directory_is_refused_and_left_alone(tmp_path: Path) -> None:
    _, training, heldout = DATA.load()
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunDirectoryError, match="exists already"):
        RunDirectory.create(tmp_path, make_plan(UNPROTECTED), DATA, (training, heldout), None)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_empty_directory_is_taken(tmp_path: Path) -> None:
    _, training, heldout = DATA.load()
    (tmp_path / "run").mkdir()
    RunDirectory.create(tmp_path / "run", make_plan(UNPROTECTED), DATA, (training, heldout), None)
    assert (tmp_path / "run" / "run.json").is_file()


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    _, training, heldout = DATA.load()
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirectoryError, match="cannot be written"):
        RunDirectory.create(
            tmp_path / "file" / "run", make_plan(UNPROTECTED), DATA, (training, heldout), None
        )


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


def test_an_edited_description_is_refused(tmp_path: Path) -> None:
    _, training, heldout = DATA.load()
    run = RunDirectory.create(
        tmp_path / "run", make_plan(UNPROTECTED), DATA, (training, heldout), None
    )
    path = run.path / "run.json"
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
            RunDirectory.find(run.path).described.plan(training, heldout)


def test_one_process_at_a_time_trains_in_a_directory(tmp_path: Path) -> None:
    _, training, heldout = DATA.load()
    run = RunDirectory.create(
        tmp_path / "run", make_plan(UNPROTECTED), DATA, (training, heldout), None
    )
    with (
        run.locked(),
        pytest.raises(RunDirectoryError, match="another process"),
        RunDirectory.find(run.path).locked(),
    ):
        pass
    with RunDirectory.find(run.path).locked():
        pass


def test_a_shortened_transcript_is_refused(tmp_path: Path) -> None:
    _, training, heldout = DATA.load()
    plan = make_plan(UNPROTECTED)
    run = RunDirectory.create(tmp_path / "run", plan, DATA, (training, heldout), None)
    with pytest.raises(Kill):
        train_locally(plan, None, training, heldout, run=run, after_round=stop_after(1))
    os.truncate(run.path / "transcript.jsonl", 10)
    with pytest.raises(RunDirectoryError, match="shorter"):
        run.checkpoints.restore()


@pytest.mark.parametrize(
    "name", ["about.json", "closings.bin", "server.bin", "participants-0.npz", "public-model.npz"]
)
def test_damaged_checkpoints_are_refused(tmp_path: Path, name: str) -> None:
    _, training, heldout = DATA.load()
    plan = make_plan(UNPROTECTED)
    run = RunDirectory.create(tmp_path / "run", plan, DATA, (training, heldout), None)
    with pytest.raises(Kill):
        train_locally(plan, None, training, heldout, run=run, after_round=stop_after(2))
    (run.path / "checkpoints" / "snapshot-000000003" / name).unlink()
    with pytest.raises(RunDirectoryError):
        train_locally(plan, None, training, heldout, run=RunDirectory.find(run.path))


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    _, training, heldout = DATA.load()
    plan = make_plan(UNPROTECTED)
    run = RunDirectory.create(tmp_path / "run", plan, DATA, (training, heldout), None)
    with pytest.raises(Kill):
        train_locally(plan, None, training, heldout, run=run, after_round=stop_after(1))
    path = run.path / "checkpoints" / "snapshot-000000002" / "server.bin"
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    with pytest.raises(RunDirectoryError, match=r"server\.bin is damaged: it does not match"):
        run.checkpoints.restore()


def test_a_model_before_the_end_is_refused(tmp_path: Path) -> None:
    _, training, heldout = DATA.load()
    run = RunDirectory.create(
        tmp_path / "run", make_plan(UNPROTECTED), DATA, (training, heldout), None
    )
    with pytest.raises(RunDirectoryError, match=r"is not over.*--resume"):
        run.model()
