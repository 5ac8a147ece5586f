"""Cards that strangers wrote: their words are shown, and nothing runs, leads away or is loaded."""

import re
import time
from html.parser import HTMLParser

import pytest

from vqzoo.hub.registry import list_models
from vqzoo.views.markdown import LONGEST, safe_html

HOSTILE = [
    "<script>x()</script>",
    "<img src=x onerror=x()>",
    "a <b onclick=x()>b</b>",
    "<!-- comment --> <style>*{}</style>",
    "![t](http://192.0.2.1/a.png)",
    "![t][r]\n\n[r]: http://192.0.2.1/a.png",
    "[t](http://192.0.2.1/)",
    "[t](javascript:x())",
    "[t](data:text/html,<script>x()</script>)",
    "<http://192.0.2.1/>",
    '[t](http://192.0.2.1/ "\\"><script>x()</script>")',
    "# <svg onload=x()>",
    "| <iframe src=x> |\n| --- |\n| <a href=x>y</a> |",
    '```html"><script>x()</script>\n</code></pre><script>x()</script>\n```',
    "&lt;script&gt; &#60;script&#62;",
    "${x()} {{x()}} $$x$$",
]
TAGS = {"h4", "h5", "h6", "p", "a", "em", "strong", "code", "pre", "ul", "ol", "li", "blockquote", "hr", "br"} - {"a"}
TAGS |= {"table", "thead", "tbody", "tr", "th", "td"}


class Reader(HTMLParser):
    """Fails for a tag or an attribute that can do something."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def handle_starttag(self, tag, attrs):
        assert tag in TAGS, tag
        assert {name for name, _ in attrs} <= {"class", "style", "start"}, attrs
        assert all(value.startswith("text-align:") for name, value in attrs if name == "style"), attrs

    def handle_comment(self, data):
        raise AssertionError(data)

    def handle_data(self, data):
        self.text += data


def words(text: str) -> str:
    reader = Reader()
    reader.feed(safe_html(text))
    return reader.text


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_but_words(text):
    assert words(f"# One\n\n{text}\n\ntwo **three**").strip().endswith("two three")


def test_html_is_shown_as_it_was_written_and_links_say_where_they_lead():
    assert words("a <b>c</b> [d](http://e/f) <http://g/> ![h](http://i/)").strip() == (
        "a <b>c</b> d (http://e/f) http://g/ [image: h]"
    )


def test_the_front_matter_is_left_out_and_headings_stand_below_those_of_the_page():
    assert safe_html("---\ntags: [a]\n---\n# B\n## C\n---\nd").startswith("<h4>B</h4><h5>C</h5><hr />")


def test_a_long_card_is_cut_and_says_so():
    text = words("word " * LONGEST)
    assert len(text) < LONGEST + 100 and text.rstrip().endswith("longer than the page shows)")


@pytest.mark.parametrize(
    "text", ["[" * LONGEST, "*a " * (LONGEST // 3), "> " * (LONGEST // 2), "`" * LONGEST, "|a" * 32000]
)
def test_no_card_takes_long(text):
    start = time.process_time()
    safe_html(text)
    assert time.process_time() - start < 5


def test_our_own_cards_are_whole():
    for model in list_models():
        assert model.source is not None
        text = words((model.source / "README.md").read_text(encoding="utf-8"))
        assert "On the " in text and re.search(r"PSNR, dB\s+\d\d\.\d\d", text), model.name
