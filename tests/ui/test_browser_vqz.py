"""The panels File and Token set: photographs as tokens on the disk."""

import zipfile
from pathlib import Path

from playwright.sync_api import expect

from vqzoo.analysis.examples import examples
from vqzoo.tokens.header import facts, unseal


def test_a_photograph_is_saved_and_opened(page, tmp_path):
    page.get_by_role("tab", name="File", exact=True).click()
    with page.expect_download(timeout=120_000) as download:
        page.locator("#vqz-save").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    header, _ = unseal(path.read_bytes())
    told = facts(path.read_bytes())
    assert path.suffix == ".vqz" and header.name in path.name
    line = f"{told['width']} × {told['height']} pixels in {path.stat().st_size:,} bytes"
    expect(page.locator("#vqz-note")).to_contain_text(line)

    page.locator("#vqz input[type=file]").set_input_files(path)
    picture = page.locator("#vqz-picture img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [told["width"], told["height"]]
    expect(page.locator("#vqz-note")).to_contain_text(f"{header.name}: {line}")

    Path(tmp_path, "damaged.vqz").write_bytes(path.read_bytes()[:-9])
    page.locator("#vqz input[type=file]").set_input_files(tmp_path / "damaged.vqz")
    expect(page.get_by_text("the file is damaged: it was cut short or changed")).to_be_visible()


def test_photographs_become_a_token_set(page, tmp_path):
    page.get_by_role("tab", name="Token set", exact=True).click()
    chosen = list(examples().values())[:2]
    page.locator("#token-set input[type=file]").set_input_files(chosen)
    for path in chosen:
        expect(page.locator("#token-set-rows")).to_contain_text(path.name)
    expect(page.locator("#token-set-note")).to_contain_text("2 rows")
    with page.expect_download() as download:
        page.locator("#token-set-save").click()
    download.value.save_as(tmp_path / "set.zip")
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        assert {"manifest.json", "data/train-00000-of-00001.parquet"} <= set(archive.namelist())
