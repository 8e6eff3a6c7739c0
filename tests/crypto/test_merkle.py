"""Merkle roots against a recursive tree, known answers, and trees that must not pass for others."""

import hashlib
import struct

import pytest

from fedmf.crypto.derivation import merkle_root

# Made with hashlib alone, by `root` below; leaves are b"", b"\x00", b"\x00\x01" and so on.
KNOWN = {
    1: "e70cbfd3f6d1577676d09da3f30803529d0001aa18e8af3f1988d80fde1cf1dd",
    2: "5a51e08a5fd718f569f335619f4b7dc7fc262f705a6406c93c2dd0441d6dcf32",
    5: "36cc42f58707d4d0a8d01e149c2ffe6e75d35a43869d11232fba14dbc55851b8",
}


def hashed(*parts: bytes) -> bytes:
    joined = b"".join(struct.pack("<Q", len(part)) + part for part in parts)
    return hashlib.sha256(b"fedmf 1" + joined).digest()


def top(digests: list[bytes]) -> bytes:
    if len(digests) == 1:
        return digests[0]
    left = 1
    while 2 * left < len(digests):
        left *= 2
    return hashed(b"merkle node", top(digests[:left]), top(digests[left:]))


def root(pieces: list[bytes], domain: bytes) -> bytes:
    leaves = [
        hashed(b"merkle leaf", domain, struct.pack("<Q", place), piece)
        for place, piece in enumerate(pieces)
    ]
    return hashed(b"merkle root", domain, struct.pack("<Q", len(pieces)), top(leaves))


def pieces_of(count: int) -> list[bytes]:
    return [bytes(range(length)) for length in range(count)]


@pytest.mark.parametrize("count", [*range(1, 34), 200])
def test_a_root_is_that_of_the_recursive_tree(count: int) -> None:
    pieces = pieces_of(count)
    assert merkle_root(map(memoryview, pieces), "words") == root(pieces, b"words")


@pytest.mark.parametrize(("count", "answer"), KNOWN.items())
def test_known_roots(count: int, answer: str) -> None:
    assert merkle_root(pieces_of(count), "upload").hex() == answer


def test_no_two_trees_have_one_root() -> None:
    """Neither another order, cut, number of leaves or domain, nor a node in place of a leaf."""
    a, b, c = b"a" * 64, b"b" * 64, b"c" * 64
    inner = hashed(b"merkle leaf", b"x", bytes(8), a), hashed(b"merkle leaf", b"x", bytes(8), b)
    trees = [[a, b, c], [b, a, c], [a, c, b], [a + b, c], [a, b + c], [a, b], [a], [a, b, c, c]]
    trees += [[b"".join(inner), c], [a, b, c, b""], [b"", a, b, c], [a[:1], a[1:], b, c]]
    roots = [merkle_root(pieces, domain) for pieces in trees for domain in ("x", "y")]
    assert len(set(roots)) == len(roots)
