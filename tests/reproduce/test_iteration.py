"""What an iteration costs: whole and on a slice, ours and in the authors' arrangement."""

import numpy as np
import pytest

from fedmf.benchmarking.peers import Missing
from fedmf.benchmarking.scheme import Scheme
from fedmf.extras import how_to_install
from fedmf.ratings import Ratings, load_ratings
from fedmf.reproduce.authors_arrangement import AuthorsCosts, authors_costs
from fedmf.reproduce.iteration import measure_iteration


@pytest.fixture(scope="module")
def ratings() -> Ratings:
    return load_ratings("movielens-small").take(users=12, items=24, min_ratings=0)


@pytest.mark.parametrize("upload", ["full", "part"])
def test_a_slice_tells_the_size_of_the_whole(
    ratings: Ratings, schemes: list[Scheme], upload: str
) -> None:
    whole = measure_iteration(schemes[0], ratings, upload)
    part = measure_iteration(schemes[0], ratings, upload, slice_items=12)
    assert not whole.extrapolated
    assert whole.measured_on == "the whole"
    assert part.extrapolated
    assert part.measured_on == "12 of 24 items, 4 of 12 users"
    assert (part.items, part.users) == (whole.items, whole.users) == (24, 12)
    assert part.upload_bytes == pytest.approx(whole.upload_bytes, rel=0.05)
    assert part.download_bytes == pytest.approx(whole.download_bytes, rel=0.05)
    for one in (whole, part):
        assert min(one.user_seconds, one.server_seconds, one.communication_seconds) > 0
        assert 0 < one.server_share < 1


def test_part_uploads_are_smaller(ratings: Ratings, schemes: list[Scheme]) -> None:
    full, part = (measure_iteration(schemes[0], ratings, mode) for mode in ("full", "part"))
    assert part.upload_bytes < full.upload_bytes


def test_a_slice_as_large_as_the_table_is_the_whole(
    ratings: Ratings, schemes: list[Scheme]
) -> None:
    assert not measure_iteration(schemes[0], ratings, "full", slice_items=24).extrapolated


def test_only_a_committee_has_members_to_wait_for(ratings: Ratings, schemes: list[Scheme]) -> None:
    rlwe, committee = (measure_iteration(one, ratings, "full") for one in schemes[1:])
    assert rlwe.member_seconds == 0
    assert committee.member_seconds > 0
    for one in (rlwe, committee):
        parts = one.user_seconds + one.server_seconds + one.member_seconds
        assert one.iteration_seconds == parts + one.communication_seconds


def test_the_authors_arrangement_takes_a_ciphertext_for_each_value(ratings: Ratings) -> None:
    counts = np.bincount(ratings.users, minlength=12)
    # The network takes 2^11 bits for each value both ways, of 2^30 a second.
    assert AuthorsCosts(1, 0, 0).iteration_seconds(ratings, "full") == pytest.approx(
        100 * (24 + 2 * 24 * 2**11 / 2**30)
    )
    network = 100 * (24 + counts.mean()) * 2**11 / 2**30
    for costs, expected in (
        (AuthorsCosts(1, 0, 0), counts.max()),
        (AuthorsCosts(0, 1, 0), 24),
        (AuthorsCosts(0, 0, 1), counts.sum()),
    ):
        assert costs.iteration_seconds(ratings, "part") == pytest.approx(100 * expected + network)


def test_python_paillier_is_measured_where_it_is_installed() -> None:
    pytest.importorskip("phe", reason="phe belongs to the extra bench")
    costs = authors_costs()
    assert isinstance(costs, AuthorsCosts)
    assert costs.encrypt > costs.subtract > 0
    assert costs.decrypt > 0


@pytest.mark.usefixtures("without_phe")
def test_python_paillier_is_said_to_be_missing_where_it_is() -> None:
    missing = authors_costs()
    assert isinstance(missing, Missing)
    assert missing.reason.endswith(how_to_install("bench"))
