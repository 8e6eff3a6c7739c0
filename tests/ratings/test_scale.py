from pathlib import Path

import numpy as np
import pytest

from fedmf.errors import SettingsError
from fedmf.ratings import load_fold_in_ratings, load_ratings
from fedmf.ratings.scale import find_scale


@pytest.mark.parametrize(
    ("values", "outliers", "scale"),
    [
        ([1, 2, 3, 4, 5] * 20, [], "1 to 5"),
        ([1, 2, 3, 4, 5] * 20, [500], "1 to 5"),
        ([1, 2, 3, 4, 5] * 20, [-500], "1 to 5"),
        ([1, 2, 3, 4, 5] * 1000, [500, 600, -300], "1 to 5"),
        ([1, 2] * 20, [500], "1 to 2"),
        # A low scale's rare end, and values of which there are only two, are no mistakes.
        ([0] * 5000, [], "0 to 0"),
        ([0] * 5000 + [1], [], "0 to 1"),
        ([1, 2, 3, 4, 5] * 20 + [10], [], "1 to 10"),
        # More than one in a thousand.
        ([1, 2, 3, 4, 5] * 20 + [500, 500], [], "1 to 500"),
        ([3.0], [], "3 to 3"),
        ([3.0, 500.0], [], "3 to 500"),
        (np.linspace(0, 1, 1000).tolist(), [40.0], "0 to 1"),
    ],
)
def test_scales_and_outliers(values: list[float], outliers: list[float], scale: str) -> None:
    given = np.array([*values, *outliers], dtype=np.float64)
    found, far = find_scale(np.random.default_rng(0).permutation(given))
    assert str(found) == scale
    assert far.sum() == len(outliers)


@pytest.mark.parametrize("seed", range(5))
def test_heavy_tails_have_no_outliers(seed: int) -> None:
    counts = np.ceil(np.random.default_rng(seed).pareto(1.0, 20_000) * 10)
    found, far = find_scale(counts)
    assert not far.any() or found.highest > np.quantile(counts, 0.999)


def test_outliers_are_left_out_and_named(tmp_path: Path) -> None:
    rows = [f"u{k % 7},i{k},{1 + k % 5}" for k in range(40)]
    path = tmp_path / "typed.csv"
    path.write_text("\n".join(["user,item,rating", *rows, "u3,x9,500"]) + "\n")
    found = load_ratings(path)
    assert (str(found.scale), len(found)) == ("1 to 5", 40)
    assert any("500 (user 'u3', item 'x9')" in note for note in found.notes)
    # Who says what the scale is keeps it, and a new user's ratings are not judged by themselves.
    assert len(load_ratings(path, scale=(1, 500))) == 41
    for wrong in (5, (1, 2, 3), ("low", "high")):
        with pytest.raises(SettingsError, match="the scale is two numbers"):
            load_ratings(path, scale=wrong)  # type: ignore[arg-type]
    of_one = tmp_path / "own.csv"
    of_one.write_text("item,rating\n" + "".join(f"i{k},{1 + k % 5}\n" for k in range(9)) + "x,500")
    assert load_fold_in_ratings(of_one)[-1] == ("x", 500.0)
