"""Keys of RLWE shared out among the members of a committee, so that sums of keys open together.

Pseudorandom replicated secret sharing (Cramer, Damgard and Ishai, TCC 2005). With c members of whom
t are to open, there is one seed for every set of t - 1 members, and every member gets the seeds of
the sets that it is *not* in. The key is the sum of the keys that the seeds stand for. Any t members
hold every seed between them; any t - 1 members lack the seed of their own set, and with it
everything.

For a sum of uploads every member adds up, subset by subset, what it holds. Each of these sums is
held by c - t + 1 members, who must agree: where they do not, somebody lied. Which of them it was,
the values do not say, so all sets of liars that are small enough are tried, and the residual of
what opens decides.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fedmf.crypto.derivation import KEY_BYTES
from fedmf.crypto.rlwe_key import PaddedKey, RlweKey
from fedmf.crypto.share_sum import ShareSum, subset_bytes
from fedmf.errors import ProtocolError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from fedmf.crypto.secret_material import KeyRandomness

MOST_MEMBERS = 10
"""Largest committee: 252 subsets, 126 of them held by every member."""


@dataclass(frozen=True, slots=True)
class ReplicatedSharing:
    """Who of a committee holds which seeds.

    Raises
    ------
    SettingsError
        If the two make no committee; every problem is named at once.
    """

    members: int
    """c, number of members, 1 to 10."""
    threshold: int
    """t, how many members open together; more than half of them, so that any two sets of t members
    have a member in common."""

    def __post_init__(self) -> None:
        problems = []
        if self.members > MOST_MEMBERS:
            problems.append(
                f"{self.members} members are too many, because the number of seeds explodes; "
                f"choose at most {MOST_MEMBERS}"
            )
        if not 1 <= self.threshold <= self.members:
            problems.append(
                f"a threshold of {self.threshold} does not lie between 1 and the number of "
                f"members, {self.members}"
            )
        if 2 * self.threshold <= self.members:
            problems.append(
                f"two sets of {self.threshold} among {self.members} members need not share one; "
                f"raise the threshold to {self.members // 2 + 1} or more"
            )
        if problems:
            raise SettingsError("committee: " + "; ".join(problems))

    @property
    def subsets(self) -> tuple[tuple[int, ...], ...]:
        """All sets of threshold - 1 members, in lexicographic order; one seed belongs to each."""
        return _subsets(self.members, self.threshold - 1)

    @property
    def seeds(self) -> int:
        """Number of seeds of one upload."""
        return len(self.subsets)

    @property
    def most_liars(self) -> int:
        """How many members may lie, or have lost their log, without any two openings going apart.

        Two sets of t members have 2t - c members in common. One of these has to be honest and to
        remember what it answered.
        """
        return 2 * self.threshold - self.members - 1

    def held_by(self, member: int) -> tuple[int, ...]:
        """Return the numbers of the subsets whose seeds a member gets: those that it is not in."""
        return _held(self.members, self.threshold - 1, member)

    def fresh_seeds(self, randomness: KeyRandomness, message: bytes) -> list[bytes]:
        """Return new seeds for one upload, one for each subset, 32 bytes each.

        The key of the upload and its pads are `PaddedKey.sum_of_seeds` of them.

        Parameters
        ----------
        message
            What they are going to protect, or a hash of it: should the operating system repeat its
            randomness, different messages get different keys still.
        """
        drawn = randomness.bytes(self.seeds * KEY_BYTES, message)
        return [drawn[start : start + KEY_BYTES] for start in range(0, len(drawn), KEY_BYTES)]

    def candidate_keys(
        self, answers: Mapping[int, ShareSum], uploads: int
    ) -> Iterator[tuple[PaddedKey, tuple[int, ...]]]:
        """Yield the keys, with pads, that the sum of some uploads may have, the likeliest first.

        The caller opens the sum under one after the other, and takes the first that opens. Where
        none does, too many members lied or too few answered: nothing may be used. Members have to
        agree on keys and pads alike.

        Parameters
        ----------
        answers
            What the members answered, by the number of the member.
        uploads
            How many uploads each of them added up.

        Yields
        ------
        key : PaddedKey
            The sums of the keys and of the pads of the uploads, if the named members lied and
            nobody else.
        liars : tuple of int
            The members whose answers cannot be true then, in increasing order.

        Raises
        ------
        ProtocolError
            If an answer is of no member, has another number of subsets than the member holds, or
            another number of pads than the others.
        """
        pads = self._check_answers(answers)
        believable = {
            member: answer.to_bytes()
            for member, answer in answers.items()
            if answer.can_be_of(uploads)
        }
        # As bytes, which compare fast and remember their hash.
        votes: list[dict[int, bytes]] = [{} for _ in self.subsets]
        each = subset_bytes(pads)
        for member, sums in believable.items():
            for place, subset in enumerate(self.held_by(member)):
                votes[subset][member] = sums[place * each : (place + 1) * each]
        most_dropped = min(self.most_liars, self.members - self.threshold)
        tried = set()
        for dropped in _smallest_first(believable, most_dropped):
            agreed = _agreed(votes, dropped)
            if agreed is None or agreed in tried:
                continue
            tried.add(agreed)
            liars = {member for member in answers if member not in believable}
            for vote, value in zip(votes, agreed, strict=True):
                liars.update(member for member, other in vote.items() if other != value)
            every = ShareSum.from_bytes(b"".join(agreed), len(agreed), pads)
            key = RlweKey(every.values.sum(axis=0, dtype=np.int64))
            yield PaddedKey(key, every.pads.sum(axis=0)), tuple(sorted(liars))

    def _check_answers(self, answers: Mapping[int, ShareSum]) -> int:
        """Return the number of pads of each subset, which all answers have to share."""
        for member, answer in answers.items():
            if not 0 <= member < self.members:
                raise ProtocolError(
                    f"member {member} answered, but members are numbered 0 to {self.members - 1}"
                )
            held = len(self.held_by(member))
            if len(answer.values) != held:
                raise ProtocolError(
                    f"member {member} holds {held} subsets, but answered {len(answer.values)}"
                )
        pads = {answer.pads.shape[1] for answer in answers.values()}
        if len(pads) > 1:
            raise ProtocolError("members answered with different numbers of pads")
        return max(pads, default=0)


@functools.cache
def _subsets(members: int, size: int) -> tuple[tuple[int, ...], ...]:
    return tuple(itertools.combinations(range(members), size))


@functools.cache
def _held(members: int, size: int, member: int) -> tuple[int, ...]:
    subsets = _subsets(members, size)
    return tuple(number for number, subset in enumerate(subsets) if member not in subset)


def _smallest_first(members: Iterable[int], most: int) -> Iterator[tuple[int, ...]]:
    """Yield all sets of at most this many members, the empty one first."""
    ordered = sorted(members)
    for size in range(most + 1):
        yield from itertools.combinations(ordered, size)


def _agreed(
    votes: Sequence[Mapping[int, bytes]], dropped: Collection[int]
) -> tuple[bytes, ...] | None:
    """Return what the members that are not dropped say of every subset, if they agree on each."""
    agreed: list[bytes] = []
    for vote in votes:
        values = {value for member, value in vote.items() if member not in dropped}
        if len(values) != 1:
            return None
        agreed.extend(values)
    return tuple(agreed)
