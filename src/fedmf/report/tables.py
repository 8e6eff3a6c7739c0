"""Tables that a narrow screen can scroll and a screen reader can name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fedmf.report.markup import Markup, element, joined


def table(
    caption: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Sequence[int] = (),
    style: str = "",
) -> Markup:
    """Return a table in a box that scrolls by itself.

    Parameters
    ----------
    caption
        What the table shows.
    headings
        One for each column.
    rows
        A cell for each column; the first is the row's heading.
    numbers
        Columns of figures, which are aligned to the right.
    style
        Class of the table.
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
    # Scrolling has to work from a keyboard, too; and the caption stays where it is.
    box = element("div", whole, class_="scroll", tabindex="0", role="region", aria_label=caption)
    return joined(element("p", caption, class_="caption"), box)


def facts(pairs: Iterable[tuple[str, str]], *, style: str = "") -> Markup:
    """Return names with what is known of each; class ``long`` is for long values."""
    parts = [joined(element("dt", name), element("dd", known)) for name, known in pairs]
    return element("dl", *parts, class_=style)
