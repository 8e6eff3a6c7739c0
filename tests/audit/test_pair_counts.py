"""Counts of pairs tell who met what, and nobody who does not open them."""

from fedmf.audit.attacks.pair_counts import PairCounts
from fedmf.audit.observables import Adversary
from fedmf.audit.runs import play
from fedmf.audit.suite import NETWORK, PARTICIPANT
from fedmf.federation import TrainingSettings
from fedmf.ratings import load_ratings


def test_pair_counts_beat_popularity_for_whoever_opens_them() -> None:
    ratings = load_ratings("movielens-small").take(users=24, items=60)
    settings = TrainingSettings(method="gram", gram_items=60, rounds=1, min_raters=2)
    run = play(settings, ratings)
    known = {
        user: ratings.items[ratings.users == user][:3].tolist() for user in range(ratings.n_users)
    }
    attack = PairCounts(known)
    assert run.attacked(attack, PARTICIPANT).succeeded
    popularity = float(run.attacked(attack, PARTICIPANT).note.split()[-1])
    assert run.attacked(attack, PARTICIPANT).value > popularity + 0.1
    for adversary in (NETWORK, Adversary(server=True), Adversary(server=True, members=(0, 1))):
        row = run.attacked(attack, adversary)
        assert not row.succeeded
