"""HTML and SVG: text is escaped and tags are closed, since nothing else can be built.

Tables can be scrolled on a narrow screen, and a screen reader can name them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

VOID = frozenset({"meta"})
"""Elements of the pages that have no content, and no closing tag in HTML."""


class Markup(str):
    """Text that is markup already; all other text is escaped where it becomes a child."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str | float) -> Markup:
    """Return an element of HTML or SVG.

    `Markup` among its children stays as it is, other text and attributes are escaped. In names of
    attributes underscores stand for hyphens, and one at the end, as in ``class_``, for nothing.
    """
    named = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
    )
    if tag in VOID:
        return Markup(f"<{tag}{named}>")
    return Markup(f"<{tag}{named}>{joined(*children)}</{tag}>")


def joined(*children: str) -> Markup:
    """Return children one after the other, without an element around them."""
    return Markup("".join(one if isinstance(one, Markup) else escape(one) for one in children))


def table(
    caption: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Sequence[int] = (),
    style: str = "",
) -> Markup:
    """Return a table in a box that scrolls by itself.

    The first cell of a row is its heading; `numbers` are the columns that are aligned to the right.
    """

    def kind(column: int) -> dict[str, str]:
        return {"class_": "number"} if column in numbers else {}

    head = element(
        "tr", *(element("th", one, scope="col", **kind(k)) for k, one in enumerate(headings))
    )
    body = [
        element(
            "tr",
            element("th", row[0], scope="row", **kind(0)),
            *(element("td", cell, **kind(k)) for k, cell in enumerate(row[1:], start=1)),
        )
        for row in rows
    ]
    whole = element(
        "table",
        element("thead", head),
        element("tbody", *body),
        class_=style,
        aria_label=caption,
    )
    # Scrolling has to work from a keyboard as well; the caption stays where it is.
    box = element("div", whole, class_="scroll", tabindex="0", role="region", aria_label=caption)
    return joined(element("p", caption, class_="caption"), box)


def facts(pairs: Iterable[tuple[str, str]], *, style: str = "") -> Markup:
    """Return names with what is known of each; class ``long`` is for long values."""
    parts = [joined(element("dt", name), element("dd", known)) for name, known in pairs]
    return element("dl", *parts, class_=style)
