"""Charts as inline SVG, a title above, a legend below; colours come from the style sheet."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from fedmf.markup import Markup, element

WIDTH, HEIGHT = 400, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 392, 12, 206
"""Of the lines of a chart over rounds."""
MOST_DOTS = 40
"""With more points dots run into each other."""
FAR = 4
"""A level lies far off that would make the picture this many times as high."""
LONGEST, HEADING, BAR, GAP = 285, 20, 14, 16
"""Of bars and their groups."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A figure of each round."""

    label: str
    """What the legend calls it."""
    style: str
    """Class of its line in the style sheet."""
    points: Sequence[tuple[int, float]]
    """Rounds and values."""


@dataclass(frozen=True, slots=True)
class Level:
    """A figure that is the same in every round, for comparison."""

    label: str
    style: str
    value: float


def line_chart(title: str, curves: Sequence[Curve], levels: Sequence[Level] = ()) -> Markup:
    """Return a chart with its title and legend.

    Parameters
    ----------
    curves
        Drawn in this order, so that the last one lies on top; one at least has a point.
    levels
        Drawn below them from side to side. One that lies so far off that the curves would become
        flat is named only in the legend.
    """
    values = [value for curve in curves for _, value in curve.points]
    shown = _levels_near(values, levels)
    values += [level.value for level in shown]
    rounds = [number for curve in curves for number, _ in curve.points]
    marks = ticks(min(values), max(values), 5)
    low, high = marks[0], marks[-1]
    first, last = min(rounds), max(*rounds, min(rounds) + 1)

    def x(number: float) -> float:
        return LEFT + 8 + (number - first) / (last - first) * (RIGHT - LEFT - 16)

    def y(value: float) -> float:
        return BOTTOM - (value - low) / (high - low) * (BOTTOM - TOP)

    parts = [_line(LEFT, y(mark), RIGHT, y(mark), "grid") for mark in marks]
    digits = _digits(marks)
    parts += [_text(LEFT - 7, y(mark) + 4, f"{mark:.{digits}f}", "end") for mark in marks]
    whole = sorted({round(mark) for mark in ticks(first, last, 6) if first <= mark <= max(rounds)})
    parts += [_text(x(mark), BOTTOM + 18, str(mark), "middle") for mark in whole]
    parts.append(_line(LEFT, BOTTOM, RIGHT, BOTTOM, "axis"))
    parts.append(_text((LEFT + RIGHT) / 2, HEIGHT - 6, "round", "middle"))
    parts += [_line(LEFT, y(one.value), RIGHT, y(one.value), one.style) for one in shown]
    for curve in curves:
        places = [(x(number), y(value)) for number, value in curve.points]
        path = " ".join(f"{across:.1f},{down:.1f}" for across, down in places)
        parts.append(element("polyline", points=path, class_=f"curve {curve.style}"))
        if len(places) <= MOST_DOTS:
            parts += [
                element("circle", cx=f"{across:.1f}", cy=f"{down:.1f}", r=3, class_=curve.style)
                for across, down in places
            ]
    ends = "; ".join(
        [f"{one.label}: {one.points[-1][1]:.4f} at the end" for one in curves if one.points]
        + [f"{one.label}: {one.value:.4f}" for one in levels]
    )
    named = [(one.label, one.style) for one in reversed(curves)]
    for one in levels:
        place = "" if one in shown else f", {'above' if one.value > high else 'below'} the picture"
        named.append((f"{one.label}: {one.value:.4f}{place}", one.style))
    return _figure(title, parts, HEIGHT, f"{title} in each round. {ends}", named, _line_swatch)


def ticks(low: float, high: float, about: int) -> list[float]:
    """Return round figures from `low` or below to `high` or above, some `about` of them.

    Steps are 1, 2 or 5 times a power of ten.
    """
    span = (high - low) or abs(high) * 0.1 or 1.0
    if high == low:
        low, high = low - span / 2, high + span / 2
    rough = span / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [k * step for k in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure with the class of its bar in the style sheet."""

    style: str
    value: float


def bar_chart(
    title: str,
    groups: Sequence[tuple[str, Sequence[Bar]]],
    text: Callable[[float], str],
    legend: Mapping[str, str],
) -> Markup:
    """Return a chart with a title; all bars of it have one scale, from zero; NaN leaves a bar out.

    The legend has the label of each class of bars.
    """
    longest = max(
        (bar.value for _, bars in groups for bar in bars if not math.isnan(bar.value)), default=0.0
    )
    parts, down = [], 0.0
    spoken = []
    for name, bars in groups:
        parts.append(element("text", name, x=0, y=f"{down + 14:.1f}", class_="name"))
        down += HEADING
        for bar in bars:
            if math.isnan(bar.value):
                continue
            # A hair at least, so that small is not taken for nothing.
            length = max(1.5, LONGEST * bar.value / longest) if longest else 1.5
            parts.append(
                element(
                    "rect",
                    class_=bar.style,
                    x=0,
                    y=f"{down:.1f}",
                    width=f"{length:.1f}",
                    height=BAR,
                )
            )
            parts.append(
                element("text", text(bar.value), x=f"{length + 6:.1f}", y=f"{down + BAR - 2.5:.1f}")
            )
            spoken.append(f"{name}, {legend[bar.style]}: {text(bar.value)}")
            down += BAR + 3
        down += GAP
    spoken_text = f"{title}. {'; '.join(spoken)}"
    named = [(label, style) for style, label in legend.items()]
    return _figure(title, parts, max(down - GAP, 1), spoken_text, named, _bar_swatch)


def _levels_near(values: Sequence[float], levels: Sequence[Level]) -> list[Level]:
    """Return the levels that leave the curves, whose values these are, room in the picture."""
    low, high = min(values), max(values)
    near: list[Level] = []
    for level in sorted(levels, key=lambda one: max(low - one.value, one.value - high)):
        wider = (min(low, level.value), max(high, level.value))
        if high > low and wider[1] - wider[0] > FAR * (high - low):
            break
        low, high = wider
        near.append(level)
    return near


def _digits(marks: Sequence[float]) -> int:
    return max(0, -math.floor(math.log10(marks[1] - marks[0]) + 1e-9))


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return element("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)


def _figure(
    title: str,
    parts: Iterable[Markup],
    height: float,
    spoken: str,
    legend: Iterable[tuple[str, str]],
    swatch: Callable[[str], Markup],
) -> Markup:
    """Return a figure; `spoken` is what a screen reader says of the picture.

    The legend has labels and classes, and `swatch` draws a class as the picture does.
    """
    size = f"0 0 {WIDTH} {height:.0f}"
    picture = element("svg", *parts, viewBox=size, role="img", aria_label=spoken)
    named = (
        element(
            "li",
            element("svg", swatch(style), viewBox="0 0 26 12", aria_hidden="true"),
            element("span", label),
        )
        for label, style in legend
    )
    legends = element("ul", *named, class_="legend")
    return element("figure", element("figcaption", title), picture, legends)


def _line_swatch(style: str) -> Markup:
    return _line(0, 6, 26, 6, style)


def _bar_swatch(style: str) -> Markup:
    return element("rect", class_=style, x=0, y=1, width=26, height=10)


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> Markup:
    ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    return element("line", class_=style, **{name: f"{at:.1f}" for name, at in ends.items()})
