"""What random dropouts cost under a committee's rule of lots, for several oldest bases K.

Whose uploads a round sums follows from who is there, by the same `Standings` that members keep. So
the sets are computed first, and the training with these sets is played without protection, which
leads to the same integers.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace

from fedmf.federation import Attendance, TrainingPlan, TrainingSettings, make_plan, train_locally
from fedmf.protocol.committee.certificate import SetEntry
from fedmf.protocol.committee.standing import Standings
from fedmf.protocol.committee.upload import Kind
from fedmf.ratings import Ratings, load_ratings
from fedmf.workers import available_cores


def summed(
    plan: TrainingPlan, attendance: Attendance, oldest_base: int
) -> tuple[list[set[int]], list[tuple[int, int]]]:
    """Return who is in the sum of each round, the set-up first.

    And, after each, how many wait: frozen, or with nothing in the table, or with set-up facts only.
    """
    terms = plan.session.committee
    assert terms is not None
    session = replace(plan.session, committee=replace(terms, oldest_base=oldest_base))
    standings = Standings(session)
    sets, waiting = [], []
    for number in range(1, session.rounds + 1):
        there = attendance.present(
            plan.cohort(number), number - plan.setup_rounds, left=frozenset()
        )
        kinds = {one: standings.kind(one) for one in there}
        for one in standings.waiting(kinds):
            del kinds[one]
        standings.note(number, [SetEntry(one, kind, b"") for one, kind in sorted(kinds.items())])
        sets.append(set(kinds))
        due = [standings.kind(one) for one in range(session.participants)]
        waiting.append((due.count(Kind.RENEW), due.count(Kind.JOIN) + due.count(Kind.FIRST)))
    return sets, waiting


def without(sets: list[set[int]], participants: int) -> Attendance:
    """Return the attendance in which exactly these are there, round by round."""
    away = {
        one: [number for number, there in enumerate(sets) if one not in there]
        for one in range(participants)
    }
    return Attendance(away=away)


def errors(
    settings: TrainingSettings, training: Ratings, heldout: Ratings, away: Attendance
) -> float:
    """Return the held-out RMSE after the last round."""
    plan, key = make_plan(replace(settings, protection="none"), training)
    result = train_locally(plan, key, training, heldout, workers=available_cores(), attendance=away)
    return result.rounds[-1].rmse


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("ratings", nargs="?", default="movielens-small")
    parser.add_argument("--users", type=int, default=None)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--factors", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.05, 0.2])
    parser.add_argument("--oldest-bases", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    settings = TrainingSettings(factors=options.factors, rounds=options.rounds)
    ratings = load_ratings(options.ratings).take(users=options.users, items=options.items)
    training, heldout = ratings.split(0.2, options.seed)
    plan, _ = make_plan(settings, training)
    participants = plan.session.participants
    none = errors(settings, training, heldout, Attendance())
    rows = []
    for share in options.shares:
        away = Attendance.with_dropouts(share, participants, options.rounds, options.seed)
        unruled = errors(settings, training, heldout, away)
        rows.append({"share": share, "rule": False, "rmse": unruled, "worse": unruled - none})
        for oldest_base in options.oldest_bases:
            sets, waiting = summed(plan, away, oldest_base)
            found = errors(settings, training, heldout, without(sets, participants))
            rows.append(
                {
                    "share": share,
                    "rule": True,
                    "oldest_base": oldest_base,
                    "rmse": found,
                    "worse": found - none,
                    "summed": sum(map(len, sets)) / len(sets) / participants,
                    "void": sum(not one for one in sets),
                    "frozen": [frozen for frozen, _ in waiting],
                    "outside": [outside for _, outside in waiting],
                }
            )
    terms = plan.session.committee
    assert terms is not None
    document = {
        "ratings": ratings.name,
        "participants": participants,
        "smallest_lot": terms.smallest_lot,
        "rmse": none,
        "dropouts": rows,
    }
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
