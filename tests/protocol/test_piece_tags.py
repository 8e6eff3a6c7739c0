import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmf.crypto.derivation import Keystream, MasterSecret
from fedmf.errors import ProtocolError
from fedmf.protocol import ClosingMessage, GroupShape, TableShape
from fedmf.protocol.piece_tags import PieceTags, same_tags, tag_slot_bits
from tests.protocol.sessions import small_session

SECRET = MasterSecret(bytes(range(32)))
MODULUS = 2**128


def tags(context: bytes = b"here", pieces: int = 3) -> PieceTags:
    return PieceTags(SECRET, context, values=100, pieces=pieces)


def numbers(words: np.ndarray[tuple[int, ...], np.dtype[np.uint64]]) -> list[int]:
    return [int(low) + (int(high) << 64) for low, high in words]


@given(
    st.integers(0, 50),
    st.lists(st.integers(-(2**61), 2**61 - 1), min_size=1, max_size=40),
)
def test_a_tag_is_the_sum_of_factors_times_values(first: int, values: list[int]) -> None:
    stream = Keystream(SECRET.derive("piece tag factors", b"here")).take(16 * 100).tobytes()
    factors = [int.from_bytes(stream[16 * k : 16 * k + 16], "little") for k in range(100)]
    expected = sum(a * m for a, m in zip(factors[first:], values, strict=False)) % MODULUS
    assert tags().of(first, np.array(values, dtype=np.int64)) == expected


def test_tags_of_sums_are_sums_of_tags() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.integers(-(2**40), 2**40, size=(2, 30))
    assert tags().of(7, a + b) == (tags().of(7, a) + tags().of(7, b)) % MODULUS


def test_places_and_contexts_have_factors_of_their_own() -> None:
    one = np.array([1])
    assert len({tags(context).of(k, one) for context in (b"a", b"b") for k in range(50)}) == 100


def test_every_upload_has_masks_of_its_own_for_every_piece() -> None:
    uploads = [(1, 0, b"n"), (2, 0, b"n"), (1, 1, b"n"), (1, 0, b"m")]
    found = {mask for upload in uploads for mask in numbers(tags().masks(*upload))}
    found |= set(numbers(tags(b"there").masks(*uploads[0])))
    assert len(found) == 15


def test_what_is_due_are_the_masks_of_all_listed_uploads_and_the_tag_of_what_moved() -> None:
    one, values = tags(pieces=200), np.array([3, -4])
    closings = [
        ClosingMessage(1, (0, 2, 5), (b"a" * 32, b"b" * 32, b"c" * 32)),
        ClosingMessage(2, ()),
        ClosingMessage(3, (2,), (b"d" * 32,)),
    ]
    for closing in closings:
        one.hear(closing, np.arange(200))
    listed = [
        numbers(one.masks(closing.round, participant, nonce))
        for closing in closings
        for participant, nonce in zip(closing.included, closing.nonces, strict=True)
    ]
    # Four masks of 128 bits: among 200 pieces the lower half overflows, and the whole.
    for piece in range(200):
        expected = one.of(9, values) + sum(masks[piece] for masks in listed)
        assert one.due(piece, 9, values) == expected % MODULUS


def test_closings_count_once_and_in_order() -> None:
    one, closing = tags(), ClosingMessage(1, (4,), (b"a" * 32,))
    one.hear(closing, np.arange(2))
    due = one.due(1, 0, np.array([1]))
    one.hear(closing, np.arange(2))
    assert one.due(1, 0, np.array([1])) == due
    with pytest.raises(ProtocolError, match="round 3 after that of round 1"):
        one.hear(ClosingMessage(3, ()), np.arange(2))


def test_pieces_that_stay_at_home_get_no_mask() -> None:
    one, values = tags(pieces=4), np.array([3, -4])
    one.hear(ClosingMessage(1, (4,), (b"a" * 32,)), np.array([1, 3]))
    masks = numbers(one.masks(1, 4, b"a" * 32))
    plain = one.of(0, values)
    expected = [plain, plain + masks[1], plain, plain + masks[3]]
    assert [one.due(piece, 0, values) for piece in range(4)] == [e % MODULUS for e in expected]


def test_tags_are_compared_modulo_2_to_the_128() -> None:
    assert same_tags([5, 7 + 3 * MODULUS], [5, 7])
    assert not same_tags([5, 7], [5, 8])
    assert not same_tags([5, 7], [7, 5])
    assert not same_tags([5], [5, 7])
    assert same_tags([], [])


@pytest.mark.parametrize(("participants", "rounds"), [(1, 1), (3, 5), (671, 12), (2**32 - 1, 9)])
def test_the_slot_of_a_tag_holds_those_of_all_uploads(participants: int, rounds: int) -> None:
    shape = TableShape((GroupShape("items", 1, 1, 8),))
    session = small_session(
        "full", "paillier", shape, participants=participants, rounds=rounds, public_key=5
    )
    largest = participants * rounds * (2**192 - 1)
    assert largest < 2 ** tag_slot_bits(session) <= 4 * (largest + 1)


def test_the_secret_is_not_printed() -> None:
    assert "omitted" in repr(tags())
