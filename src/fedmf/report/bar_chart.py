"""Groups of bars beside each other as inline SVG; colours come from the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fedmf.report.figure import figure
from fedmf.report.markup import Markup, element

WIDTH, LONGEST = 400, 285
HEADING, BAR, GAP = 20, 14, 16


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
    """Return a chart with a title; all bars of it have one scale, from zero.

    Parameters
    ----------
    title
        What the bars show.
    groups
        What is compared, each with its bars; NaN leaves a bar out.
    text
        Writes a value.
    legend
        Label of each class of bars.
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
    picture = element(
        "svg",
        *parts,
        viewBox=f"0 0 {WIDTH} {max(down - GAP, 1):.0f}",
        role="img",
        aria_label=f"{title}. {'; '.join(spoken)}",
    )
    return figure(title, picture, [(label, style) for style, label in legend.items()])
