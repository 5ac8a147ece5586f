"""The pages as pages: which of them can be reached, and what a change of page asks for."""

import json
import urllib.request

from playwright.sync_api import Locator, Page, expect

from vqzoo.ui.blocks import Blocks

WHERE = """[...document.querySelectorAll('#pages > [role=tabpanel]')].findIndex(
    panel => panel.contains(document.activeElement))"""


def panel(page: Page, inside: str) -> Locator:
    """The panel of a page, by what is in it; a page that nobody has looked at has none."""
    return page.locator("#pages > [role=tabpanel]", has=page.locator(inside))


def test_one_page_is_on_view_and_the_others_can_be_reached_by_nobody(page):
    page.get_by_role("tab", name="Zoo", exact=True).click()
    expect(panel(page, "#zoo-table")).to_be_visible()
    expect(panel(page, "#viewer")).to_be_hidden()
    page.get_by_role("tab", name="Compare", exact=True).click()
    expect(panel(page, "#zoo-table")).to_be_hidden()
    expect(panel(page, "#viewer")).to_be_visible()
    assert page.get_by_role("button", name="Compare", exact=True).count() == 1, "what a screen reader is offered"
    assert page.get_by_role("button", name="Load it").count() == 0 < page.locator("#zoo-load-source").count()
    page.get_by_role("tab", name="Zoo", exact=True).focus()
    visited = set()
    for _ in range(150):
        page.keyboard.press("Tab")
        visited.add(page.evaluate(WHERE))
    assert visited == {-1, 1}, "the second page is Compare; -1 is around the pages"
    height = page.evaluate("document.documentElement.scrollHeight")
    bottom = panel(page, "#viewer").evaluate("shown => shown.getBoundingClientRect().bottom + scrollY")
    assert height < bottom + 400, "what is out of sight takes no room"


def test_tabs_are_tabs_for_the_keyboard(page):
    tab = page.get_by_role("tab", name="Studies", exact=True)
    tab.focus()
    page.keyboard.press("Enter")
    expect(tab).to_have_attribute("aria-selected", "true")
    expect(panel(page, "#studies-tabs")).to_be_visible()


def test_no_event_tells_its_progress_on_what_is_large(app_url):
    config = json.load(urllib.request.urlopen(f"{app_url}/config"))
    line = next(each["id"] for each in config["components"] if each["props"].get("elem_id") == "working")
    assert {tuple(each["show_progress_on"]) for each in config["dependencies"]} == {(), (line,)}


def test_nothing_new_does_not_change_what_was_sent_before():
    with Blocks() as app:
        pass
    function = type("Function", (), {"outputs": [None, None]})
    nothing = {"__type__": "update"}

    def send(*values: object) -> list:
        return app.handle_streaming_diffs(function, list(values), "session", "run", final=False)

    assert send({"path": "a"}, nothing) == [{"path": "a"}, nothing]
    assert send(nothing, nothing) == [[["replace", [], nothing]]] * 2
    assert send(nothing, {"path": "b"})[1] != [["replace", [], nothing]]
