"""The walk of one rating, as the architecture page tells it and as it is when it is followed."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import pytest

import fedmf
from fedmf.federation import Participant, TrainingSettings, make_plan, train_locally
from fedmf.ratings import load_ratings

SOURCE = Path(fedmf.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "architecture.md"
WALK = re.search(r"## The walk of one rating\n(.*?)\n## ", PAGE.read_text(encoding="utf-8"), re.S)


class Call(NamedTuple):
    """A call of a function of ours."""

    file: str
    function: str
    way: tuple[tuple[str, str], ...]
    """The functions of ours, with their files, that led to it, outermost first."""


def ours(frame: FrameType | None) -> Iterator[tuple[str, str]]:
    """Yield file and name of the functions of ours on the way to a frame, innermost first."""
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        # Comprehensions and lambdas are part of the function that they stand in.
        if path.is_relative_to(SOURCE) and not frame.f_code.co_name.startswith("<"):
            yield path.relative_to(SOURCE).as_posix(), frame.f_code.co_qualname
        frame = frame.f_back


@contextmanager
def followed(calls: list[Call]) -> Iterator[None]:
    """Note all calls of ours that happen inside."""

    def note(frame: FrameType, event: str, argument: object) -> None:
        del argument
        if event == "call" and Path(frame.f_code.co_filename).is_relative_to(SOURCE):
            way = tuple(ours(frame))
            calls.append(Call(*way[0], way[:0:-1]))

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)


@pytest.fixture(params=["none", "committee"])
def walk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """Return the calls that a participant makes in its last round."""
    training, heldout = load_ratings("movielens-small").take(users=4, items=20).split(0.2)
    settings = TrainingSettings(protection=request.param, factors=3, rounds=2)
    plan, key = make_plan(settings, training, measured=True)
    # The last of a set-up and two rounds of learning.
    last = (plan.setup_rounds + 2) * len(plan.members)
    take_part = Participant.take_part
    calls: list[Call] = []
    count = 0

    def counted(participant: Participant, *arguments: object) -> object:
        nonlocal count
        count += 1
        if count < last:
            return take_part(participant, *arguments)  # type: ignore[arg-type]
        with followed(calls):
            return take_part(participant, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Participant, "take_part", counted)
    train_locally(plan, key, training, heldout)
    assert count == last
    return calls


def story() -> str:
    """Return what the page says of the walk."""
    assert WALK is not None
    return WALK[1]


def protection(walk: list[Call]) -> str:
    """Return the name of the protection that was followed."""
    return "none" if any(call.file == "protocol/none.py" for call in walk) else "committee"


def test_a_participant_makes_the_calls_of_the_page_in_their_order(walk: list[Call]) -> None:
    rows = re.findall(r"^\| [^|]+ \| `([^`]+)` \| `([\w.]+)`(?: -> `([\w.]+)`)? \|", story(), re.M)
    assert len(rows) == 13
    here = len(walk[0].way)
    direct = [(call.file, call.function) for call in walk if len(call.way) == here + 1]
    assert list(dict.fromkeys(direct)) == [(file, function) for file, function, _ in rows]
    for _, function, leads_to in rows:
        below = {
            call.function.split(".")[-1] for call in walk if function in dict(call.way).values()
        }
        assert not leads_to or leads_to.split(".")[-1] in below


@pytest.mark.parametrize("walk", ["committee"], indirect=True)
def test_the_way_from_a_training_to_an_encryption_is_that_of_the_page(walk: list[Call]) -> None:
    block = re.search(r"```text\n(.*?)```", story(), re.S)
    assert block is not None
    told = [tuple(line.split()) for line in block[1].splitlines()]
    assert len(told) == 9
    encrypted = next(call for call in walk if call.function == "encrypt")
    assert [*encrypted.way, (encrypted.file, encrypted.function)] == told


def test_the_files_on_the_way_are_no_more_than_the_page_says(walk: list[Call]) -> None:
    told = re.search(r"at most (\d+) files of `src/fedmf` under `none`, and at most (\d+)", story())
    assert told is not None
    files = {call.file for call in walk}
    assert len(files) <= int(told[1 if protection(walk) == "none" else 2])
