"""Declared records: what is written is what is declared, and nothing else is read."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmf.errors import MessageError
from fedmf.protocol.wire import (
    U32,
    Given,
    Record,
    Rest,
    ascending,
    fixed,
    many,
    one_of,
    sized_bytes,
    text,
    times,
    when,
)


class Colour(IntEnum):
    RED = 1
    BLUE = 2


@dataclass(frozen=True, slots=True)
class Leaf(Record):
    owner: Given[int]
    size: U32


@dataclass(frozen=True, slots=True)
class Branch(Record):
    owner: U32
    leaves: Annotated[tuple[Leaf, ...], many(lambda known: known.most)]


@dataclass(frozen=True, slots=True)
class Tree(Record):
    owner: Given[int]
    colour: Annotated[Colour, one_of(Colour, "a tree of colour {}")]
    name: Annotated[str, text(4)]
    bark: Annotated[bytes, sized_bytes(3)]
    rings: Annotated[tuple[int, ...], ascending(5)]
    knots: Annotated[tuple[Annotated[bytes, fixed(2)], ...], times(lambda known: len(known.rings))]
    branch: Annotated[Branch | None, when(lambda known: known.colour == Colour.RED)]
    roots: Rest


LEAVES = (Leaf(7, 1), Leaf(7, 2))
TREE = Tree(3, Colour.RED, "ash", b"b", (4, 9), (b"k1", b"k2"), Branch(7, LEAVES), b"roots")
BYTES = (
    b"\x01"
    + struct.pack("<I3s", 3, b"ash")
    + struct.pack("<I1s", 1, b"b")
    + struct.pack("<III", 2, 4, 9)
    + b"k1k2"
    + struct.pack("<IIII", 7, 2, 1, 2)
    + b"roots"
)


def read(data: bytes, most: int = 2) -> Tree:
    return Tree.from_bytes(data, owner=3, most=most)


def test_bytes_follow_from_the_declaration_and_back() -> None:
    assert TREE.to_bytes() == BYTES
    assert read(BYTES) == TREE


def test_what_an_inner_record_knows_is_hidden_outside_and_the_other_way_round() -> None:
    """Leaves belong to the owner of their branch; the tree's owner stays who it was."""
    found = read(BYTES)
    assert found.branch is not None
    assert (found.owner, found.branch.leaves[0].owner) == (3, 7)


def test_what_is_absent_takes_no_bytes() -> None:
    bare = replace(TREE, colour=Colour.BLUE, branch=None)
    assert len(bare.to_bytes()) == len(BYTES) - 16
    assert read(bare.to_bytes()) == bare


def test_text_is_cut() -> None:
    assert read(replace(TREE, name="sycamore").to_bytes()).name == "syca"


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (b"\x03" + BYTES[1:], "a tree of colour 3, which does not exist"),
        (replace(TREE, bark=b"bark").to_bytes(), "at most 3 are possible"),
        (replace(TREE, rings=(9, 4)).to_bytes(), "must ascend"),
        (replace(TREE, rings=(1, 2, 3, 4, 5, 6)).to_bytes(), "at most 5 are possible"),
        (replace(TREE, branch=Branch(7, LEAVES * 2)).to_bytes(), "at most 2 are possible"),
        (BYTES[:20], "ends too early"),
    ],
)
def test_other_bytes_are_refused(wrong: bytes, complaint: str) -> None:
    with pytest.raises(MessageError, match=complaint):
        read(wrong)


def test_nothing_may_be_left() -> None:
    branch = Branch(7, LEAVES)
    with pytest.raises(MessageError, match="1 bytes too many"):
        Branch.from_bytes(branch.to_bytes() + b"\0", most=2)


@given(data=st.binary(max_size=60))
def test_what_is_read_is_written_the_same(data: bytes) -> None:
    try:
        found = read(data)
    except MessageError:
        return
    if "\N{REPLACEMENT CHARACTER}" not in found.name:
        assert found.to_bytes() == data
