"""Colours that can be read, in the light and in the dark."""

import re
from importlib.resources import files

import pytest

STYLE = (files("fedmf.report") / "page.css").read_text(encoding="utf-8")
TEXT, GRAPHICS = 4.5, 3.0
"""Least contrasts of WCAG 2.2, 1.4.3 and 1.4.11."""


def colours(scheme: str) -> dict[str, str]:
    start = 0 if scheme == "light" else STYLE.index(f"@media {scheme}")
    block = STYLE[STYLE.index(":root", start) :].split("}")[0]
    return dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6});", block))


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_extremes_have_the_known_contrasts() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "(prefers-color-scheme: dark)", "print"])
def test_text_and_lines_stand_out(scheme: str) -> None:
    known = colours(scheme)
    assert set(known) == set(colours("light"))
    for name in ("ink", "quiet", "own", "good", "bad"):
        assert contrast(known[name], known["paper"]) >= TEXT, name
    for name in ("ink", "quiet"):
        assert contrast(known[name], known["panel"]) >= TEXT, name
    for name in ("own", "unprotected", "bias", "mean"):
        assert contrast(known[name], known["paper"]) >= GRAPHICS, name


def test_the_dark_scheme_is_dark() -> None:
    dark = colours("(prefers-color-scheme: dark)")
    assert luminance(dark["paper"]) < 0.05 < 0.9 < luminance(colours("light")["paper"])


def test_every_class_that_charts_use_has_a_colour() -> None:
    for name in ("own", "unprotected", "bias", "global-mean", "popularity", "grid", "axis"):
        assert re.search(rf"\.{name}\b[^{{]*{{[^}}]*(stroke|fill): var\(--", STYLE), name
