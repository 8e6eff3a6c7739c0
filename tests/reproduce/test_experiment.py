"""A tiny run of every section, and the published losses themselves."""

from dataclasses import replace
from pathlib import Path

import pytest

from fedmf.benchmarking.scheme import Scheme
from fedmf.errors import DataError
from fedmf.extras import how_to_install
from fedmf.ratings import load_ratings
from fedmf.reproduce.accuracy import LossCurve
from fedmf.reproduce.experiment import (
    BY_ITEMS,
    BY_USERS,
    FULL,
    QUICK,
    SETTING,
    Experiment,
    Extent,
    Reproduction,
    _losses,
)
from fedmf.reproduce.published import published
from fedmf.reproduce.report import STAR, tables
from fedmf.reproduce.setting import BUNDLED, Source, find_source


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The only folder that is searched for ratings."""
    monkeypatch.setattr("fedmf.reproduce.setting.USUAL_PLACES", (tmp_path,))
    return tmp_path


@pytest.fixture
def found(
    nowhere: Path, tiny: Extent, schemes: list[Scheme], request: pytest.FixtureRequest
) -> Reproduction:
    del nowhere
    request.getfixturevalue("without_phe")
    return Experiment(find_source(None), tiny, schemes=schemes).run()


def test_every_section_is_measured_under_every_scheme(found: Reproduction) -> None:
    measured = {(row.section, row.measured.scheme, row.measured.upload) for row in found.rows}
    modes = [("paillier 1024", "full"), ("paillier 1024", "part")]
    modes += [("rlwe", "full"), ("committee", "full")]
    assert measured == {
        (section, *mode) for section in (SETTING, BY_ITEMS, BY_USERS) for mode in modes
    }
    sizes = {(row.section, row.measured.items, row.measured.users) for row in found.rows}
    assert sizes == {(SETTING, 40, 7), (BY_ITEMS, 6, 8), (BY_USERS, 7, 5)}


def test_what_was_measured_on_a_slice_is_marked(found: Reproduction) -> None:
    for row in found.rows:
        sliced = row.section != SETTING and row.measured.scheme.startswith("paillier")
        assert row.measured.extrapolated == sliced
        assert (row.measured.measured_on != "the whole") == sliced
    _, _, by_items, *_ = tables(found)
    # The iteration's column, without the heading of the size.
    cells = [str(cell) for cell in by_items.columns[3].cells][1:]
    assert [STAR in cell for cell in cells] == [True, True, False, False]


def test_bundled_ratings_are_timed_and_their_losses_not_compared(found: Reproduction) -> None:
    quantities = {one.target.quantity for one in found.findings}
    assert quantities == {"iteration", "server_share", "communication"}
    assert {one.target.users for one in found.findings} == {7}
    reasons = {one.name: one.reason for one in found.left_out}
    assert "--data" in reasons["published losses and RMSE"]
    assert how_to_install("bench") in reasons["phe"]
    assert [curve.scheme for curve in found.curves] == ["rlwe", "regular"]
    curves, *_ = tables(found)
    assert list(curves.columns[0].cells) == ["rlwe full", "regular pooled"]


def test_the_published_losses_come_back(ml_latest_small: Path, schemes: list[Scheme]) -> None:
    extent = replace(QUICK, items=(40,), users=(), at_users=7)
    found = Experiment(find_source(ml_latest_small), extent, schemes=schemes[1:2]).run()
    accuracy = [one for one in found.findings if one.target.goal == "equal"]
    learned = [one for one in accuracy if one.target.quantity != "server_share"]
    assert {one.scheme for one in learned} == {"rlwe", "regular"}
    assert len(learned) == 7
    assert {one.verdict for one in learned} == {"reproduced"}
    curves, *_ = tables(found)
    names, *_, last, rmse = [[str(cell) for cell in column.cells] for column in curves.columns]
    beside = dict(zip(names, zip(last, rmse, strict=True), strict=True))
    assert beside["published full"] == beside["rlwe full"] == ("0.7329", "1.3965")
    assert beside["published pooled"] == beside["regular pooled"] == ("0.7327", "1.3969")
    # Part uploads, which nobody trained here, are not passed over in silence.
    assert any(one.name == "RMSE, part" for one in found.left_out)


def test_other_losses_are_not_the_published_ones() -> None:
    losses = list(published().curves["full"])
    regular = LossCurve("regular", "pooled", published().curves["pooled"], 1.3969165, None)
    same = LossCurve("rlwe", "full", tuple(losses), 1.3965372, "")
    assert {one.verdict for one in _losses([same, regular])} == {"reproduced"}
    losses[80] *= 1.01
    other = LossCurve("rlwe", "full", tuple(losses), 1.3, "")
    verdicts = {one.target.name: one.verdict for one in _losses([other, regular])}
    assert verdicts["largest distance from the published losses, full"] == "not"
    assert verdicts["RMSE, full"] == "not"
    assert verdicts["RMSE, federated less regular"] == "not"
    assert verdicts["loss after 175 iterations, full"] == "reproduced"


def test_ratings_that_are_too_few_are_said_to_be(
    nowhere: Path, tiny: Extent, schemes: list[Scheme]
) -> None:
    del nowhere
    extent = replace(tiny, items=(10**6,), users=(10**6,))
    found = Experiment(find_source(None), extent, schemes=schemes[1:2]).run()
    assert {row.section for row in found.rows} == {SETTING}
    names = {one.name for one in found.left_out}
    assert {"1000000 items, 8 users", "7 items, 1000000 users"} <= names


def test_the_authors_ratings_are_found_where_they_usually_are(
    nowhere: Path, ml_latest_small: Path
) -> None:
    assert find_source(None).ratings.name == BUNDLED
    (nowhere / "ml-latest-small").symlink_to(ml_latest_small.resolve())
    source = find_source(None)
    assert source.is_the_authors
    training, heldout = source.published_setting()
    assert (training.n_users, training.n_items, len(training), len(heldout)) == (7, 40, 109, 21)


def test_bundled_ratings_give_a_setting_of_the_same_size() -> None:
    source = Source(load_ratings(BUNDLED), is_the_authors=False)
    training, heldout = source.published_setting()
    assert (training.n_users, training.n_items, len(heldout)) == (7, 40, 21)


def test_a_path_without_ratings_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="file not found"):
        find_source(tmp_path / "ml-latest-small")


def test_a_quick_run_is_part_of_the_full_one() -> None:
    assert set(QUICK.items) < set(FULL.items)
    assert set(QUICK.users) < set(FULL.users)
    assert set(QUICK.trained) < set(FULL.trained)
    assert 0 < QUICK.foretold_seconds() < FULL.foretold_seconds()
