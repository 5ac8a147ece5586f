"""From a folder of photographs to the app, with nothing in between but one command."""

import os
import shutil
import subprocess
import sys

import pytest
from PIL import Image
from playwright.sync_api import expect

from vqzoo.analysis.examples import examples

from .conftest import ROOT, serving
from .steps import names, ready

OF_ZOO = "cifar10-vq-1024x128"
expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of models after `vqzoo train photos`, with one of the zoo's in it, and the command's last line."""
    folder = tmp_path_factory.mktemp("own")
    photos = folder / "photos"
    photos.mkdir()
    for label, path in examples().items():
        picture = Image.open(path).convert("RGB")
        for number in range(10):
            left, top = (number * 37) % (picture.width - 56), (number * 53) % (picture.height - 48)
            picture.crop((left, top, left + 56, top + 48)).save(photos / f"{label} {number}.jpg", quality=92)
    shutil.copytree(ROOT / "model_cards" / OF_ZOO, folder / "models" / OF_ZOO)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "VQZOO_CARDS": str(folder / "models")}
    command = [sys.executable, "-m", "vqzoo.cli", "train", "photos", "--bits", "640", "--steps", "12"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder / "models", done.stdout.splitlines()[-1]


def test_the_model_stands_in_the_app_beside_the_zoos(trained, browser, tmp_path):
    models, last = trained
    assert last.startswith("to compare it in the app: vqzoo app") and "/?models=" in last
    name = last.rpartition("=")[2]
    with serving(ROOT, tmp_path / "log.txt", VQZOO_CARDS=str(models)) as url:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(f"{url}/?models={name},{OF_ZOO}")
        ready(page)
        expect(page.locator("#viewer figcaption strong")).to_have_count(3)
        assert {name, OF_ZOO} < set(names(page))
        expect(page.locator("#table")).to_contain_text(name)
        page.screenshot(path=tmp_path / "own.png")
        page.get_by_role("tab", name="Zoo", exact=True).click()
        expect(page.locator("#zoo-table")).to_contain_text(name)
        page.close()
    assert "Traceback" not in (tmp_path / "log.txt").read_text()


def test_its_card_says_what_is_so(trained):
    models, last = trained
    text = (models / last.rpartition("=")[2] / "README.md").read_text()
    count = len(list((models.parent / "photos").iterdir()))
    assert "photos (a local data set, not one of the Hub) that were set apart by a hash of their content" in text
    words = text.split("content\n(")[1].split(" to measure on")[0].split()
    assert sum(int(word) for word in words if word.isdigit()) == count
    for false in ("full budget", "apache", "cifar10", "license", str(models.parent)):
        assert false not in text
