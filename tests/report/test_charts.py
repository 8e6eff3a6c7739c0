import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmf.report.charts import (
    BAR,
    BOTTOM,
    LONGEST,
    TOP,
    Bar,
    Curve,
    Level,
    bar_chart,
    line_chart,
    ticks,
)
from tests.report.html import Node, parse

FIGURES = st.floats(1e-6, 1e6)


def places(line: Node) -> list[tuple[float, float]]:
    points = [point.split(",") for point in str(line.attributes["points"]).split()]
    return [(float(x), float(y)) for x, y in points]


@given(FIGURES, FIGURES)
def test_ticks_reach_from_below_to_above_in_equal_round_steps(one: float, other: float) -> None:
    low, high = sorted((one, other))
    marks = ticks(low, high, 5)
    slack = 1e-6 * (marks[-1] - marks[0])
    assert marks[0] <= low + slack
    assert marks[-1] >= high - slack
    steps = [second - first for first, second in pairwise(marks)]
    assert 1 <= len(steps) <= 12
    assert steps == pytest.approx([steps[0]] * len(steps), rel=1e-3)
    first = steps[0] / 10.0 ** math.floor(math.log10(steps[0] * 1.0001))
    assert min(abs(first - round_figure) for round_figure in (1, 2, 5, 10)) < 1e-3


def test_a_curve_goes_through_its_points() -> None:
    curve = Curve("mine", "own", [(1, 0.9), (2, 0.8), (4, 0.7)])
    tree = parse(line_chart("Error", [curve]))
    (line,) = tree.all("polyline")
    (x1, y1), (x2, y2), (x4, y4) = places(line)
    assert (x4 - x1) == pytest.approx(3 * (x2 - x1), abs=0.2)
    assert y2 == pytest.approx((y1 + y4) / 2, abs=0.2)
    assert TOP <= y1 < y4 <= BOTTOM
    assert len(list(tree.all("circle"))) == 3
    assert "mine: 0.7000 at the end" in str(next(tree.all("svg")).attributes["aria-label"])


def test_one_round_is_a_dot_that_can_be_seen() -> None:
    tree = parse(line_chart("Error", [Curve("mine", "own", [(1, 0.9)])], [Level("mean", "m", 0.9)]))
    (dot,) = tree.all("circle")
    assert TOP < float(str(dot.attributes["cy"])) < BOTTOM


def test_a_level_far_off_does_not_flatten_the_curves() -> None:
    curve = Curve("mine", "own", [(1, 0.90), (2, 0.89)])
    levels = [Level("far", "m", 5.0), Level("near", "b", 0.91), Level("low", "m", 0.1)]
    tree = parse(line_chart("Error", [curve], levels))
    (first, last) = places(next(tree.all("polyline")))
    assert last[1] - first[1] > (BOTTOM - TOP) / 5
    legend = [one.text for one in tree.all("li")]
    assert "far: 5.0000, above the picture" in legend
    assert "low: 0.1000, below the picture" in legend
    assert "near: 0.9100" in legend


def test_long_curves_have_no_dots() -> None:
    curve = Curve("mine", "own", [(n, 1 / n) for n in range(1, 176)])
    assert not list(parse(line_chart("Error", [curve])).all("circle"))


def bars(tree: Node) -> list[Node]:
    """Return the bars of the picture, without those of the legend."""
    return [one for one in tree.all("rect") if one.attributes["height"] == str(BAR)]


def test_bars_are_as_long_as_their_values_say() -> None:
    groups = [("up", [Bar("own", 40.0), Bar("other", 10.0)]), ("down", [Bar("own", math.nan)])]
    tree = parse(bar_chart("Bytes", groups, "{:.0f} B".format, {"own": "mine", "other": "theirs"}))
    assert [float(str(one.attributes["width"])) for one in bars(tree)] == [
        LONGEST,
        pytest.approx(LONGEST / 4, abs=0.1),
    ]
    assert [one.text for one in tree.all("text")] == ["up", "40 B", "10 B", "down"]
    assert [one.text for one in tree.all("li")] == ["mine", "theirs"]


def test_bars_of_nothing_are_drawn_as_a_hair() -> None:
    tree = parse(bar_chart("Bytes", [("up", [Bar("own", 0.0)])], str, {"own": "mine"}))
    assert 0 < float(str(bars(tree)[0].attributes["width"])) < 3
