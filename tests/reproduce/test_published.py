"""The data file: every target is whole, and the curves are those of the logs."""

import json
from pathlib import Path

import pytest

from fedmf.reproduce.published import DATA, GOALS, POOLED, QUANTITIES, TOLERANCES
from fedmf.reproduce.published import published as ours


def test_every_target_says_what_it_is_and_where_it_was_published() -> None:
    targets = ours().targets
    assert len({target.name for target in targets}) == len(targets)
    for target in targets:
        assert target.quantity in QUANTITIES
        assert target.goal in GOALS
        assert target.tolerance_is in TOLERANCES
        assert target.upload in ("full", "part", POOLED, DATA)
        assert target.unit == ("s" if target.quantity in ("iteration", "communication") else "")
        assert "Di-Chai/FedMF" in target.source
        assert target.items > 0
        assert target.users > 0
        assert target.tolerance > 0 or target.quantity == "ratings"
        assert isinstance(target.derived, bool)
    assert {target.quantity for target in targets} == set(QUANTITIES)


def test_times_cover_the_sizes_of_the_evaluation() -> None:
    iterations = [one for one in ours().targets if one.quantity == "iteration"]
    by_items = {one.items for one in iterations if one.users == 610 and one.items != 2000}
    assert by_items == {40, 80, 160, 320, 640, 1280, 2560}
    by_users = {one.users for one in iterations if one.items == 2000}
    assert by_users == {100, 200, 300, 400, 500, 610}
    # What the authors' notebook does not hold is never passed off as published.
    assert all(one.derived == (one.items == 2000) for one in iterations)
    assert {one.upload for one in iterations if one.users == 7} == {"full", "part"}


def test_curves_hold_a_loss_for_each_of_175_iterations_and_end_in_the_targets() -> None:
    curves = ours().curves
    assert set(curves) == {"full", "part", POOLED}
    for upload, losses in curves.items():
        assert len(losses) == 175
        (last,) = (
            one.value for one in ours().targets if one.quantity == "loss" and one.upload == upload
        )
        assert losses[-1] == last


def test_the_figures_are_those_of_the_logs(published: Path) -> None:
    logs = json.loads(published.read_text())
    assert list(ours().curves["full"]) == logs["fedmf_full"]["loss"]
    assert list(ours().curves["part"]) == logs["fedmf_part"]["loss"]
    assert list(ours().curves[POOLED]) == logs["regular_mf"]["loss"]
    found = {(one.quantity, one.upload, one.users): one.value for one in ours().targets}
    for upload in ("full", "part"):
        log = logs[f"fedmf_{upload}"]
        assert found["rmse", upload, 7] == log["rmse"]
        assert found["iteration", upload, 7] == log["seconds_per_iteration_median"]
        share = log["server_seconds_median"] / log["seconds_per_iteration_median"]
        assert found["server_share", upload, 7] == pytest.approx(share, abs=1e-4)
