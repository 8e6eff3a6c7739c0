"""What charts share: a title above, the picture, and a legend below that wraps as text does."""

from __future__ import annotations

from collections.abc import Iterable

from fedmf.report.markup import Markup, element


def figure(title: str, picture: Markup, legend: Iterable[tuple[str, str]]) -> Markup:
    """Return a figure.

    Parameters
    ----------
    title
        What it shows.
    picture
        The SVG.
    legend
        Labels, each with the class of its line in the style sheet.
    """
    named = (
        element(
            "li",
            element("svg", line(0, 6, 26, 6, style), viewBox="0 0 26 12", aria_hidden="true"),
            element("span", label),
        )
        for label, style in legend
    )
    return element(
        "figure",
        element("figcaption", title),
        picture,
        element("ul", *named, class_="legend"),
    )


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> Markup:
    """Return a straight line of SVG."""
    ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    return element("line", class_=style, **{name: f"{at:.1f}" for name, at in ends.items()})
