"""Every page by axe-core: no finding that keeps someone with a screen reader or a keyboard from using it."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from .conftest import opened
from .test_looks import go, pages_of

_VISIBLE = {"exclude": [["#pages [role=tabpanel][style*='display: none']"]]}
"""Pages out of sight are laid out, too, and take axe seconds."""
_OPTIONS = {"resultTypes": ["violations"], "rules": {"color-contrast": {"enabled": False}}}
"""Contrast, in both modes, is measured by test_looks."""


@pytest.fixture(scope="module")
def page(browser, app_url) -> Iterator[Page]:
    with opened(browser, app_url) as page:
        yield page


def findings(page) -> list[str]:
    response = Axe().run(page, context=_VISIBLE, options=_OPTIONS).response
    return [
        f"{each['impact']} {each['id']}: {node['html'][:120]}"
        for each in response["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def test_no_page_has_a_serious_finding(page):
    actual = {}
    for name in pages_of(page):
        go(page, name)
        for each in findings(page):
            actual.setdefault(name, []).append(each)
    assert not actual, "\n".join(f"{name}: {each}" for name, all_of in actual.items() for each in all_of)


def test_a_control_without_a_name_is_a_finding(page):
    page.evaluate("document.querySelector('#footer').insertAdjacentHTML('beforeend', '<button id=nameless></button>')")
    assert any("nameless" in each for each in findings(page))
