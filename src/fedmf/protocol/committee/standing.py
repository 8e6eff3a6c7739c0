"""What certified sets say of everybody's contributions, and so what a next upload means.

Participants, members and the server all count it from the same certificates, and nobody is taken at
its word. Whether somebody's ratings changed, and whether it leaves, only that participant can know.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedmf.errors import ProtocolError
from fedmf.protocol.committee.upload import Kind

if TYPE_CHECKING:
    from fedmf.protocol.committee.certificate import SetEntry
    from fedmf.protocol.session import Session


@dataclass(frozen=True, slots=True)
class Base:
    """The last closed round whose set held a participant, in one part of the table."""

    round: int
    """Its number."""
    turn: int
    """How many closed rounds the part had travelled in by then."""
    joined: int
    """The round that brought the participant into the part."""
    learned: int = 0
    """The first one that held it after the set-up; 0: none did."""


class Standings:
    """Keeps, by participant and part of the table, the last round that summed a contribution.

    Parameters
    ----------
    session
        The session, with a committee's terms.
    """

    def __init__(self, session: Session) -> None:
        assert session.committee is not None  # noqa: S101 - protection committee has them
        self._schedule, self._terms = session.schedule, session.committee
        everything = range(len(self._schedule.parts))
        self._at_setup = frozenset(
            self._schedule.setup.numbers if self._terms.setup_rounds else everything
        )
        self._turns = Counter[int]()
        self._bases: dict[int, dict[int, Base]] = {}
        self.closed_rounds = 0
        """Rounds that have closed; void ones do not count."""

    @property
    def _due(self) -> Sequence[int]:
        return self._schedule.load(self.closed_rounds + 1).numbers

    def note(self, round_number: int, uploads: Iterable[SetEntry]) -> None:
        """Note what a round has summed that closed."""
        travelled = self._due
        self.closed_rounds += 1
        learned = round_number if self.closed_rounds > self._terms.setup_rounds else 0
        self._turns.update(travelled)
        for upload in uploads:
            held = self._bases.setdefault(upload.participant, {})
            for part in travelled:
                before = held.pop(part, Base(0, 0, round_number))
                if upload.kind != Kind.LEAVE:
                    held[part] = Base(
                        round_number, self._turns[part], before.joined, before.learned or learned
                    )
            if not held:
                del self._bases[upload.participant]

    def is_in(self, participant: int) -> bool:
        """Return whether the table holds anything of a participant."""
        return participant in self._bases

    def bases(self, participant: int) -> tuple[int, ...]:
        """Return, for each part that travels next, the last round that held it; 0: none did."""
        held = self._held(participant)
        return tuple(held[part].round if part in held else 0 for part in self._due)

    def kind(self, participant: int) -> Kind:
        """Return what an upload of the next round means, if no rating changed.

        It joins where one of the parts that the set-up sums holds nothing of it; it is a first one
        where another part does, or holds only what the set-up summed. It has been away for long,
        and renews, where the base of a part is more of the part's turns old than an update's.
        """
        held, due = self._held(participant), self._due
        if any(part not in held for part in due if part in self._at_setup):
            return Kind.JOIN
        if any(part not in held or not held[part].learned for part in due):
            return Kind.FIRST
        if any(self._age(held[part], part) > self._terms.oldest_base for part in due):
            return Kind.RENEW
        return Kind.UPDATE

    def frozen(self) -> tuple[int, ...]:
        """Return whose contribution stays as it is until enough of them renew theirs together."""
        return tuple(one for one in sorted(self._bases) if self.kind(one) == Kind.RENEW)

    def waits(self, participant: int) -> str:
        """Return what a participant's next uploads wait for; empty if they pass by themselves."""
        due, lot = self.kind(participant), self._terms.smallest_lot
        if due == Kind.UPDATE or lot == 1 or self.closed_rounds <= self._terms.setup_rounds:
            return ""
        together = f"until a lot of its kind, {lot} at least, comes in one round"
        return {
            Kind.JOIN: f"nothing of it is in the table {together}",
            Kind.FIRST: f"nothing new of it is in some rows of the table {together}",
            Kind.RENEW: f"it was away for too long, and its contribution is frozen {together}",
        }[due]

    def check(self, participant: int, kind: Kind, bases: tuple[int, ...]) -> None:
        """Check what an upload of the next round says of itself.

        Raises
        ------
        ProtocolError
            It is of another kind, or names other bases, than the certified sets say.
        """
        due = self.kind(participant)
        if bases != self.bases(participant):
            raise ProtocolError("an upload with other bases than t members have certified")
        if kind == Kind.LEAVE:
            fits = any(bases)
        elif kind == Kind.RENEW:
            fits = due != Kind.JOIN
        else:
            fits = kind == due
        if not fits:
            raise ProtocolError(
                f"an upload of kind {kind.name.lower()}, where the sets that t members certified "
                f"make it one of kind {due.name.lower()}"
            )

    def check_set(self, kinds: Mapping[int, Kind]) -> None:
        """Check that a sum over these uploads of the next round, by participant, may be opened.

        Raises
        ------
        ProtocolError
            The set or one of its lots is too small, or leaves too few contributions in the table.
        """
        if len(kinds) < self._terms.smallest_cohort:
            raise ProtocolError(
                f"a set of {len(kinds)} uploads; the charter says at least "
                f"{self._terms.smallest_cohort}"
            )
        for kind, lot in self._lots(kinds):
            if len(lot) < self._terms.smallest_lot:
                raise ProtocolError(
                    f"{len(lot)} uploads of kind {kind.name.lower()}; uploads of a kind come in "
                    f"lots of at least {self._terms.smallest_lot} that hold the same parts"
                )
        if few := self._too_few_left(kinds):
            raise ProtocolError(
                f"if these leave, {few} contributions stay, or so many of a lot that came "
                f"together; at least {self._terms.smallest_cohort} stay, or none"
            )

    def waiting(self, kinds: Mapping[int, Kind]) -> frozenset[int]:
        """Return whose uploads have to be left out, so that a sum over the others may be opened."""
        small = [lot for _, lot in self._lots(kinds) if len(lot) < self._terms.smallest_lot]
        left_out = set().union(*small)
        kept = {one: kind for one, kind in kinds.items() if one not in left_out}
        if self._too_few_left(kept):
            left_out |= {one for one, kind in kept.items() if kind == Kind.LEAVE}
        if len(kinds) - len(left_out) < self._terms.smallest_cohort:
            return frozenset(kinds)
        return frozenset(left_out)

    def _lots(self, kinds: Mapping[int, Kind]) -> Iterable[tuple[Kind, set[int]]]:
        """Return what passes only together: uploads of a kind that are as new to every part."""
        lots = defaultdict[tuple[Kind, tuple[bool | None, ...]], set[int]](set)
        for participant, kind in kinds.items():
            held = self._held(participant)
            known = tuple(held[part].learned > 0 if part in held else None for part in self._due)
            lots[kind, known].add(participant)
        return ((kind, lot) for (kind, _), lot in lots.items())

    def _too_few_left(self, kinds: Mapping[int, Kind]) -> int:
        """Return how many contributions would be left of a part or of a lot, if too few; or 0."""
        leaving = {one for one, kind in kinds.items() if kind == Kind.LEAVE}
        if not leaving:
            return 0
        coming = len(kinds.keys() - leaving - self._bases.keys())
        least, lot = self._terms.smallest_cohort, self._terms.smallest_lot
        for part in self._due:
            all_in, came = self._left(part, leaving)
            few = [all_in + coming] if 0 < all_in + coming < least else []
            few += [left for left in came if left < lot]
            if few:
                return min(few)
        return 0

    def _left(self, part: int, leaving: Set[int]) -> tuple[int, Iterable[int]]:
        """Return how many stay in a part, and how many of each lot that came into it."""
        left = [
            held[part] for one, held in self._bases.items() if part in held and one not in leaving
        ]
        joined = Counter(base.joined for base in left)
        learned = Counter(base.learned for base in left if base.learned)
        return len(left), (*joined.values(), *learned.values())

    def _held(self, participant: int) -> Mapping[int, Base]:
        return self._bases.get(participant, {})

    def _age(self, base: Base, part: int) -> int:
        """Return a base's age in turns of its part: 1 where the last turn held it."""
        return self._turns[part] + 1 - base.turn
