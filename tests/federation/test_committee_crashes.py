"""A federation with a committee that dies in the middle of a round, and what becomes of the round.

Members answer once. What their logs hold after a crash decides whether the round goes on, is void,
or can never be opened any more.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from fedmf.crypto.derivation import MasterSecret
from fedmf.errors import ProtocolError
from fedmf.federation import LocalEngine
from fedmf.federation.checkpoints import Checkpoints
from fedmf.federation.conductor import MOST_VOID_ROUNDS
from fedmf.protocol.committee.exchange import AnswerReply, CheckReply, PromiseReply
from fedmf.protocol.messages import kind_of
from tests.federation.runs import SmallRun
from tests.store.disk import Kill

KEY = MasterSecret(bytes(range(32)))
Crash = Callable[[pytest.MonkeyPatch], None]


def make(tmp_path: Path) -> SmallRun:
    return SmallRun(KEY, tmp_path / "run", rounds=3)


def killed(small: SmallRun, monkeypatch: pytest.MonkeyPatch, crash: Crash) -> None:
    """Train until the process dies."""
    with monkeypatch.context() as patched:
        crash(patched)
        small.killed()


def die(*_: object) -> None:
    raise Kill


def dies_at(step: str) -> Crash:
    """Have the process die before checkpoints take this step."""
    return lambda patched: patched.setattr(Checkpoints, step, die)


def crash_after_answers(answers: int, in_round: int, kind: int = AnswerReply.KIND) -> Crash:
    """Have the process die once this many members have answered, one more reply being lost."""
    consult = LocalEngine.consult
    seen = 0

    def dying(engine: LocalEngine, requests: Mapping[int, bytes]) -> Iterator[tuple[int, bytes]]:
        nonlocal seen
        for member, reply in consult(engine, requests):
            if kind_of(reply) == kind:
                seen += 1
                if seen == 4 * (in_round - 1) + answers:
                    raise Kill
            yield member, reply

    return lambda patched: patched.setattr(LocalEngine, "consult", dying)


@pytest.mark.parametrize("in_round", [1, 3])
@pytest.mark.parametrize("answers", [3, 4])
def test_a_round_that_enough_members_answered_is_opened_after_the_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: int, in_round: int
) -> None:
    small = make(tmp_path)
    killed(small, monkeypatch, crash_after_answers(answers, in_round))
    assert small.run.checkpoints.frozen(in_round) is not None
    assert small.train().table_sha256 == small.whole().table_sha256


@pytest.mark.parametrize("kind", [PromiseReply.KIND, CheckReply.KIND])
@pytest.mark.parametrize("replies", [1, 4])
def test_a_round_with_promises_goes_on_if_members_can_answer_and_one_with_answers_in_any_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replies: int, kind: int
) -> None:
    """Members that died with the server cannot answer any more: the round is void, and repeated.

    What they check, on the other hand, they take from the certificate and the words on the disk.
    """
    small = make(tmp_path)
    killed(small, monkeypatch, crash_after_answers(replies, 2, kind))
    words = small.path / "words.spool"
    assert words.stat().st_mode & 0o777 == 0o600
    result = small.train()
    void = [record.void_before for record in result.rounds]
    assert void == ([1, 0, 0] if kind == PromiseReply.KIND else [0, 0, 0])
    assert result.table_sha256 == small.whole().table_sha256
    assert not words.exists()


def test_a_round_whose_words_are_lost_in_a_crash_ends_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = make(tmp_path)
    killed(small, monkeypatch, crash_after_answers(4, 2))
    (small.path / "words.spool").write_bytes(b"")
    with pytest.raises(ProtocolError, match=r"uploads of round 2 are lost.*begin a new"):
        small.train()


def test_a_round_that_too_few_answered_ends_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others have forgotten their seeds, and no second sum may ever be opened beside it."""
    small = make(tmp_path)
    killed(small, monkeypatch, crash_after_answers(2, 2))
    for _ in range(2):
        with pytest.raises(ProtocolError, match=r"only 2 of the 3 members.*begin a new"):
            small.train()


def test_a_round_that_one_member_answered_is_void_and_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others sign no set that they have not answered for, and are enough to end it void."""
    small = make(tmp_path)
    killed(small, monkeypatch, crash_after_answers(1, 2))
    assert small.train().table_sha256 == small.whole().table_sha256


def test_a_round_that_nobody_answered_is_void_and_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = make(tmp_path)
    killed(small, monkeypatch, dies_at("keep_frozen"))
    result = small.train()
    assert result.setup is not None
    assert result.setup.void_before == 1
    assert result.table_sha256 == small.whole().table_sha256


def test_a_round_after_void_ones_is_opened_after_the_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No checkpoint holds the void ones: they end void once more."""
    small = make(tmp_path)
    killed(small, monkeypatch, dies_at("keep_frozen"))
    killed(small, monkeypatch, dies_at("keep"))
    frozen = small.run.checkpoints.frozen(1)
    assert frozen is not None
    assert frozen.number == 2
    assert small.train().table_sha256 == small.whole().table_sha256


def test_a_run_that_crashes_in_the_same_round_again_and_again_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = make(tmp_path)
    for _ in range(MOST_VOID_ROUNDS + 2):
        killed(small, monkeypatch, dies_at("keep_frozen"))
    assert small.train().table_sha256 == small.whole().table_sha256


def test_a_kill_while_the_frozen_round_is_removed_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = make(tmp_path)
    remove = shutil.rmtree

    def dying(path: Path, *, ignore_errors: bool = False) -> None:
        if path.parent.name == "frozen":
            (damaged,) = path.glob("*/about.json")
            damaged.unlink()
            raise Kill
        remove(path, ignore_errors=ignore_errors)

    killed(small, monkeypatch, lambda patched: patched.setattr(shutil, "rmtree", dying))
    assert small.train().table_sha256 == small.whole().table_sha256
