"""What a person does on the page that compares, and what is read off it."""

from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

THREE = ["cifar10-vq-1024x128", "cifar10-looc-256x4", "cifar10-rvq-8x256"]
_ALL_BOXES = "() => document.querySelectorAll('#models .models label').length > 0"
_TICK = """wanted => {
  const boxes = document.querySelectorAll('.models label input');
  for (const box of boxes) if (box.checked !== wanted.includes(box.value)) box.click();
}"""


def ready(page: Page) -> None:
    """Go on from the page that the app opens with to Compare, and wait for the pictures and a box for every model.

    Components come up one after the other, and `all()` of boxes that are not there yet is an empty list."""
    page.locator("#pages").get_by_role("tab", name="Compare", exact=True).first.click(timeout=60_000)
    page.locator("#viewer .vq-viewer[data-ready]").wait_for(timeout=60_000)
    page.wait_for_function(_ALL_BOXES, timeout=60_000)


def own_photograph(folder: Path) -> Path:
    """A smooth picture, neither square nor a multiple of the stride: 90 x 61 pixels."""
    y, x = np.mgrid[0:61, 0:90]
    pixels = np.stack([x * 2.5, y * 3.5, 255 - x - y], -1).clip(0, 255).astype(np.uint8)
    path = folder / "own photograph.png"
    Image.fromarray(pixels).save(path)
    return path


def names(page: Page, viewer: str = "#viewer") -> list[str]:
    return page.locator(f"{viewer} figcaption strong").all_inner_texts()


def upload(page: Page, path: Path) -> None:
    picture, remove = page.locator("#photograph img").first, page.locator("#photograph").get_by_label("Remove Image")
    before = picture.get_attribute("src")
    remove.click()
    expect(remove).to_have_count(0)
    page.locator("#photograph input[type=file]").set_input_files(path)
    remove.wait_for()
    assert picture.get_attribute("src") != before


def tick_only(page: Page, wanted: list[str]) -> None:
    """Tick these models in the drawer and no others, and close it."""
    page.locator(".pk-open").click()
    page.evaluate(_TICK, wanted)  # at once: a comparison of all of them begins, and none of some
    expect(page.locator(".models input:checked")).to_have_count(len(wanted))
    page.locator(".pk-close").click()


def compare(page: Page, wanted: list[str]) -> None:
    tick_only(page, wanted)
    page.locator("#compare").click()
    finished(page, len(wanted))


def finished(page: Page, models: int) -> None:
    """Wait for a comparison of so many models, all of them those that are ticked."""
    expect(page.locator("#viewer .vq-viewer:not([data-old])")).to_have_attribute(
        "data-ready", str(models + 1), timeout=60_000
    )
    expect(page.locator("#status .status")).to_have_attribute("data-kind", "done")


def table(page: Page) -> dict[str, dict[str, str]]:
    """Rows of the table on the page, by the name in their first cell; codecs are folded behind their models."""
    headings = page.locator("#table thead button").all_inner_texts()
    names = page.locator("#table tbody th").evaluate_all("all => all.map(cell => cell.firstChild.textContent)")
    rows = [row.locator("td").all_inner_texts() for row in page.locator("#table tbody tr").all()]
    return {name: dict(zip(headings, [name, *cells], strict=True)) for name, cells in zip(names, rows, strict=True)}


def canvas_pixels(page: Page, label: str, viewer: str = "#viewer") -> np.ndarray:
    """The bytes that a canvas shows, (h, w, 3)."""
    flat, width, height = page.locator(f'{viewer} canvas[aria-label="{label}"]').evaluate(
        "c => [Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data), c.width, c.height]"
    )
    return np.array(flat, np.uint8).reshape(height, width, 4)[..., :3]
