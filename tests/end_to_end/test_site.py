"""The documentation as a site: built as `make docs` builds it, without a warning."""

from __future__ import annotations

import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("mkdocs", reason="mkdocs is in the dev group alone")

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


class Addresses(HTMLParser):
    """Where a page leads (`links`) and what it loads (`loaded`)."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        addresses = [value for name, value in attrs if name in ("href", "src") and value]
        (self.links if tag == "a" else self.loaded).extend(addresses)


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    # Not with --quiet, which also hides warnings from --strict.
    return subprocess.run(  # noqa: S603 - our own pages
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)],
        cwd=root, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = build(ROOT, folder)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path / "mkdocs.yml")
    return tmp_path


def test_every_page_is_on_the_site(site: Path) -> None:
    for page in DOCS.rglob("*.md"):
        name = page.relative_to(DOCS).with_suffix(".html")
        assert (site / (name.with_stem("index") if name.stem == "README" else name)).is_file()


def test_links_on_the_site_lead_somewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        if page.name == "404.html":  # its addresses begin at the root of a web server
            continue
        for link in Addresses(page.read_text("utf-8")).links:
            target = urlsplit(link)
            if not target.scheme and target.path:
                assert (page.parent / unquote(target.path)).exists(), f"{page.name}: {link}"


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        for address in Addresses(page.read_text("utf-8")).loaded:
            assert not urlsplit(address).netloc, f"{page.name}: {address}"


def test_links_to_sources_become_names_of_files(site: Path) -> None:
    page = (site / "explanation" / "architecture.html").read_text("utf-8")
    assert "<code>src/fedmf/protocol/server.py</code>" in page
    assert "../../src" not in page


@pytest.mark.parametrize(
    ("name", "added"),
    [
        ("forgotten.md", "# In no menu\n"),
        ("limitations.md", "\n[nowhere](no-such-page.md)\n"),
        ("limitations.md", "\n[nowhere](benchmarks.md#no-such-heading)\n"),
    ],
    ids=["page in no menu", "link to no page", "link to no heading"],
)
def test_mistake_stops_the_build(name: str, added: str, copy: Path) -> None:
    with (copy / "docs" / name).open("a", encoding="utf-8") as page:
        page.write(added)
    stopped = build(copy, copy / "site")
    assert stopped.returncode == 1
    assert Path(name).stem in stopped.stderr


def test_copy_without_a_mistake_is_built(copy: Path) -> None:
    assert build(copy, copy / "site").returncode == 0
