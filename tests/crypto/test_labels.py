from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fedmf.crypto.derivation import HASH_BYTES, labelled, labelled_hash

PARTS = st.lists(st.binary(max_size=12), max_size=4)


def test_the_encoding_is_prefix_label_and_parts_behind_their_lengths() -> None:
    expected = b"fedmf 1" + bytes([4]) + bytes(7) + b"head" + bytes(8) + bytes([2]) + bytes(7)
    assert labelled("head", b"", b"\x00\xff") == expected + b"\x00\xff"


def test_a_label_counts_in_bytes() -> None:
    assert labelled("é")[7:] == bytes([2]) + bytes(7) + "é".encode()


def test_the_hash_is_sha_256_of_the_encoding() -> None:
    parts = b"one", b"", bytes(300)
    expected = hashlib.sha256(labelled("label", *parts)).digest()
    assert labelled_hash("label", *parts) == expected
    assert len(expected) == HASH_BYTES


def test_views_count_with_all_their_bytes() -> None:
    table = np.arange(24, dtype=np.int64).reshape(4, 6)
    assert labelled("table", table.data) == labelled("table", table.tobytes())
    assert labelled_hash("table", table.data) == labelled_hash("table", table.tobytes())


def test_the_same_bytes_cut_differently_are_something_else() -> None:
    cut = [[b"a", b"bc"], [b"ab", b"c"], [b"a", b"b", b"c"], [b"a", b"", b"bc"], [b"a", b"bc", b""]]
    assert len({labelled_hash("label", *parts) for parts in cut}) == len(cut)
    assert labelled_hash("labela", b"bc") != labelled_hash("label", b"abc")
    # Without the lengths they would all be one.
    assert len({b"".join(parts) for parts in cut}) == 1


@given(st.text(max_size=4), PARTS, st.text(max_size=4), PARTS)
def test_only_the_same_label_and_parts_encode_alike(
    label: str, parts: list[bytes], other_label: str, other_parts: list[bytes]
) -> None:
    first, second = labelled(label, *parts), labelled(other_label, *other_parts)
    assert (first == second) == ((label, parts) == (other_label, other_parts))


def test_one_more_part_is_another_encoding() -> None:
    growing = [labelled("label", *[b"part"] * count) for count in range(4)]
    assert all(longer.startswith(shorter) for shorter, longer in pairwise(growing))
    assert len(set(growing)) == 4
