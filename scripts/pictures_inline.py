"""Pictures on the site: the SVG itself in the page, so that it takes the page's light or dark.

`mkdocs.yml` names this file as a hook; `on_page_content` is mkdocs' name for this event. Readers of
the Markdown alone see the same files as images, which take the light or dark of their system.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

IMAGE = re.compile(r'<p>\s*<img alt="[^"]*" src="([^"]+\.svg)" ?/?>\s*</p>')


def on_page_content(html: str, *, page: Any, config: Any, **_: object) -> str:
    """Put the content of SVG files in the place of images that show them.

    Parameters
    ----------
    html
        Content of the page.
    page, config
        mkdocs' page and configuration.

    Returns
    -------
    str
        Content of the page with pictures that have a title and a description of their own.
    """
    folder = posixpath.dirname(page.file.src_uri)

    def picture(found: re.Match[str]) -> str:
        path = Path(config["docs_dir"], posixpath.normpath(posixpath.join(folder, found[1])))
        return f"<figure>{path.read_text('utf-8')}</figure>"

    return IMAGE.sub(picture, html)
