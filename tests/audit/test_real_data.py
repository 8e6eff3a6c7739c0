"""The paper's theorem on real ratings: two consecutive uploads of a user give its ratings away.

docs/explanation/attacks.md has the figures of all users; here is a slice of them, which takes
seconds, at the size of the whole federation: the learning rate depends on that.
"""

from pathlib import Path

import numpy as np
import pytest

from fedmf.audit.attacks.ratings_from_uploads import RatingsFromUploads
from fedmf.audit.observables import Adversary
from fedmf.audit.runs import play
from fedmf.federation import TrainingSettings
from fedmf.ratings import load_ratings

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data" / "ml-latest-small"
VICTIMS = 20


@pytest.mark.parametrize("source", ["movielens-small", str(SHARED)], ids=["bundled", "latest"])
def test_99_of_100_ratings_of_95_of_100_users_come_out_of_two_uploads(source: str) -> None:
    if source == str(SHARED) and not SHARED.is_dir():
        pytest.skip("the shared MovieLens ratings are not beside this checkout")
    ratings = load_ratings(source)
    settings = TrainingSettings(
        protection="none", upload="part", method="sgd", factors=16, rounds=2, min_raters=1
    )
    run = play(settings, ratings)
    counts = np.sum(~np.isnan(run.truth.values), axis=1)
    # Those with a few ratings and those with many, but not the few whose walks take minutes.
    usual = np.flatnonzero(counts <= 300)
    victims = usual[:: len(usual) // VICTIMS][:VICTIMS].tolist()
    found = RatingsFromUploads().attempt(run.observe(Adversary(server=True)), victims)
    shares = [
        np.mean(np.abs(found[one] - run.truth.values[one])[~np.isnan(run.truth.values[one])] < 0.25)
        for one in victims
    ]
    assert np.mean(np.array(shares) >= 0.99) >= 0.95
