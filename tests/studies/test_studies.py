"""The studies' files: what is reported, what was measured, and what became of the claims."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from trainers.recipes import RECIPES
from trainers.studies.zoo import zoo_results
from vqzoo.hub.registry import list_models
from vqzoo.studies import STUDIES, claims, reported, results
from vqzoo.studies.claims import VERDICTS, evidence
from vqzoo.studies.rates import fixed_bits, raw_bits
from vqzoo.studies.results import read_results, to_csv, write_results
from vqzoo.studies.settings import Setting, settings_of

ROOT = Path(__file__).parents[2]


def test_every_reported_figure_is_in_a_table():
    tables = reported.tables()
    assert list(tables) == list(STUDIES)
    figures = Counter(
        study for study, of in tables.items() for rows in of.values() for row in rows for _ in row.reported
    )
    lines = (ROOT / "vqzoo" / "studies" / "data" / "reported.csv").read_text(encoding="utf-8").splitlines()
    assert sum(figures.values()) == len(lines) - 1 == 722 and figures["adaptive"] == 156
    rows = {row.setting: row.reported for row in tables["looc"]["5"]}
    assert rows[Setting("looc", "cifar10", "looc", 128, 4, 1, 2)] == {
        "l1": 0.0158,
        "lpips": 0.0332,
        "rfid": 21.15,
        "ssim": 0.9859,
        "psnr": 33.7,
    }


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (",128,4,1,2,psnr,33.7", ",128,4,1,2,psnr,high", "line .*could not convert"),
        (",128,4,1,2,psnr,33.7", ",128,4,1,2,beauty,33.7", "line .*unknown study or metric"),
        (",128,4,1,2,psnr,33.7", ",0,4,1,2,psnr,33.7", "codebook_size='0'"),
        (",128,4,1,2,ssim,0.9859", ",128,4,1,2,rfid,0.9859", "given twice"),
    ],
)
def test_a_damaged_line_is_named(tmp_path, monkeypatch, old, new, fault):
    text = reported.PATH.read_text(encoding="utf-8")
    path = tmp_path / "reported.csv"
    path.write_text(text.replace(f"looc,5,cifar10,looc{old}", f"looc,5,cifar10,looc{new}"))
    assert path.read_text() != text
    monkeypatch.setattr(reported, "PATH", path)
    with pytest.raises(ValueError, match=fault):
        reported.tables.__wrapped__()


@pytest.mark.parametrize(
    ("bits", "setting"),
    [
        (640, Setting("looc", "cifar10", "vq-vae", 1024, 128)),
        (490, Setting("looc", "mnist", "cvq-vae", 1024, 128)),
        (16_384, Setting("looc", "cifar10", "looc", 256, 4, 1, 1)),
        (65_536, Setting("looc", "cifar10", "looc", 256, 4, 1, 2)),
        (1_024 * 4, Setting("looc", "cifar10", "looc", 256, 64, 1, 2)),
        (6_144, Setting("looc", "cifar10", "pq", 256, 4, 32)),
        (524_288, Setting("looc", "ffhq", "looc", 256, 4, 1, 2)),
        (65_536, Setting("looc", "ffhq", "pq", 16, 4, 64)),
        (2_560, Setting("looc", "ffhq", "vqgan", 1024, 256)),
        (2_816, Setting("looc", "ffhq", "rq-vae", 2048, 256)),
        (10_240, Setting("looc", "ffhq", "movq", 1024, 64)),
        (64 * 14, Setting("adaptive", "cifar10", "vq-ema-fixed", 16384, 4)),
        (None, Setting("adaptive", "celeba", "vq-ema-fixed", 16384, 4)),
        (None, Setting("adaptive", "cifar10", "adaptive")),
        (None, Setting("looc", "cifar10", "hvq-vae", 1024, 128)),
    ],
)
def test_true_bits_of_a_setting(bits, setting):
    assert fixed_bits(setting) == bits


def test_rates_that_are_known_are_those_that_models_measure():
    """Computed from the table's row alone, and counted from the indices of a model that is that row."""
    checked = [line for line in read_results() if (bits := fixed_bits(line.setting)) is not None and bits > 0]
    assert len(checked) >= 4
    for line in checked:
        assert fixed_bits(line.setting) == line.numbers["bits_per_image"], line.recipe
    assert raw_bits("cifar10") == 24_576 and raw_bits("mnist") == 6_272 and raw_bits("lsun-churches") is None


def test_recipes_of_the_tables_are_found_by_their_settings():
    """What a recipe builds is the row it was written for; one changed setting is no row."""
    known = reported.settings()
    found = {}
    for name in ("mnist-looc-256x8-factor2", "cifar10-ema-8192x8", "mnist-adaptive-4096", "fashion_mnist-cvq-1024x128"):
        recipe = RECIPES[name]()
        found[name] = [s for s in settings_of(recipe.dataset, recipe.build().config, recipe.weights) if s in known]
    assert found == {
        "mnist-looc-256x8-factor2": [Setting("looc", "mnist", "looc", 256, 8, 1, 2)],
        "cifar10-ema-8192x8": [Setting("adaptive", "cifar10", "vq-ema-fixed", 8192, 8)],
        "mnist-adaptive-4096": [Setting("adaptive", "mnist", "adaptive:W=4096")],
        "fashion_mnist-cvq-1024x128": [Setting("looc", "fashion_mnist", "cvq-vae", 1024, 128)],
    }
    for name in ("cifar10-looc-256x4", "cifar10-vq-1024x128-rotation", "cifar10-cvq-1024x128-learned"):
        recipe = RECIPES[name]()
        assert not known & {*settings_of(recipe.dataset, recipe.build().config, recipe.weights)}, name


def test_lines_of_shipped_models_are_those_of_their_cards():
    """`python -m trainers.studies.zoo` changes nothing, but for what it measures anew, which no card has."""
    every = read_results()
    lines = [line for line in every if line.budget == "zoo"]
    measures = {}
    for line in lines:
        measures.setdefault(line.recipe, {})[line.protocol] = line.numbers | {"lpips_network": line.lpips_network}
    assert to_csv(zoo_results(list_models(), measures)) == to_csv(lines)
    assert all(set(of) == {"lossless", "cvq-jpeg"} for of in measures.values())
    assert all("reconstruction_loss" in of["lossless"] for of in measures.values())
    assert to_csv(every) == results.PATH.read_text(encoding="utf-8"), "in order"
    assert {line.recipe for line in lines} >= {"cifar10-sq-1024x128", "cifar10-adaptive-65536"}


def test_results_come_back_as_they_were_written(tmp_path):
    path = tmp_path / "results.csv"
    assert read_results(path) == []
    lines = read_results()
    more = replace(lines[-1], budget="full", numbers=lines[-1].numbers | {"seed": 43.0, "reconstruction_loss": 0.394})
    write_results([more, *lines], path)
    assert read_results(path) == [*lines, more]
    assert [file.name for file in tmp_path.iterdir()] == ["results.csv"]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (",zoo,", ",weekend,", "line 2: budget='weekend'"),
        ("adaptive,cifar10", "elsewhere,cifar10", "line 2: source='elsewhere'"),
        (",cvq-jpeg,", ",,", "line 2: .*protocol"),
        (",42,", ",nan,", "line 2: a number is not finite"),
        ("recipe,source", "recipe,study", "expected the columns"),
        (",device,torch", ",torch", "expected the columns"),
    ],
)
def test_a_wrong_result_is_named(tmp_path, old, new, fault):
    path = tmp_path / "results.csv"
    text = results.PATH.read_text(encoding="utf-8")
    path.write_text(text.replace(old, new, 1))
    assert path.read_text() != text
    with pytest.raises(ValueError, match=fault):
        read_results(path)


def test_all_claims_are_there_and_rest_on_lines_that_are_there():
    every = claims.claims()
    counts = Counter(claim.id[0] for claim in every)
    assert counts == {"A": 6, "B": 5, "C": 8, "D": 5}
    for claim in every:
        lines = evidence(claim)
        assert {line.recipe for line in lines} == set(claim.rows)
        assert claim.verdict in VERDICTS


def test_evidence_that_is_not_there_is_told():
    claim = next(claim for claim in claims.claims() if claim.rows)
    with pytest.raises(ValueError, match=f"claim {claim.id} rests on"):
        evidence(claim, [])


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"verdict": "perhaps"}, "unknown study or verdict"),
        ({"verdict": "holds", "rows": []}, "a verdict needs rows"),
        ({"figure": {"table": "99", "dataset": "cifar10", "metric": "psnr"}}, "no table 99"),
        ({"because": ""}, "cannot be empty"),
    ],
)
def test_a_wrong_claim_is_named(change, fault):
    entry = claims.json.loads(claims.PATH.read_text(encoding="utf-8"))[11] | change
    with pytest.raises(ValueError, match=f"claims.json, C1: .*{fault}"):
        claims._claim(entry)


def test_reading_needs_no_torch():
    code = (
        "import sys, vqzoo.studies.claims as c; c.claims(); print([n for n in ('torch', 'pandas') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
