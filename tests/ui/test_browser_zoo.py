"""The registry page in a real browser, with a Hub on the loopback: list, filter, read a card, load, use, remove."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect

from vqzoo.analysis.photograph import reconstruct
from vqzoo.cli import main
from vqzoo.files.images import load_image
from vqzoo.hub.registry import cards_folder, load

from ..hub.conftest import hub_server, make_card  # noqa: F401
from ..hub.test_foreign import published
from .conftest import ROOT, serving
from .steps import tick_only

TWO = ("cifar10-vq-1024x128", "cifar10-looc-256x4")
RESIDUAL = "cifar10-rvq-8x256"
NASTY = (
    "\n\n<script>window.hacked = 1</script> <img src=x onerror='window.hacked = 1'> ![a picture](http://192.0.2.1/a.png)"
    " [a link](http://192.0.2.1/b) ${window.hacked = 1} {{7 * 7}}\n"
)


@pytest.fixture(scope="module")
def app_url(hub_server, tmp_path_factory) -> Iterator[str]:  # noqa: F811
    """The app with two models of its own, whose Hub is on this machine."""
    expect.set_options(timeout=60_000)  # the app imports torch when that is first needed
    folder = tmp_path_factory.mktemp("zoo")
    (folder / "cards").mkdir()
    for name in TWO:
        (folder / "cards" / name).symlink_to(cards_folder() / name)
    hub_server.reset()
    variables = {
        "VQZOO_CARDS": str(folder / "cards"),
        "HF_ENDPOINT": hub_server.endpoint,
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    }
    with serving(ROOT, folder / "log.txt", **variables) as url:
        yield url
        assert "Traceback" not in (folder / "log.txt").read_text(), (folder / "log.txt").read_text()


@pytest.fixture
def publish(hub_server, make_card):  # noqa: F811
    """Put a model under an id, without the files named; returns its folder, and the commit."""

    def put(repo_id: str, seed: int = 1, without: tuple[str, ...] = (), card: str = "") -> tuple[Path, str]:
        folder = make_card(repo_id.replace("/", "--"), seed)
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in without}
        files["README.md"] += card.encode()
        return folder, hub_server.put(repo_id, files)

    return put


def zoo(page: Page) -> None:
    """Go to the page, and clear what the test before was looking for."""
    page.get_by_role("tab", name="Zoo").click()
    expect(page.locator("#zoo-disk")).to_contain_text("On disk")
    page.locator("#zoo-clear").click()


def rows(page: Page) -> list[str]:
    cells = page.locator("#zoo-table [role=row] [role=gridcell]:first-child")
    return [text.strip() for text in cells.all_inner_texts()]


def load_by_id(page: Page, text: str) -> None:
    page.get_by_label("Load another model").fill(text)
    page.locator("#zoo-load-source").click()


def pixels(page: Page, label: str) -> np.ndarray:
    flat, width, height = page.locator(f'#viewer canvas[aria-label="{label}"]').evaluate(
        "c => [Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data), c.width, c.height]"
    )
    return np.array(flat, np.uint8).reshape(height, width, 4)[..., :3]


def test_a_model_of_the_hub_is_found_read_loaded_and_compared(page, publish, path):
    folder, sha = publish("zoo/other", card=NASTY)
    publish(f"zoo/{TWO[0]}")
    zoo(page)
    page.locator("#zoo-ask").click()
    expect(page.locator("#zoo-count")).to_have_text("3 of 3 models")
    page.get_by_role("textbox", name="Search").fill("zoo/other")
    expect(page.locator("#zoo-count")).to_have_text("1 of 3 models")
    assert rows(page) == ["other"]
    page.locator("#zoo-table [role=gridcell]").first.click()
    expect(page.locator("#zoo-card article")).to_contain_text("<script>window.hacked = 1</script>")
    expect(page.locator("#zoo-card article")).to_contain_text("[image: a picture] a link (http://192.0.2.1/b)")
    expect(page.locator("#zoo-facts")).to_contain_text(sha)
    assert page.locator("#zoo-card").locator("img, script, a, iframe").count() == 0
    assert page.evaluate("window.hacked") is None
    expect(page.locator("#zoo-load")).to_have_text(re.compile(r"Download and load, [\d.]+ [kM]B"))
    page.locator("#zoo-load").click()
    expect(page.locator("#zoo-progress")).to_contain_text("every page offers it as other.")
    expect(page.locator("#zoo-load")).to_have_text("Loaded")
    if target := os.environ.get("VQZOO_SCREENSHOT"):
        page.screenshot(path=f"{target}.zoo.png")
    page.get_by_role("tab", name="Compare").click()
    expect(page.locator("#models-loaded label")).to_have_text(["other"])
    tick_only(page, ["other"])
    expect(page.locator("#viewer figcaption strong")).to_have_text(["original", "other"])
    shown = load_image(path, longest=256).pixels
    assert np.array_equal(pixels(page, "other"), reconstruct(load(folder), shown).pixels)


def test_a_model_without_metrics_is_loaded_by_id_and_removed_again(page, publish):
    publish("zoo/plain", without=("metrics.json", "usage.json"))
    zoo(page)
    load_by_id(page, "zoo/plain")
    expect(page.locator("#zoo-progress")).to_contain_text("every page offers it as plain.")
    expect(page.locator("#zoo-facts")).to_contain_text("Not measured")
    page.get_by_role("tab", name="Compare").click()
    expect(page.locator("#models-loaded")).to_contain_text("plain")
    page.get_by_role("tab", name="Zoo").click()
    page.locator("#zoo-remove").click()
    expect(page.locator("#zoo-confirm")).to_contain_text("Delete what was downloaded of zoo/plain (1 commit, ")
    page.locator("#zoo-no").click()
    expect(page.locator("#zoo-confirm")).to_be_hidden()
    page.locator("#zoo-remove").click()
    page.locator("#zoo-yes").click()
    expect(page.locator("#zoo-progress")).to_contain_text("kB freed.")
    expect(page.locator("#zoo-remove")).to_be_hidden()
    page.get_by_role("tab", name="Compare").click()
    expect(page.locator("#models-loaded label", has_text="plain")).to_have_count(0)


def test_a_converted_tokenizer_of_another_project_is_compared(page, tmp_path):
    torch.save({"state_dict": published("taming")}, tmp_path / "last.ckpt")
    assert main(["convert", str(tmp_path / "last.ckpt"), str(tmp_path / "taming-vqgan")]) == 0
    zoo(page)
    load_by_id(page, str(tmp_path / "taming-vqgan"))
    expect(page.locator("#zoo-progress")).to_contain_text("every page offers it as taming-vqgan.")
    page.get_by_role("tab", name="Compare").click()
    expect(page.locator("#models-loaded label", has_text="taming-vqgan")).to_have_count(1)
    tick_only(page, ["taming-vqgan"])
    expect(page.locator("#viewer figcaption strong")).to_have_text(["original", "taming-vqgan"])
    page.get_by_role("tab", name="Zoo").click()
    assert "taming-vqgan" in rows(page)


def test_nothing_is_asked_of_the_hub_before_the_button_is_pressed(page, hub_server):  # noqa: F811
    zoo(page)
    before = len(hub_server.requests)
    while page.wait_for_timeout(1000) or len(hub_server.requests) > before:  # downloads of the tests before go on
        before = len(hub_server.requests)
    page.locator("#zoo-table [role=gridcell]", has_text=TWO[1]).first.click()
    expect(page.locator("#zoo-card article")).to_contain_text(TWO[1])
    assert len(hub_server.requests) == before
    page.locator("#zoo-ask").click()
    expect(page.locator("#zoo-state")).to_contain_text("The Hub answered")
    assert len(hub_server.requests) > before


def test_a_mistake_is_told_in_words(page):
    zoo(page)
    load_by_id(page, "nobody/nothing")
    expect(page.get_by_text("'nobody/nothing' is not on the Hub")).to_be_visible()


def test_it_fits_a_narrow_window(page):
    zoo(page)  # whose tab is in a menu where there is no room for all
    page.set_viewport_size({"width": 360, "height": 800})
    page.wait_for_timeout(500)
    width = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size({"width": 1400, "height": 1000})
    assert width <= 360


def test_what_the_page_does_a_program_can_do(app_url, publish):
    from gradio_client import Client

    publish("zoo/by-program", seed=4)
    client = Client(app_url, verbose=False)
    listed = client.predict(quantizer="looc", api_name="/models")
    assert [row["model"] for row in listed] == [TWO[1]] and listed[0]["true bits"] == 16384
    assert client.predict("zoo/by-program", api_name="/load_model") == "by-program"
    assert "by-program" in [row["model"] for row in client.predict(where="downloaded", api_name="/models")]


def test_every_list_of_models_follows_one_that_was_loaded(page):
    zoo(page)
    load_by_id(page, str(cards_folder() / RESIDUAL))
    expect(page.locator("#zoo-progress")).to_contain_text(f"every page offers it as {RESIDUAL}.")
    for tabs, box in (
        (["Compare", "Levels"], "#levels-model"),
        (["Codebook"], "#codebook-model"),
        (["Rate", "This photograph"], "#rate-models"),
        (["Training"], "#training-models"),
    ):
        for tab in tabs:
            page.get_by_role("tab", name=tab, exact=True).click()
        page.wait_for_timeout(1000)
        page.locator(f"{box} input").first.click()
        expect(page.get_by_role("option", name=RESIDUAL)).to_be_visible()
        page.keyboard.press("Escape")


def test_without_the_hub_the_page_says_so_and_works(page, hub_server):  # noqa: F811
    zoo(page)
    with hub_server.down():
        page.locator("#zoo-ask").click()
        expect(page.locator("#zoo-state")).to_contain_text("Offline: the Hub")
        assert set(TWO) <= set(rows(page))
        page.get_by_label("Quantizer").click()
        page.get_by_role("option", name="looc").click()
        expect(page.locator("#zoo-count")).to_contain_text("1 of ")
        page.locator("#zoo-table [role=gridcell]").first.click()
        expect(page.locator("#zoo-card article")).to_contain_text("cifar10-looc-256x4")
        page.get_by_role("textbox", name="Search").fill("nothing is called so")
        expect(page.locator("#zoo-count")).to_contain_text("No model is so")
        page.locator("#zoo-clear").click()
        expect(page.locator("#zoo-count")).not_to_contain_text("No model")
