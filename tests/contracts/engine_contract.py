"""What every engine must do. An engine gets these tests by saying how it is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.participants_key import ParticipantsKey
from fedmf.errors import (
    FedmfError,
    FixedPointRangeError,
    MessageError,
    ProtocolError,
    SettingsError,
)
from fedmf.federation import (
    Engine,
    LocalEngine,
    Training,
    TrainingPlan,
    TrainingResult,
    TrainingSettings,
    Transcript,
)
from fedmf.federation.checkpoints import Checkpoint, Saving
from fedmf.federation.engine import Uploaded
from fedmf.federation.participant_states import read_states
from fedmf.federation.roles import keyring, make_server
from fedmf.federation.training import RoundRecord
from fedmf.model import FloatTable, Method, PublicModel
from fedmf.model.sgd import Sgd
from fedmf.protocol import PROTECTIONS, Change, ClosingMessage, fresh_key
from fedmf.protocol.compact_words import table_bytes
from fedmf.protocol.table import decode_words
from fedmf.ratings import Ratings, load_ratings


@pytest.fixture(scope="module")
def split() -> tuple[Ratings, Ratings]:
    """Return a small part of the bundled ratings, split."""
    return load_ratings("movielens-small").take(users=12, items=30).split(0.2, seed=1)


class Dropping:
    """An engine whose participants drop out: some of their uploads never arrive."""

    def __init__(self, engine: Engine, dropped: dict[int, set[int]]) -> None:
        self._engine, self._dropped, self._round = engine, dropped, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def collect(
        self, cohort: list[int], leaving: frozenset[int] = frozenset()
    ) -> Iterator[Uploaded]:
        self._round += 1
        for uploaded in self._engine.collect(cohort, leaving):
            if uploaded.participant not in self._dropped.get(self._round, set()):
                yield uploaded


class HeavyBall(Sgd):
    """A method whose public model depends on the one before: V goes on moving as it last did."""

    __slots__ = ()

    def decode(
        self,
        table: FloatTable,
        previous: PublicModel | None,
        renewed: NDArray[np.int64] | None = None,
    ) -> PublicModel:
        """Return V plus half of its last move."""
        del renewed
        items = table["items"]
        last = items if previous is None else previous.statistics["items"]
        return PublicModel(items + 0.5 * (items - last), {"items": items})


class Keyed(NamedTuple):
    """A protection with a key for it."""

    protection: str
    key: ParticipantsKey | None


UNPROTECTED = Keyed("none", None)


class StopAfter:
    """A keeper that keeps a checkpoint and then stops the training, as Ctrl-C would."""

    def __init__(self, rounds: int, folder: Path) -> None:
        self._stop, self.folder = rounds, folder
        self.closings: list[bytes] = []
        self.records: list[RoundRecord] = []

    def keep_frozen(self, round_number: int, frozen: bytes, engine: Saving) -> None:
        """Nothing is killed in the middle of a round here."""

    def keep(self, server_payload, closings, record, engine, transcript):  # type: ignore[no-untyped-def]
        del transcript
        self.records.append(record)
        if len(self.records) == self._stop:
            self.payload, self.closings, self.engine = server_payload, closings, engine
            engine.save(self.folder)
            raise KeyboardInterrupt


@pytest.fixture(params=PROTECTIONS)
def keyed(request: pytest.FixtureRequest, weak_key: PrivateKey) -> Keyed:
    """Return each protection with a key."""
    fresh = fresh_key(request.param, 1024) if request.param != "paillier" else weak_key
    return Keyed(request.param, fresh)


def planned(keyed: Keyed, training: Ratings, **chosen: Any) -> TrainingPlan:
    """Return the plan of a training that measures itself, always of the same session."""
    key = keyed.key
    return TrainingPlan.make(
        TrainingSettings(protection=keyed.protection, **{"key_bits": 1024, **chosen}),
        training,
        public_key=int(key.public.n) if isinstance(key, PrivateKey) else None,
        session_id=bytes(16),
        measured=True,
    )


def conducted(
    plan: TrainingPlan,
    keyed: Keyed,
    engine: Engine,
    keeper: StopAfter | None = None,
    **options: Any,
) -> Training:
    """Return who conducts a training, from where the keeper stopped one before."""
    session = plan.session
    charter = keyring(session, keyed.key).charter
    if keeper is None or not keeper.closings:
        server = make_server(session, plan.start_table(), charter)
        return Training(plan, engine, server, store=keeper, **options)
    server = make_server(
        session,
        plan.start_table(),
        charter,
        checkpoint=Checkpoint(keeper.folder, keeper.payload, keeper.closings, ()),
    )
    engine.restore(keeper.folder, keeper.closings)
    # What members have signed is in no checkpoint: they have logs of their own, here in memory.
    engine._members = keeper.engine._members  # type: ignore[attr-defined]
    return Training(plan, engine, server, records=keeper.records, **options)


def play(*arguments: Any, **options: Any) -> TrainingResult:
    """Play a training to its end; see `conducted`."""
    training = conducted(*arguments, **options)
    for _ in training.rounds():
        pass
    return training.result()


def last_contributions(plan: TrainingPlan, engine: Engine) -> dict[int, Change | None]:
    """Return what each participant's included uploads have come to."""
    with TemporaryDirectory() as folder:
        engine.save(Path(folder))
        states = read_states(Path(folder), plan.codec.shape, range(len(plan.members)))
    return {number: state.contribution for number, state in states.items()}


class EngineContract:
    """Inherit and override `engine`."""

    def engine(
        self,
        plan: TrainingPlan,
        key: ParticipantsKey | None,
        training: Ratings,
        heldout: Ratings,
    ) -> AbstractContextManager[Engine]:
        """Return an engine for these participants."""
        raise NotImplementedError

    def plan(self, split: tuple[Ratings, Ratings], keyed: Keyed, **changed: object) -> TrainingPlan:
        chosen = {"method": "sgd", "factors": 4, "rounds": 3, "min_raters": 1, **changed}
        return planned(keyed, split[0], **chosen)

    def played(
        self, plan: TrainingPlan, keyed: Keyed, split: tuple[Ratings, Ratings], **options: Any
    ) -> TrainingResult:
        """Play a training on an engine of its own."""
        with self.engine(plan, keyed.key, *split) as engine:
            return play(plan, keyed, engine, **options)

    def stopped(
        self, plan: TrainingPlan, keyed: Keyed, split: tuple[Ratings, Ratings], keeper: StopAfter
    ) -> None:
        """Play a training until the keeper stops it."""
        with pytest.raises(KeyboardInterrupt):
            self.played(plan, keyed, split, keeper=keeper)

    def reference(self, plan: TrainingPlan, split: tuple[Ratings, Ratings]) -> TrainingResult:
        """Return the same training in one process without protection."""
        open_plan = self.plan(split, UNPROTECTED, **_without_protection(plan))
        with LocalEngine(open_plan, None, *split) as engine:
            return play(open_plan, UNPROTECTED, engine)

    @pytest.mark.parametrize(
        "changed",
        [
            {},
            {"upload": "part"},
            {"cohort": 5},
            {"silos": 3},
            {"seed": 4},
            {"min_raters": 3},
            {"min_raters": 2, "upload": "part", "cohort": 4},
            {"method": "bayes", "min_raters": 3},
            {"method": "bayes", "upload": "part"},
            {"method": "implicit", "cohort": 4},
            {"method": "bayes", "min_raters": 1, "cohort": 4, "silos": 9},
            {"method": "bayes", "upload": "slices", "slices": 2},
            {"method": "implicit", "upload": "slices", "slices": 3},
            {"method": "gram", "factors": 9, "rounds": 1},
            {"method": "gram", "factors": 9, "rounds": 1, "min_raters": 2, "silos": 3},
            {"method": "gram", "factors": 9, "rounds": 1, "upload": "part"},
            {"upload": "slices", "slices": 2},
        ],
        ids=lambda changed: "-".join(f"{k}={v}" for k, v in changed.items()) or "default",
    )
    def test_result_equals_the_plain_run_bit_for_bit(
        self,
        split: tuple[Ratings, Ratings],
        keyed: Keyed,
        changed: dict[str, object],
    ) -> None:
        if isinstance(keyed.key, MasterSecret) and changed.get("upload") == "part":
            with pytest.raises(SettingsError, match="full or slices"):
                self.plan(split, keyed, **changed)
            return
        plan = self.plan(split, keyed, **changed)
        result = self.played(plan, keyed, split)
        expected = self.reference(plan, split)
        assert result.table_sha256 == expected.table_sha256
        np.testing.assert_array_equal(result.user_factors, expected.user_factors)
        rounds = range(1, plan.settings.rounds + 1)
        assert [record.round for record in result.rounds] == list(rounds)
        assert (result.setup is not None) == plan.counts_raters
        found = [(record.rmse, record.training_loss) for record in result.rounds]
        wanted = [(record.rmse, record.training_loss) for record in expected.rounds]
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
        rankings = [record.ndcg_at_10 for record in result.rounds]
        np.testing.assert_allclose(rankings, [r.ndcg_at_10 for r in expected.rounds], rtol=1e-12)
        found_sums = [record.summed_rmse for record in result.rounds]
        np.testing.assert_array_equal(found_sums, [r.summed_rmse for r in expected.rounds])

    @pytest.fixture(params=["none", "committee"])
    def opened(self, request: pytest.FixtureRequest) -> Keyed:
        """Return each protection under which the server may open the table, with a key."""
        return Keyed(request.param, fresh_key(request.param, 1024))

    @pytest.mark.parametrize(
        "changed",
        [
            {"method": "bayes"},
            {"method": "bayes", "download_bits": 4, "min_raters": 3, "cohort": 4},
            {"method": "implicit", "silos": 3},
            {"method": "sgd"},
            {"method": "bayes", "upload": "slices", "slices": 2},
        ],
        ids=lambda changed: "-".join(f"{k}={v}" for k, v in changed.items()),
    )
    def test_compact_downloads_are_the_same_whoever_opens_the_table(
        self,
        split: tuple[Ratings, Ratings],
        opened: Keyed,
        changed: dict[str, object],
        tmp_path: Path,
    ) -> None:
        chosen = {"download_bits": 6, "opened_by": "server", **changed}
        plan = self.plan(split, opened, **chosen)
        result = self.played(plan, opened, split)
        expected = self.reference(plan, split)
        assert result.table_sha256 == expected.table_sha256
        np.testing.assert_array_equal(result.user_factors, expected.user_factors)
        keeper = StopAfter(2, tmp_path)
        self.stopped(plan, opened, split, keeper)
        resumed = self.played(plan, opened, split, keeper=keeper)
        assert resumed.table_sha256 == result.table_sha256
        assert [record.rmse for record in resumed.rounds] == [one.rmse for one in result.rounds]

    @pytest.mark.parametrize("method", ["bayes", "sgd"])
    def test_the_server_adds_to_what_it_keeps_and_not_to_what_it_sends(
        self, split: tuple[Ratings, Ratings], opened: Keyed, method: str, tmp_path: Path
    ) -> None:
        """The checkpoint after a round is the exact sum of the uploads before."""
        plan = self.plan(split, opened, download_bits=4, opened_by="server", method=method)
        keeper, shape = StopAfter(3, tmp_path), plan.codec.shape
        self.stopped(plan, opened, split, keeper)
        states = read_states(tmp_path, shape, range(len(plan.members)))
        sums = shape.flat(plan.start_table()).copy()
        for state in states.values():
            assert state.contribution is not None
            sums += shape.flat_change(state.contribution)
        # Anything that stands in front of the words in a checkpoint.
        words = keeper.payload[-table_bytes(shape, None) :]
        np.testing.assert_array_equal(shape.flat(decode_words(shape, words)), sums)

    def test_the_table_sums_the_errors_of_the_model_before_the_round(
        self, split: tuple[Ratings, Ratings], keyed: Keyed
    ) -> None:
        plan = self.plan(split, keyed, min_raters=2)
        result = self.played(plan, keyed, split)
        assert result.setup is not None
        assert np.isnan(result.setup.summed_rmse)
        outside = [record.rmse for record in (result.setup, *result.rounds)]
        summed = [record.summed_rmse for record in result.rounds]
        np.testing.assert_allclose(summed, outside[:-1], rtol=1e-4)
        assert summed[0] != summed[1]

    @pytest.mark.parametrize("method", ["bayes", "sgd"])
    def test_dropouts_do_not_corrupt_the_table(
        self, split: tuple[Ratings, Ratings], keyed: Keyed, method: str
    ) -> None:
        chosen = {"rounds": 4, "method": method, "min_raters": 1}
        plan = self.plan(split, keyed, **chosen)
        everybody = set(range(len(plan.members)))
        lost = {1: {0, 3}, 2: {3, 5}, 4: everybody}
        transcript = Transcript(keep_messages=True)
        with self.engine(plan, keyed.key, *split) as engine:
            result = play(plan, keyed, Dropping(engine, lost), transcript=transcript)
        records = [result.setup, *result.rounds] if result.setup else result.rounds
        if plan.session.committee is None:
            dropped = [2, 2, 0, len(everybody)]
        else:
            # A round of nobody is void. Participants that were lost in the first round join later,
            # and wait until there are enough of them. So does the one that was lost in the first
            # round that learns: of the set-up alone it has nothing in the table but counts.
            waiting = 3 if plan.setup_rounds else 2
            dropped = [2, 3, waiting, waiting]
            assert [record.void_before for record in records[:4]] == [0, 0, 0, 1]
        assert [record.dropped for record in records[:4]] == dropped
        closings = [
            ClosingMessage.from_bytes(entry.data or b"", plan.session)
            for entry in transcript.entries
            if entry.kind == "closing"
        ]
        counted = [closing.included for closing in closings if closing.counts(plan.session)]
        left_out = {k: everybody - set(included) for k, included in enumerate(counted, start=1)}
        open_plan = self.plan(split, UNPROTECTED, **chosen)
        with LocalEngine(open_plan, None, *split) as engine:
            plain = play(open_plan, UNPROTECTED, Dropping(engine, left_out))
        assert result.table_sha256 == plain.table_sha256

    @pytest.mark.parametrize("method", ["bayes", "sgd"])
    def test_a_restored_engine_goes_on_as_if_nothing_had_happened(
        self, split: tuple[Ratings, Ratings], keyed: Keyed, method: str, tmp_path: Path
    ) -> None:
        plan = self.plan(split, keyed, cohort=4, method=method)
        keeper = StopAfter(2, tmp_path)
        self.stopped(plan, keyed, split, keeper)
        resumed = self.played(plan, keyed, split, keeper=keeper)
        assert resumed.table_sha256 == self.reference(plan, split).table_sha256
        assert [record.round for record in resumed.rounds] == [1, 2, 3]

    def test_a_restored_engine_goes_on_with_the_slice_that_is_due(
        self, split: tuple[Ratings, Ratings], keyed: Keyed, tmp_path: Path
    ) -> None:
        plan = self.plan(split, keyed, method="bayes", upload="slices", slices=2, rounds=4)
        # The set-up, and the first slice once.
        keeper = StopAfter(2, tmp_path)
        self.stopped(plan, keyed, split, keeper)
        resumed = self.played(plan, keyed, split, keeper=keeper)
        assert resumed.table_sha256 == self.reference(plan, split).table_sha256

    def test_a_restored_engine_remembers_the_public_model(
        self, split: tuple[Ratings, Ratings], tmp_path: Path
    ) -> None:
        plan = self.plan(split, UNPROTECTED, rounds=4, min_raters=2)
        # In place of the method that the plan worked out.
        vars(plan)["method"] = HeavyBall(**_fields(plan.method))
        whole = self.played(plan, UNPROTECTED, split)
        keeper = StopAfter(3, tmp_path)
        self.stopped(plan, UNPROTECTED, split, keeper)
        resumed = self.played(plan, UNPROTECTED, split, keeper=keeper)
        assert resumed.table_sha256 == whole.table_sha256
        np.testing.assert_array_equal(
            resumed.public_model.item_factors, whole.public_model.item_factors
        )
        assert [record.rmse for record in resumed.rounds] == [r.rmse for r in whole.rounds]

    def test_errors_of_participants_reach_the_caller(
        self, split: tuple[Ratings, Ratings], keyed: Keyed
    ) -> None:
        plan = self.plan(split, keyed, learning_rate=50.0)
        with pytest.raises(FixedPointRangeError, match="contribution to group 'items'"):
            self.played(plan, keyed, split)

    def test_messages_that_are_none_are_refused(
        self, split: tuple[Ratings, Ratings], keyed: Keyed
    ) -> None:
        plan = self.plan(split, keyed)
        with self.engine(plan, keyed.key, *split) as engine:
            with pytest.raises(MessageError):
                engine.distribute(b"no table")
            with pytest.raises(MessageError):
                engine.deliver_closing(b"no closing")
            with pytest.raises(ProtocolError):
                engine.opened_table()
            with pytest.raises(FedmfError):
                list(engine.collect([0]))

    def test_transcript_holds_what_each_role_saw(
        self, split: tuple[Ratings, Ratings], keyed: Keyed
    ) -> None:
        plan = self.plan(split, keyed, cohort=4)
        transcript = Transcript(keep_messages=True)
        self.played(plan, keyed, split, transcript=transcript)
        uploads = [entry for entry in transcript.view("server") if entry.kind == "upload"]
        assert len(uploads) == sum(len(plan.cohort(number)) for number in (1, 2, 3))
        member = plan.cohort(1)[0]
        own = [entry.kind for entry in transcript.view(f"participant {member}") if entry.round == 1]
        assert [kind for kind in own if kind not in ("opening", "copy")] == [
            "table",
            "upload",
            "closing",
        ]
        assert all(entry.data is not None and len(entry.data) == entry.size for entry in uploads)


def _fields(method: Method) -> dict[str, Any]:
    settings: dict[str, Any] = {**method.settings(), "scale": method.scale}
    del settings["name"]
    return settings


def _without_protection(plan: TrainingPlan) -> dict[str, object]:
    settings = plan.settings.as_json()
    del settings["protection"]
    return settings
