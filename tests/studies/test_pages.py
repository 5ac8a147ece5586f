"""The pages of docs/studies: what they are made of, and that they are as they would be made now."""

import importlib.util
from pathlib import Path

import matplotlib
import pytest

from docs.studies.pages import claims_table, protocols_table, study_page, verdicts_table
from vqzoo.studies.claims import claims
from vqzoo.studies.curves import read_curves, write_curves
from vqzoo.studies.results import Result
from vqzoo.studies.settings import Setting

FOLDER = Path(__file__).parents[2] / "docs" / "studies"
VQ = Setting("looc", "cifar10", "vq-vae", 1024, 128)


def run(setting=VQ, protocol="lossless", seed=42, recipe="cifar10-vq-1024x128", **numbers):
    said = {"seed": seed, "bits_per_image": 640.0, **numbers}
    return Result(recipe, setting, "short", protocol, said, "lpips-squeeze-v0.1")


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    """Return what `python -m docs.studies.make` would write now, by file name."""
    spec = importlib.util.spec_from_file_location("make", FOLDER / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.pages()


def test_pages_are_those_of_the_csv(made):
    """`python -m docs.studies.make` changes nothing."""
    assert {name for name in made if name.endswith(".md")} == {path.name for path in FOLDER.glob("*.md")}
    for name, text in made.items():
        if name.endswith(".md"):
            assert (FOLDER / name).read_text(encoding="utf-8") == text, name


def test_figures_are_those_of_the_csv(made):
    """Nor of these, as long as the same matplotlib draws them: another one may set a letter elsewhere."""
    drawn_by = f"matplotlib=={matplotlib.__version__}"
    if drawn_by not in (FOLDER.parents[1] / "constraints.txt").read_text(encoding="utf-8").splitlines():
        pytest.skip(f"the figures were not drawn by {drawn_by}, but by the one in constraints.txt")
    assert {name for name in made if name.endswith(".svg")} == {path.name for path in FOLDER.glob("*.svg")}
    for name, text in made.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, name


def test_a_table_has_reported_ours_and_the_difference():
    lines = [run(psnr=17.5), run(protocol="cvq-jpeg", psnr=18.25), run(protocol="cvq-jpeg", psnr=18.75, seed=43)]
    page = study_page("looc", lines, {}, [], lambda setting: None)
    assert "| vq-vae 1024x128 | 640 | PSNR, dB | 23.32 | 18.5 | – | – | -4.82 |" in page
    assert "**mnist**, 7 rows: not trained yet." in page
    assert "| vq-vae 1024x128 | 640 | 2.6% | 17.50 |" in page.split("## At matched rates: cifar10")[1]


def test_a_codec_stands_at_its_rate():
    metrics = {"met": 1.0, "bits_per_image": 600.0, "psnr": 21.0, "ssim": 0.5, "lpips": 0.1}
    codecs = [{"codec": "WebP", "dataset": "cifar10", "metrics": metrics}]
    page = study_page("looc", [run(psnr=17.5)], {}, codecs, lambda setting: None)
    assert page.index("| *WebP* | 600 |") < page.index("| vq-vae 1024x128 | 640 | 2.6%")


def test_rows_without_a_recipe_say_why():
    page = study_page("looc", [], {}, [], lambda setting: "too large" if setting.dataset == "ffhq" else None)
    assert "**ffhq**, 8 rows: no recipe, as too large." in page


def test_what_measuring_makes_is_told_of_runs_that_have_both():
    lines = [run(psnr=20.0), run(protocol="cvq-jpeg", psnr=20.5), run(recipe="other", psnr=90.0)]
    assert "| cifar10, short | 1 | PSNR, dB | 20 | 20.5 | +0.5 | +0.5 | +0.5 |" in protocols_table(lines)


def test_every_claim_has_a_line():
    table = claims_table(claims())
    assert len(table.splitlines()) == 2 + 24 and all(f"| {claim.id} |" in table for claim in claims())


def test_every_claim_stands_once_under_its_verdict():
    lines = [line.strip("| ").split(" | ") for line in verdicts_table(claims()).splitlines()]
    heads = lines[0][1:]
    found = {id: heads[place] for line in lines[2:] for place, cell in enumerate(line[1:]) for id in cell.split(", ")}
    assert {claim.id: claim.verdict for claim in claims()} == {id: found[id] for id in found if id != "–"}


def test_selection_and_sharing_are_shown():
    curve = {"step": [2, 4], "loss": [0.5, 0.25], "selection/4 x 2": [0.75, 1.0], "selection/2 x 4": [0.25, 0.0]}
    kept = {("cifar10-adaptive-65536", "short", 42): {"curves": curve, "use": {}}}
    assert "| 4 x 2 | 75.0% | 100.0% |" in study_page("adaptive", [], kept, [], lambda setting: None)
    looc = Setting("looc", "cifar10", "looc", 256, 4, 1, 1)
    use = {"segments": [1.0, 0.5, 1.0, 0.75], "sharing": [1.0, 0.75, 0.5, 0.25]}
    kept = {("a", "short", 42): {"curves": {}, "use": use}}
    page = study_page("looc", [run(looc, recipe="a", psnr=20.0)], kept, [], lambda setting: None)
    assert "| a | short | 4 | 100.0% | 75.0% | 25.0% | 25.0% | 50.0% |" in page


def test_single_codebooks_are_followed_on_each_data_set():
    lines, kept = [], {}
    for dataset, gap in (("mnist", 0.125), ("cifar10", 0.25)):
        lines.append(run(Setting("adaptive", dataset, "vq-ema-fixed", 512, 128, 1), recipe=f"{dataset}-ema-512x128"))
        curve = {"step": [2, 4], "loss": [0.5, 0.5], "gap": [1.0, gap], "quantization": [0.5, 0.5], "usage": [0.5, 0.5]}
        kept[f"{dataset}-ema-512x128", "short", 42] = {"curves": curve, "use": {}}
    page = study_page("adaptive", lines, kept, [], lambda setting: None)
    cifar10, mnist = page.index("quantization loss: cifar10"), page.index("quantization loss: mnist")
    assert cifar10 < page.index("| ema-512x128 | short | 1 | 4 | 0.25 |") < mnist
    assert mnist < page.index("| ema-512x128 | short | 1 | 4 | 0.125 |")


def test_curves_come_back_as_they_were_written(tmp_path):
    path = tmp_path / "curves.jsonl"
    assert read_curves(path) == {}
    kept = {("b", "short", 42): {"curves": {"step": [1], "loss": [0.5]}, "use": {}}}
    write_curves(kept, path)
    assert read_curves(path) == kept
    path.write_text(path.read_text() + "{}\n")
    with pytest.raises(ValueError, match="curves.jsonl, line 2"):
        read_curves(path)
