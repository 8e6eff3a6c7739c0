"""Links to source files, on the site: the file's name instead, because the site holds pages alone.

`mkdocs.yml` names this file as a hook; `on_page_markdown` is mkdocs' name for this event.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

LINK = re.compile(r"\[([^\]]+)\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, **_: object) -> str:
    """Write links that lead out of ``docs/`` as their text and the file's name.

    Parameters
    ----------
    markdown
        Source of the page.
    page
        mkdocs' page; ``page.file.src_uri`` is its path within ``docs/``.

    Returns
    -------
    str
        Source of the page with links within ``docs/`` and to the web alone.
    """
    folder = posixpath.join("docs", posixpath.dirname(page.file.src_uri))

    def without_link(found: re.Match[str]) -> str:
        text, target = found.groups()
        path = posixpath.normpath(posixpath.join(folder, target))
        if "://" in target or path.startswith("docs/"):
            return found[0]
        return f"{text} (`{path}`)"

    return LINK.sub(without_link, markdown)
