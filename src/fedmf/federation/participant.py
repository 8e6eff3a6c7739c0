"""A participant, one user or a silo of many: where the learning and the secrecy wing meet.

`Participant.take_part` is the walk of one rating, from the opened table to the upload.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from fedmf.errors import FixedPointRangeError, RunDirectoryError, SettingsError
from fedmf.federation.measurement import ERRORS
from fedmf.federation.plan import TrainingPlan
from fedmf.federation.table_codec import difference
from fedmf.federation.table_reader import Reading
from fedmf.model import RATERS, Contribution, FloatArray, PrivateStep, PublicModel, RowValues
from fedmf.protocol import (
    Change,
    ClosingMessage,
    Int64Array,
    ParticipantRole,
    Rows,
    UploadMessage,
)
from fedmf.ratings import OwnedRatings

NOTHING = bytes(32)
"""In place of a digest of ratings, where a contribution is made from none."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class ParticipantState:
    """What a participant keeps on its own disk between rounds. Private."""

    user_factors: FloatArray
    """The user vectors as of the last round that included the participant, shape (users, k)."""
    contribution: Change | None
    """Its contribution as of that round, as integers; None before the first."""
    made_from: tuple[bytes, ...]
    """For each part of the table the digest of the ratings that the contribution there was made
    from; zeros where there is none."""


class Participant:
    """Owns ratings and user vectors, and takes part in rounds.

    Parameters
    ----------
    role
        Speaks the protocol for this participant.
    plan
        The public plan.
    training
        What the participant learns from.
    heldout
        What it keeps back to measure with; the same users in the same order.
    """

    def __init__(
        self,
        role: ParticipantRole,
        plan: TrainingPlan,
        training: OwnedRatings,
        heldout: OwnedRatings,
    ) -> None:
        self._role = role
        self._plan = plan
        self._training = training
        self._heldout = heldout
        self._rows_needed = plan.rows_read(training, heldout)
        self.state = ParticipantState(
            plan.method.start_user_factors(training.users),
            None,
            (NOTHING,) * len(plan.session.schedule.parts),
        )
        self._pending: ParticipantState | None = None
        self._digest = _digest(training, heldout)
        self._predicting: tuple[PublicModel, FloatArray, FloatArray] | None = None

    def take_part(self, round_number: int, reading: Reading) -> UploadMessage:
        """Return this round's upload; the participant itself changes only when it is included.

        Parameters
        ----------
        round_number
            The round of the session, void ones counted.
        reading
            What its opened table says.

        Raises
        ------
        FixedPointRangeError
            The contribution is out of range, as with a learning rate that is too high. Nothing
            has been protected.
        ProtocolError
            The table is not the one that is due.
        """
        self._role.receive_opened(round_number)
        # Void rounds taught nobody anything; in learning, they never were.
        number = self._role.counted_rounds + 1
        step = self._step(number, reading.model)
        contribution = {
            **self._with_enough_raters(step.contribution, reading.raters),
            **self._shared_rows(number, reading),
        }
        previous = self.state.contribution
        load = self._plan.session.schedule.load(number)
        travelling = load.part
        try:
            encoded = self._plan.codec.encode_contribution(contribution, len(self._training.users))
        except FixedPointRangeError as error:
            raise FixedPointRangeError(
                f"training diverges at participant {self._role.number}; lower the learning rate "
                f"({error})"
            ) from error
        # What stays at home in this round stays what it was, and so does what rests.
        due = travelling.updated(previous, self._with_resting(number, encoded, previous))
        upload = self._role.upload(
            travelling.updated(None, difference(due, previous)),
            renewing=any(self._is_stale(part) for part in load.numbers),
        )
        made_from = _replaced(self.state.made_from, load.numbers, self._digest)
        self._pending = ParticipantState(step.user_factors, due, made_from)
        return upload

    def replace_ratings(self, training: OwnedRatings, heldout: OwnedRatings) -> None:
        """Own other ratings of the same users from now on.

        A committee lets the change pass together with enough others of its kind.

        Raises
        ------
        SettingsError
            The method's contribution depends on all rounds so far, or the users are others.
        """
        method = self._plan.method
        if not method.renews_contribution:
            raise SettingsError(
                f"method {method.name} adds up moves of all rounds, so that ratings cannot be "
                "exchanged; method bayes can"
            )
        if not np.array_equal(training.users, self._training.users):
            raise SettingsError("new ratings are of the participant's own users")
        self._training, self._heldout = training, heldout
        self._rows_needed = self._plan.rows_read(training, heldout)
        self._predicting = None
        self._digest = _digest(training, heldout)

    def restore(self, state: ParticipantState) -> None:
        """Take the state that was kept; ratings that have changed since are new ones.

        Raises
        ------
        RunDirectoryError
            They have, and the method's contribution depends on all rounds so far.
        """
        self.state = state
        is_stale = any(map(self._is_stale, range(len(state.made_from))))
        if is_stale and not self._plan.method.renews_contribution:
            raise RunDirectoryError(
                f"the ratings of participant {self._role.number} are not those that its state was "
                f"made from, and method {self._plan.method.name} cannot exchange them: put them "
                "back"
            )

    def _is_stale(self, part: int) -> bool:
        """Return whether a part of the table holds a contribution from other ratings than now."""
        return self.state.made_from[part] not in (NOTHING, self._digest)

    def leave(self, round_number: int) -> UploadMessage:
        """Return an upload that takes back all that this participant ever contributed.

        Once it is included, the table is, bit for bit, the sum of the others' last contributions.
        With slices it takes one such upload for each of them. What others have learned meanwhile
        stays learned. Groups that rest stay as they are: everybody has read their sums, and the
        change of those who leave would be the only one there.

        Raises
        ------
        ProtocolError
            The table of this round of the session is not the one that is due.
        """
        self._role.receive_opened(round_number)
        previous = self.state.contribution
        number = self._role.counted_rounds + 1
        load = self._plan.session.schedule.load(number)
        travelling, nothing = load.part, self._plan.codec.nothing()
        left = travelling.updated(previous, self._with_resting(number, nothing, previous))
        change = travelling.updated(None, difference(left, previous))
        upload = self._role.upload(change, leaving=True)
        # It is gone once nothing but what rests is left.
        kept = self._with_resting(number, left, nothing)
        rest = left if any(len(part.rows) for part in kept) else None
        made_from = _replaced(self.state.made_from, load.numbers, NOTHING)
        self._pending = ParticipantState(self.state.user_factors, rest, made_from)
        return upload

    @property
    def pending(self) -> ParticipantState | None:
        """What becomes the state if the round includes the upload; None without an upload."""
        return self._pending

    def restore_pending(self, pending: ParticipantState) -> None:
        """Remember after a crash what was uploaded in the round under way."""
        self._role.restore_upload()
        self._pending = pending

    def hear_closing(self, message: ClosingMessage) -> bool:
        """Keep what a closing includes, forget what it does not; return whether it is included."""
        included = self._role.receive_closing(message)
        if included and self._pending is not None:
            self.state = self._pending
        self._pending = None
        return included

    def user_factors(self, public: PublicModel) -> FloatArray:
        """Return the vectors with which its users predict by a public model, shape (users, k)."""
        kept = self.state.user_factors
        found = self._predicting
        if found is None or found[0] is not public or found[1] is not kept:
            # The same vectors measure the model and, in the next round, the errors that are summed.
            vectors = self._plan.method.user_factors(public, self._training, kept)
            self._predicting = found = (public, kept, vectors)
        return found[2]

    def rows_needed(self) -> Rows:
        """Return the rows that this participant has to open for a round."""
        return self._rows_needed

    def _step(self, round_number: int, public: PublicModel) -> PrivateStep:
        method, previous = self._plan.method, self.state.contribution
        if round_number <= self._plan.setup_rounds:
            return PrivateStep(self.state.user_factors, method.setup_contribution(self._training))
        training = self._training
        if method.sums_show is not None:
            # Its rows are of no single item, so that none could be left out afterwards.
            training = training.only(self._own_raters()[0])
        return method.participant_step(
            public,
            training,
            self.state.user_factors,
            None if previous is None else self._plan.codec.decode_contribution(previous),
        )

    def _with_resting(self, number: int, due: Change, previous: Change | None) -> Change:
        """Return a contribution with what it was before, or nothing, in groups that rest."""
        resting = self._plan.resting(number)
        before = self._plan.codec.nothing() if previous is None else previous
        return [
            before[place] if group.name in resting else due[place]
            for place, group in enumerate(self._plan.groups)
        ]

    def _with_enough_raters(
        self, contribution: Contribution, raters: Int64Array | None
    ) -> Contribution:
        """Leave out the rows of items with too few raters, which would give these away.

        Anyone who opens the sum of a row to which one user contributed sees its contribution.
        Rows are left out before fixed point and protection, because a threshold at decoding would
        come after the leak.
        """
        if raters is None:
            return contribution
        kept = dict(contribution)
        items, _ = self._own_raters()
        for group in self._plan.method.row_groups():
            if group.of_items and group.name in contribution:
                part = contribution[group.name]
                # Counts below the least are read as 0.
                enough = (raters[part.rows] > 0) & np.isin(part.rows, items)
                kept[group.name] = RowValues(part.rows[enough], part.values[enough])
        return kept

    def _own_raters(self) -> tuple[Int64Array, Int64Array]:
        """Return the items whose rows may leave this participant, and how many of its users rated.

        One of a few silos speaks only for items that as many of its own users rated as have to of
        all: those who see it come, go or change alone see the sum over these users.
        """
        items, counts = np.unique(self._training.items, return_counts=True)
        enough = counts >= self._plan.least_own_raters
        return items[enough].astype(np.int64), counts[enough]

    def _shared_rows(self, round_number: int, reading: Reading) -> Contribution:
        """Return what every method's participants contribute: counts, and errors summed up."""
        rows: dict[str, RowValues] = {}
        if self._plan.counts_raters:
            items, counts = self._own_raters()
            rows[RATERS] = RowValues(items, counts[:, np.newaxis].astype(np.float64))
        summed = self._plan.summed_errors
        if summed is not None and round_number > self._plan.setup_rounds:
            vectors = self.user_factors(reading.model)
            rows[ERRORS] = summed.row(reading.model, vectors, self._training, self._heldout)
        return rows


def _digest(training: OwnedRatings, heldout: OwnedRatings) -> bytes:
    return hashlib.sha256(training.digest + heldout.digest).digest()


def _replaced(
    made_from: Sequence[bytes], parts: Collection[int], digest: bytes
) -> tuple[bytes, ...]:
    return tuple(digest if part in parts else old for part, old in enumerate(made_from))
