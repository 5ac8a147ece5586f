"""Every link in our pages leads to a file, or a heading, that is there; and the pages build into a site."""

import re
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/RESULTS.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "model_cards").glob("*/README.md")),
]
PARSER = MarkdownIt("commonmark").enable("table")


@cache
def tokens(path: Path) -> list:
    """The page in pieces, those of its lines included, without the front matter of a card."""
    text = re.sub(r"\A---\n.*?\n---\n", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [piece for token in PARSER.parse(text) for piece in (token, *(token.children or ()))]


def links(path: Path) -> list[str]:
    """Where the page leads to and which pictures it shows, in Markdown and in HTML."""
    actual = [token.attrs.get("href") or token.attrs.get("src") for token in tokens(path)]
    markup = "".join(token.content for token in tokens(path) if token.type in ("html_block", "html_inline"))
    return [link for link in actual if link] + re.findall(r'(?:href|src|srcset)="([^"]+)"', markup)


@cache
def anchors(path: Path) -> set[str]:
    """The headings of a page as GitHub writes them behind a #."""
    titles = [
        line.content for head, line in zip(tokens(path), tokens(path)[1:], strict=False) if head.type == "heading_open"
    ]
    actual: list[str] = []
    for title in titles:
        anchor = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        actual.append(f"{anchor}-{actual.count(anchor)}" if anchor in actual else anchor)
    return set(actual)


def wrong(path: Path) -> list[str]:
    """The relative links of a page that lead nowhere."""
    missing = []
    for link in links(path):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = unquote(link).partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            missing.append(link)
    return missing


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    assert not wrong(path)


def test_a_wrong_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    (tmp_path / "other.md").write_text("# One `two`, three\n## One\n## One\n")
    page.write_text(
        "# Here\n[a](#here) [b](#there) [c](other.md#one-two-three) [d](other.md#one-1) [e](other.md#one-2)\n\n"
        '| [f](none.md) |\n| --- |\n\n<img src="none.webp"> ![g](other.md) https://a.b `[h](none)`\n'
    )
    assert wrong(page) == ["#there", "other.md#one-2", "none.md", "none.webp"]


def test_every_page_is_named_in_the_site():
    named = (ROOT / "docs" / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    pages = {str(path.relative_to(ROOT)) for path in PAGES if path.parent.parent != ROOT / "model_cards"}
    assert set(re.findall(r": (\S+\.md)$", named, re.MULTILINE)) == pages


@pytest.mark.skipif(not find_spec("mkdocs"), reason='needs pip install -e ".[docs]"')
def test_the_site_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "-f", "docs/mkdocs.yml", "--strict", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for page in ("index.html", "docs/zoo/index.html", "model_cards/cifar10-vq-1024x128/index.html"):
        assert "<table>" in (tmp_path / page).read_text(encoding="utf-8")
    assert any((tmp_path / "assets" / "stylesheets").iterdir()), "the theme has its files"
