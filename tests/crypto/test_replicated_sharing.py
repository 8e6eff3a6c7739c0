from __future__ import annotations

import math
import os
from collections.abc import Iterable
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from fedmf.crypto import replicated_sharing
from fedmf.crypto.replicated_sharing import MOST_MEMBERS, ReplicatedSharing
from fedmf.crypto.rlwe import encrypt, open_sum
from fedmf.crypto.rlwe_key import PaddedKey
from fedmf.crypto.rlwe_ring import DEGREE, PublicPolynomials
from fedmf.crypto.rlwe_words import RlweWordSize, add_words, zero_words
from fedmf.crypto.secret_material import KeyRandomness
from fedmf.crypto.share_sum import ShareSum
from fedmf.errors import OpenError, ProtocolError, SettingsError

COMMITTEES = [
    (members, threshold)
    for members in range(1, MOST_MEMBERS + 1)
    for threshold in range(members // 2 + 1, members + 1)
]
UPLOADS = 5
SIZE = RlweWordSize(24, 32)
PUBLIC = PublicPolynomials(bytes(range(32)))

Answers = dict[int, ShareSum]


def messages(upload: int) -> NDArray[np.int64]:
    return np.random.default_rng(upload).integers(-(2**20), 2**20, DEGREE)


@cache
def uploaded(sharing: ReplicatedSharing) -> tuple[NDArray[np.unsignedinteger], Answers, PaddedKey]:
    """Return the sum of some uploads, what honest members answer, and the sum of the keys."""
    total = zero_words(1, SIZE)
    every: list[bytes] = []
    shares: dict[int, list[list[bytes]]] = {member: [] for member in range(sharing.members)}
    for upload in range(UPLOADS):
        seeds = sharing.fresh_seeds(KeyRandomness(), b"upload")
        own = PaddedKey.sum_of_seeds(seeds, 0).key
        words = encrypt(
            messages(upload), public=PUBLIC, key=own, noise_seed=bytes([upload]) * 32, size=SIZE
        )
        add_words(total, words, SIZE)
        every += seeds
        for member, received in shares.items():
            received.append([seeds[subset] for subset in sharing.held_by(member)])
    answers = {
        member: ShareSum.from_seeds(received, len(sharing.held_by(member)), 2)
        for member, received in shares.items()
    }
    return total, answers, PaddedKey.sum_of_seeds(every, 2)


def among(answers: Answers, members: Iterable[int]) -> Answers:
    return {member: answers[member] for member in members}


def lie(
    sharing: ReplicatedSharing, answers: Answers, member: int, subsets: Iterable[int], by: int = 1
) -> Answers:
    """Return the answers with some sums of one member shifted in one coefficient."""
    values = answers[member].values.copy()
    for subset in subsets:
        # Never beyond what this many uploads can sum to.
        values[sharing.held_by(member).index(subset), 3 * member] += by
    return answers | {member: ShareSum(values, answers[member].pads)}


def lie_about_pads(
    sharing: ReplicatedSharing, answers: Answers, member: int, subsets: Iterable[int]
) -> Answers:
    """Return the answers with some sums of pads of one member shifted by one."""
    pads = answers[member].pads.copy()
    for subset in subsets:
        pads[sharing.held_by(member).index(subset), member % 2] += np.uint64(1)
    return answers | {member: ShareSum(answers[member].values, pads)}


def opened(sharing: ReplicatedSharing, answers: Answers) -> tuple[int, ...] | None:
    """Open the sum as a caller does; return who is named, or nothing if nothing opens."""
    total, _, due = uploaded(sharing)
    for padded, liars in sharing.candidate_keys(answers, UPLOADS):
        try:
            table = open_sum(total, public=PUBLIC, key=padded.key, size=SIZE, uploads=UPLOADS)
        except OpenError:
            continue
        if padded.pads.tolist() != due.pads.tolist():
            # What integrity tags find out.
            continue
        expected = np.sum([messages(upload) for upload in range(UPLOADS)], axis=0)
        np.testing.assert_array_equal(table[0], expected)
        return liars
    return None


@pytest.mark.parametrize(("members", "threshold"), COMMITTEES)
def test_any_threshold_members_hold_every_seed_and_one_less_never(
    members: int, threshold: int
) -> None:
    sharing = ReplicatedSharing(members, threshold)
    assert sharing.seeds == len(sharing.subsets) == math.comb(members, threshold - 1)
    everything = set(range(sharing.seeds))
    for some in combinations(range(members), threshold):
        assert set().union(*(sharing.held_by(member) for member in some)) == everything
    for number, some in enumerate(combinations(range(members), threshold - 1)):
        held = set[int]().union(*(sharing.held_by(member) for member in some))
        # They miss the seed of their own set.
        assert number not in held
        assert sharing.subsets[number] == some


def test_the_default_committee() -> None:
    sharing = ReplicatedSharing(4, 3)
    assert sharing.subsets == ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
    assert sharing.held_by(0) == (3, 4, 5)
    assert sharing.held_by(3) == (0, 1, 3)
    assert sharing.most_liars == 1


@pytest.mark.parametrize(
    ("members", "threshold", "liars"),
    [(1, 1, 0), (2, 2, 1), (3, 2, 0), (4, 3, 1), (7, 5, 2), (10, 6, 1)],
)
def test_two_openings_share_an_honest_member_besides_the_liars(
    members: int, threshold: int, liars: int
) -> None:
    assert ReplicatedSharing(members, threshold).most_liars == liars
    shared = min(
        len(set(one) & set(other))
        for one in combinations(range(members), threshold)
        for other in combinations(range(members), threshold)
    )
    assert shared == liars + 1


@pytest.mark.parametrize(
    ("members", "threshold", "problems"),
    [
        (11, 7, ["11 members are too many"]),
        (4, 2, ["two sets of 2 among 4 members need not share one; raise the threshold to 3"]),
        (4, 5, ["threshold of 5 does not lie between 1 and the number of members, 4"]),
        (0, 0, ["threshold of 0 does not lie between 1", "raise the threshold to 1 or more"]),
        (12, 0, ["12 members", "threshold of 0", "raise the threshold to 7"]),
    ],
)
def test_what_makes_no_committee_is_refused_with_every_reason(
    members: int, threshold: int, problems: list[str]
) -> None:
    with pytest.raises(SettingsError, match=r"^committee: ") as caught:
        ReplicatedSharing(members, threshold)
    for problem in problems:
        assert problem in str(caught.value)
    assert str(caught.value).count(";") + 1 >= len(problems)


def test_fresh_seeds_are_all_different() -> None:
    sharing = ReplicatedSharing(4, 3)
    source = KeyRandomness()
    seeds = [*sharing.fresh_seeds(source, b"one"), *sharing.fresh_seeds(source, b"one")]
    assert {len(seed) for seed in seeds} == {32}
    assert len(set(seeds)) == len(seeds) == 12


def test_seeds_of_different_messages_differ_when_the_system_repeats_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "urandom", bytes)
    sharing = ReplicatedSharing(4, 3)
    one, two, again = (
        sharing.fresh_seeds(KeyRandomness(bytes(32)), message) for message in (b"1", b"2", b"1")
    )
    assert not set(one) & set(two)
    assert one == again


@pytest.mark.parametrize(("members", "threshold"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4)])
def test_any_threshold_honest_answers_open_the_sum_and_fewer_do_not(
    members: int, threshold: int
) -> None:
    sharing = ReplicatedSharing(members, threshold)
    _, answers, expected = uploaded(sharing)
    for some in combinations(range(members), threshold):
        ((padded, liars),) = sharing.candidate_keys(among(answers, some), UPLOADS)
        np.testing.assert_array_equal(padded.key.coefficients, expected.key.coefficients)
        assert padded.pads.tolist() == expected.pads.tolist()
        assert liars == ()
    for some in combinations(range(members), threshold - 1):
        assert list(sharing.candidate_keys(among(answers, some), UPLOADS)) == []
    assert opened(sharing, answers) == ()


@pytest.mark.parametrize("liar", range(4))
def test_a_liar_is_named_whatever_it_lies_about(liar: int) -> None:
    sharing = ReplicatedSharing(4, 3)
    _, answers, _ = uploaded(sharing)
    held = sharing.held_by(liar)
    for count in range(1, len(held) + 1):
        for subsets in combinations(held, count):
            assert opened(sharing, lie(sharing, answers, liar, subsets)) == (liar,)
            assert opened(sharing, lie_about_pads(sharing, answers, liar, subsets)) == (liar,)


@pytest.mark.parametrize("liars", list(combinations(range(7), 2)))
def test_two_liars_of_seven_are_named(liars: tuple[int, int]) -> None:
    sharing = ReplicatedSharing(7, 5)
    _, answers, _ = uploaded(sharing)
    for liar in liars:
        answers = lie(sharing, answers, liar, sharing.held_by(liar)[liar % 3 :: 4])
    assert opened(sharing, answers) == liars


def test_a_liar_about_keys_and_one_about_pads_are_named() -> None:
    sharing = ReplicatedSharing(7, 5)
    _, answers, _ = uploaded(sharing)
    lied = lie(sharing, answers, 1, sharing.held_by(1)[::3])
    assert opened(sharing, lie_about_pads(sharing, lied, 6, sharing.held_by(6)[::4])) == (1, 6)


def test_two_liars_that_agree_with_each_other_are_named() -> None:
    sharing = ReplicatedSharing(7, 5)
    _, answers, _ = uploaded(sharing)
    both = set(sharing.held_by(2)) & set(sharing.held_by(6))
    values = {member: answers[member].values.copy() for member in (2, 6)}
    for member, own in values.items():
        own[[sharing.held_by(member).index(subset) for subset in both], 100] -= 2
    lied = answers | {member: ShareSum(own, answers[member].pads) for member, own in values.items()}
    assert opened(sharing, lied) == (2, 6)


def test_one_liar_of_seven_is_named_alone() -> None:
    sharing = ReplicatedSharing(7, 5)
    _, answers, _ = uploaded(sharing)
    assert opened(sharing, lie(sharing, answers, 4, sharing.held_by(4)[:1])) == (4,)


def test_different_members_may_lie_about_different_subsets() -> None:
    sharing = ReplicatedSharing(7, 5)
    _, answers, _ = uploaded(sharing)
    one = sharing.subsets.index((1, 2, 3, 4))
    other = sharing.subsets.index((0, 1, 2, 3))
    lied = lie(sharing, lie(sharing, answers, 0, [one]), 5, [other])
    assert opened(sharing, lied) == (0, 5)


def test_a_liar_and_an_absent_member_of_seven_are_told_apart() -> None:
    sharing = ReplicatedSharing(7, 5)
    _, answers, _ = uploaded(sharing)
    present = among(lie(sharing, answers, 1, sharing.held_by(1)), range(6))
    assert opened(sharing, present) == (1,)


def test_seven_members_take_29_guesses_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    sharing = ReplicatedSharing(7, 5)
    _, answers, _ = uploaded(sharing)
    for member in range(7):
        answers = lie(sharing, answers, member, sharing.held_by(member), by=member + 1)
    guesses = []
    agreed = replicated_sharing._agreed

    def counting(*arguments: object) -> object:
        guesses.append(arguments)
        return agreed(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(replicated_sharing, "_agreed", counting)
    assert opened(sharing, answers) is None
    assert len(guesses) == 29


@pytest.mark.parametrize(
    ("members", "threshold"), [(4, 3), (7, 5)], ids=["four members", "seven members"]
)
def test_answers_that_are_too_large_are_thrown_out_first(members: int, threshold: int) -> None:
    sharing = ReplicatedSharing(members, threshold)
    _, answers, _ = uploaded(sharing)
    lied = lie(sharing, answers, 1, sharing.held_by(1)[:1], by=32 * UPLOADS * 2)
    ((_, liars),) = sharing.candidate_keys(lied, UPLOADS)
    assert liars == (1,)
    assert opened(sharing, lied) == (1,)


@pytest.mark.parametrize(("members", "threshold"), [(1, 1), (2, 2)])
def test_without_redundancy_a_lie_opens_nothing(members: int, threshold: int) -> None:
    sharing = ReplicatedSharing(members, threshold)
    _, answers, expected = uploaded(sharing)
    lied = lie(sharing, answers, 0, sharing.held_by(0))
    ((padded, liars),) = sharing.candidate_keys(lied, UPLOADS)
    # A key, but not that of the sum; opening it is what finds out.
    assert (padded.key.coefficients != expected.key.coefficients).sum() == 1
    assert liars == ()
    assert opened(sharing, lied) is None
    assert opened(sharing, lie_about_pads(sharing, answers, 0, sharing.held_by(0)[:1])) is None
    assert opened(sharing, answers) == ()


def test_three_answers_of_four_leave_no_room_for_a_liar() -> None:
    sharing = ReplicatedSharing(4, 3)
    _, answers, _ = uploaded(sharing)
    three = among(answers, (0, 1, 2))
    # Only member 0 answers for the set of 1 and 2, and together with member 1 for that of 2 and 3.
    alone, contradicted = sharing.subsets.index((1, 2)), sharing.subsets.index((2, 3))
    unnoticed = lie(sharing, three, 0, [alone])
    assert len(list(sharing.candidate_keys(unnoticed, UPLOADS))) == 1
    assert opened(sharing, unnoticed) is None
    noticed = lie(sharing, three, 0, [contradicted])
    assert list(sharing.candidate_keys(noticed, UPLOADS)) == []
    assert opened(sharing, three) == ()


def test_more_liars_than_declared_open_nothing() -> None:
    sharing = ReplicatedSharing(4, 3)
    _, answers, _ = uploaded(sharing)
    lied = lie(sharing, lie(sharing, answers, 0, sharing.held_by(0)), 1, sharing.held_by(1))
    assert opened(sharing, lied) is None


def test_the_sum_of_no_uploads_has_the_key_zero() -> None:
    sharing = ReplicatedSharing(4, 3)
    answers = {member: ShareSum.from_seeds([], 3, 2) for member in range(4)}
    ((padded, liars),) = sharing.candidate_keys(answers, 0)
    assert not padded.key.coefficients.any()
    assert not padded.pads.any()
    assert liars == ()


def test_answers_of_nobody_are_refused() -> None:
    sharing = ReplicatedSharing(4, 3)
    with pytest.raises(ProtocolError, match="member 4 answered, but members are numbered 0 to 3"):
        next(sharing.candidate_keys({4: ShareSum.from_seeds([], 3, 2)}, 0))


def test_answers_of_another_committee_are_refused() -> None:
    sharing = ReplicatedSharing(4, 3)
    with pytest.raises(ProtocolError, match="member 2 holds 3 subsets, but answered 4"):
        next(sharing.candidate_keys({2: ShareSum.from_seeds([], 4, 2)}, 0))


def test_answers_with_different_numbers_of_pads_are_refused() -> None:
    sharing = ReplicatedSharing(4, 3)
    answers = {member: ShareSum.from_seeds([], 3, 2 + member) for member in range(2)}
    with pytest.raises(ProtocolError, match="different numbers of pads"):
        next(sharing.candidate_keys(answers, 0))
