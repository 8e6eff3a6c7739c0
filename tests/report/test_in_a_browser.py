"""The page in Chromium, on a phone and on a desk, in the light and in the dark."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fedmf.report import write_report
from tests.report.browser import CHROMIUM, Tab, chromium
from tests.report.conftest import AUDIT, change, lengthen

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="needs Chromium, which is not on this machine"
)
COMPLAINTS = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"
OPEN_ALL = "document.querySelectorAll('details').forEach(one => one.open = true), 1"
# Texts of a picture that lie on each other, or reach out of it.
BAD_LABELS = """
[...document.querySelectorAll('figure > svg')].flatMap(svg => {
  const frame = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')];
  const boxes = texts.map(text => text.getBoundingClientRect());
  return texts.filter((text, i) => {
    const a = boxes[i];
    return a.left < frame.left - 1 || a.right > frame.right + 1 || a.bottom > frame.bottom + 1 ||
      boxes.some((b, j) => j > i && a.left < b.right && b.left < a.right &&
        a.top + 2 < b.bottom && b.top + 2 < a.bottom);
  }).map(text => text.textContent);
})
"""


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(params=["short", "long", "unfinished", "unprotected"])
def report(request: pytest.FixtureRequest, run: Path) -> Path:
    """Return the page of a run of some kind."""
    if request.param == "unprotected":
        return write_report(request.getfixturevalue("plain"))
    if request.param == "unfinished":
        return write_report(request.getfixturevalue("unfinished"))
    if request.param == "long":
        change(run / "result.json", lengthen)
        change(run / "result.json", lambda one: one["dataset"].update(name="a" * 300))
    (run / "audit.json").write_text(json.dumps(AUDIT))
    return write_report(run)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_it_fits_complains_of_nothing_and_asks_for_nothing(
    tab: Tab, report: Path, width: int, scheme: str
) -> None:
    tab.open(report, width=width, scheme=scheme)
    tab.evaluate(OPEN_ALL)
    assert tab.evaluate("innerWidth") == width
    assert tab.evaluate(OVERFLOW) <= 0
    assert tab.evaluate(BAD_LABELS) == []
    assert tab.happened(*COMPLAINTS) == []
    asked = [event["request"]["url"] for event in tab.happened("Network.requestWillBeSent")]
    assert asked == [report.as_uri()]


def test_the_reader_s_scheme_decides_on_the_colours(tab: Tab, run: Path) -> None:
    report = write_report(run)
    found = []
    for scheme in ("light", "dark"):
        tab.open(report, width=1280, scheme=scheme)
        found.append(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert found == ["rgb(255, 255, 255)", "rgb(20, 23, 27)"]


def test_paper_is_white_and_shows_what_was_folded_away(tab: Tab, run: Path) -> None:
    report = write_report(run)
    shown = "document.querySelector('.digests').checkVisibility({contentVisibilityAuto: true})"
    height = "document.querySelector('details').getBoundingClientRect().height"
    tab.open(report, width=1280, scheme="dark")
    folded = tab.evaluate(height)
    tab.open(report, width=1280, scheme="dark", media="print")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.evaluate(shown)
    assert tab.evaluate(height) > 2 * folded


def test_the_checks_find_what_they_look_for(tab: Tab, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<meta name=viewport content='width=device-width'>"
        "<div style='width:2000px'>wide</div><figure><svg viewBox='0 0 100 50' width=100>"
        "<text x=0 y=20>one</text><text x=2 y=20>two</text></svg></figure>"
        "<img src='nothing.png'><script>console.error('no')</script>"
    )
    tab.open(bad, width=375)
    assert tab.evaluate("document.documentElement.scrollWidth") > 375
    assert tab.evaluate(BAD_LABELS) == ["one"]
    assert tab.happened(*COMPLAINTS)
    assert len(tab.happened("Network.requestWillBeSent")) == 2


def test_the_browser_itself_would_stop_a_page_that_loads_or_runs_anything(
    tab: Tab, run: Path
) -> None:
    report = write_report(run)
    text = report.read_text(encoding="utf-8")
    report.write_text(
        text.replace("</body>", "<script>document.title = 'ran'</script></body>"), encoding="utf-8"
    )
    tab.open(report, width=1280)
    assert tab.evaluate("document.title") != "ran"
    assert tab.happened(*COMPLAINTS)
