"""The page of generation in a real browser, with small priors that were never trained."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image
from playwright.sync_api import Page, expect

from ..views.priors import EMA, RVQ, cards_with_priors
from .conftest import ROOT, serving
from .test_looks import beyond, faint, go, unreachable

PRIORS = [f"{EMA}-ar-tiny", f"{RVQ}-ar-depth-tiny"]
STOP_ONCE_SOME_IS_DRAWN = """
() => {
  const part = document.querySelector('#generate-draw');
  new MutationObserver((_, observer) => {
    if (!/% drawn/.test(part.querySelector('li:nth-child(2)')?.textContent)) return;
    observer.disconnect();
    [...part.querySelectorAll('button')].find((each) => each.textContent.trim() === 'Stop').click();
    // As a step does that was on its way when the button was pressed:
    setTimeout(() => part.insertAdjacentHTML('beforeend', '<i class="status late" data-kind="running">1%.</i>'), 300);
  }).observe(part, { childList: true, subtree: true, characterData: true });
}
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("generate")
    folder = cards_with_priors(root / "cards", {EMA: "ar", RVQ: "ar-depth"})
    with serving(ROOT, root / "log.txt", VQZOO_CARDS=str(folder)) as url:
        yield url
    assert "Traceback" not in (root / "log.txt").read_text()


@pytest.fixture
def generate(browser, url) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(60_000)
    page.goto(url)
    page.locator("#pages").get_by_role("tab", name="Generate").first.wait_for()
    go(page, "Generate")
    yield page
    page.close()


def looks_right(page: Page, name: str) -> list[str]:
    """Faults of a tab: faint text, findings of axe, or something beyond the window."""
    pale = faint(page)
    wide = {width: over for width in (360, 1400) if (over := beyond(page, width))}
    return [f"{name}: {each}" for each in (*pale, *unreachable(page), *wide.items())]


def test_images_surprises_and_continued_photographs(generate):
    cards, status = generate.locator("#generate-draw-cards li"), generate.locator("#generate-draw .status")
    generate.get_by_label("Priors").click()
    generate.get_by_role("option", name=PRIORS[1]).click()
    generate.locator("#generate-draw").get_by_role("button", name="Draw").click()
    expect(status).to_have_attribute("data-kind", "done", timeout=60_000)
    expect(cards).to_have_count(2)
    sheet = cards.first.locator("img.sheet")
    assert sheet.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [65, 65]
    expect(cards.first).to_contain_text("s an image")
    assert cards.locator("h3").all_inner_texts() == PRIORS
    faults = looks_right(generate, "Draw")
    generate.get_by_label("Seed").fill("7")
    expect(generate.locator("#generate-draw-cards .gen")).to_have_attribute("data-old", "1")

    generate.get_by_role("tab", name="Surprise").click()
    maps = generate.locator("#generate-bits li")
    expect(maps).to_have_count(2, timeout=60_000)
    expect(maps.first.locator("svg rect")).to_have_count(64)
    expect(maps.first).to_contain_text(re.compile(r"under the prior\s*[\d,]+ bits\s*true bits\s*640 bits"))
    faults += looks_right(generate, "Bits")

    generate.get_by_role("tab", name="Complete").click()
    generate.locator("#generate-complete").get_by_role("button", name="Complete").click()
    expect(generate.locator("#generate-complete .status")).to_have_attribute("data-kind", "done", timeout=60_000)
    expect(generate.locator("#generate-complete-cards img")).to_have_count(4)
    faults += looks_right(generate, "Complete")
    assert not faults, "\n".join(faults)


def test_stop_leaves_what_is_drawn(generate):
    generate.get_by_label("Priors").click()
    generate.get_by_role("option", name=PRIORS[1]).click()
    bar = generate.locator("#generate-draw")
    bar.get_by_label("16", exact=True).check()
    generate.evaluate(STOP_ONCE_SOME_IS_DRAWN)
    bar.get_by_role("button", name="Draw").click()
    expect(bar.locator(".status").first).to_contain_text(", stopped.", timeout=60_000)
    expect(bar.locator(".late")).to_have_text("1%, stopped.")
    slow = generate.locator("#generate-draw-cards li").nth(1)
    before = slow.inner_text()
    generate.wait_for_timeout(1000)
    assert slow.inner_text() == before and "% drawn" in before
    last = slow.locator("img.sheet").evaluate(
        """image => { const canvas = Object.assign(document.createElement('canvas'), { width: 32, height: 32 });
        const context = canvas.getContext('2d'); context.drawImage(image, 0, 0);
        return context.getImageData(31, 31, 1, 1).data[3]; }"""
    )
    assert last < 128, "hatched"


def test_programs_get_records_and_files(url):
    client = Client(url, verbose=False)
    assert [each["prior"] for each in client.predict(api_name="/priors")] == PRIORS
    asked = {"priors": [], "label": "dog", "images": 2, "seed": 3}
    (drawn,) = client.predict(**asked, api_name="/generate")
    assert drawn["prior"] == PRIORS[0] and drawn["seconds"] > 0
    images = [np.asarray(Image.open(each)) for each in drawn["images"]]
    assert [image.shape for image in images] == [(32, 32, 3)] * 2 and not np.array_equal(*images)
    (continued,) = client.predict(**asked, api_name="/complete")
    assert np.asarray(Image.open(continued["photograph"])).shape == (32, 32, 3) and len(continued["images"]) == 2
    (surprise,) = client.predict(priors=PRIORS[:1], label="any class", api_name="/surprise")
    assert surprise["bits"] == pytest.approx(np.sum(surprise["cells"])) and surprise["true_bits"] == 640
    with pytest.raises(AppError, match="prior='x'"):
        client.predict(**asked | {"priors": ["x"]}, api_name="/generate")
