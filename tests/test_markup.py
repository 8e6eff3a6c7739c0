from hypothesis import given
from hypothesis import strategies as st

from fedmf.markup import Markup, element, joined, table
from tests.report.html import parse

# A parser of HTML turns carriage returns into line ends, and NUL into a sign of its own.
TEXT = st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"]))


@given(TEXT, TEXT)
def test_any_text_comes_back_as_it_was(text: str, value: str) -> None:
    (node,) = parse(element("p", text, title=value)).all()
    assert "".join(map(str, node.content)) == text
    assert node.attributes == {"title": value}


def test_markup_is_taken_as_it_is_and_other_text_is_not() -> None:
    assert element("p", element("b", "x"), "<b>") == "<p><b>x</b>&lt;b&gt;</p>"
    assert joined("a&", Markup("&amp;")) == "a&amp;&amp;"


def test_attributes_are_named_as_html_has_them() -> None:
    assert element("p", class_="a", aria_label="b") == '<p class="a" aria-label="b"></p>'
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'


def test_cells_of_a_table_are_escaped() -> None:
    tree = parse(table("<c>", ["<h>"], [["<script>"]]))
    assert [one.text for one in tree.all("th")] == ["<h>", "<script>"]
    assert not list(tree.all("script"))
