"""Untrusted Markdown as safe HTML."""

import html
import re
from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

LONGEST = 64_000
"""How many characters of a card are shown."""

_FRONT_MATTER = re.compile(r"\A---\r?\n.*?^---\s*$", re.DOTALL | re.MULTILINE)


def safe_html(text: str) -> str:
    """Return the HTML of a model card without its front matter.

    Raw HTML is shown as text, a link as its text and address, an image as its description: nothing is loaded and
    nothing can be clicked. Headings begin at <h4>, below those of the page.
    """
    body = _FRONT_MATTER.sub("", text[: 2 * LONGEST], count=1).lstrip()
    cut = "\n\n*(cut here: the card is longer than the page shows)*" if len(body) > LONGEST else ""
    return str(_markdown().render(body[:LONGEST] + cut))


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("link_open", _nothing)
    markdown.add_render_rule("link_close", _where)
    markdown.add_render_rule("image", _description)
    for rule in ("heading_open", "heading_close"):
        markdown.add_render_rule(rule, _heading)
    return markdown


def _nothing(of: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return ""


def _where(of: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    opened = next(token for token in reversed(tokens[:index]) if token.type == "link_open")
    target = str(opened.attrs["href"])
    return "" if tokens[index - 1].content == target else f" ({html.escape(target)})"


def _description(of: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return f"[image: {html.escape(tokens[index].content)}]"


def _heading(of: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    slash = "/" if tokens[index].nesting < 0 else ""
    return f"<{slash}h{min(int(tokens[index].tag[1:]) + 3, 6)}>"
