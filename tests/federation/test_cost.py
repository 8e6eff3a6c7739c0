import pytest

from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.paillier import PrivateKey
from fedmf.federation import TrainingPlan, TrainingSettings, forecast, train_locally
from fedmf.ratings import Ratings, load_ratings


@pytest.fixture(scope="module")
def split() -> tuple[Ratings, Ratings]:
    return load_ratings("movielens-small").take(users=21, items=40).split(0.2, seed=1)


@pytest.mark.parametrize(
    ("protection", "upload"),
    [
        ("none", "full"),
        ("none", "part"),
        ("paillier", "full"),
        ("paillier", "part"),
        ("rlwe", "full"),
    ],
)
@pytest.mark.parametrize("cohort", [None, 5])
@pytest.mark.parametrize(("method", "min_raters"), [("bayes", 2), ("sgd", 1)])
def test_forecast_sizes_are_those_of_the_training(
    split: tuple[Ratings, Ratings],
    weak_key: PrivateKey,
    protection: str,
    upload: str,
    cohort: int | None,
    method: str,
    min_raters: int,
) -> None:
    key = {"none": None, "paillier": weak_key, "rlwe": MasterSecret.fresh()}[protection]
    settings = TrainingSettings(
        protection=protection,
        upload=upload,
        key_bits=1024,
        factors=5,
        rounds=1,
        cohort=cohort,
        method=method,
        min_raters=min_raters,
    )
    public_key = int(weak_key.public.n) if protection == "paillier" else None
    plan = TrainingPlan.make(settings, split[0], public_key=public_key, measured=True)
    predicted = forecast(plan, key, *split, workers=1)
    record = train_locally(plan, key, *split).rounds[0]
    assert record.download_bytes_median == predicted.download_bytes
    if upload == "full":
        assert record.upload_bytes_median == predicted.upload_bytes
    elif cohort is None:
        # Both are medians over participants, one by ratings and one by rated items.
        assert record.upload_bytes_median == pytest.approx(predicted.upload_bytes, rel=0.3)
    assert predicted.participant_seconds > 0
    assert predicted.total_seconds > predicted.server_seconds > 0


@pytest.mark.parametrize(
    ("opened_by", "download_bits"), [("participants", None), ("server", None), ("server", 6)]
)
def test_forecast_sizes_are_those_of_a_round_with_a_committee(
    split: tuple[Ratings, Ratings], opened_by: str, download_bits: int | None
) -> None:
    """In a round after the first: the start table is known to everybody and not sent."""
    settings = TrainingSettings(
        protection="committee",
        opened_by=opened_by,
        method="bayes",
        factors=5,
        rounds=1,
        download_bits=download_bits,
    )
    plan = TrainingPlan.make(settings, split[0], public_key=None, measured=True)
    secret = MasterSecret.fresh()
    predicted = forecast(plan, secret, *split, workers=1)
    record = train_locally(plan, secret, *split).rounds[0]
    assert record.upload_bytes_median == predicted.upload_bytes
    assert record.download_bytes_median == predicted.download_bytes


@pytest.mark.parametrize("method", ["bayes", "implicit", "sgd"])
def test_forecast_knows_how_short_downloads_in_few_bits_are(
    split: tuple[Ratings, Ratings], method: str
) -> None:
    sizes = []
    for bits in (None, 4):
        settings = TrainingSettings(
            protection="none", method=method, factors=5, rounds=1, download_bits=bits
        )
        plan = TrainingPlan.make(settings, split[0], public_key=None, measured=True)
        predicted = forecast(plan, None, *split, workers=1)
        record = train_locally(plan, None, *split).rounds[0]
        assert record.download_bytes_median == predicted.download_bytes
        sizes.append(predicted.download_bytes)
    assert sizes[1] < sizes[0]
