"""HTML and SVG: text is escaped and tags are closed, since nothing else can be built."""

from __future__ import annotations

from html import escape

VOID = frozenset({"meta"})
"""Elements of the pages that have no content, and no closing tag in HTML."""


class Markup(str):
    """Text that is markup already; all other text is escaped where it becomes a child."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str | float) -> Markup:
    """Return an element of HTML or SVG.

    Parameters
    ----------
    tag
        Its name.
    children
        Its content: `Markup` as it is, other text escaped.
    attributes
        Its attributes, escaped. Underscores stand for hyphens, and one at the end, as in
        ``class_``, for nothing.
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
