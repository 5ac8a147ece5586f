"""What the app opens with: what is shipped is what is computed, and of no other models."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vqzoo.hub.registry import list_models
from vqzoo.ui.components.answer import answer_html
from vqzoo.views.choice import Wish
from vqzoo.views.choose import choose
from vqzoo.views.comparison import COLUMNS
from vqzoo.views.engine import Engine
from vqzoo.views.opening import FOLDER, PHOTOGRAPH, Opening, file_of, first, opened, pending, read

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(list_models())


@pytest.fixture(scope="module")
def shipped(engine) -> Opening:
    opening = read(engine)
    assert opening is not None, "made of other weights: python docs/make_opening.py"
    return opening


def test_what_is_shipped_is_what_is_computed(engine, shipped):
    """Pixels and metrics; another processor may round a few bytes differently.

    Where two codevectors are equally near but for that, it may also choose the other: seen in the pixels around it.
    """
    of = first(engine)
    photo = engine.photo(of.photo, of.side)
    assert shipped.results.keys() >= {*of.models, *shipped.answer.shown.models, shipped.answer.codec.name}
    for name, stored in shipped.results.items():
        computed, of_a_codec = engine.run(name, photo), name not in engine.models
        difference = np.abs(stored.pixels.astype(int) - computed.pixels)
        pairs = [] if of_a_codec else list(zip(stored.counts, computed.counts, strict=True))
        moved = sum(np.abs(one - two).sum() // 2 for one, two in pairs)
        assert of_a_codec or ((difference > 2).sum() <= 200 * moved and (difference > 0).mean() < 0.01), name
        assert np.array_equal(stored.original, computed.original)
        assert stored.codebook_of == computed.codebook_of
        for one, two in pairs:
            assert one.shape == two.shape and np.abs(one - two).sum() <= 0.01 * two.sum()
        known = [each for each in _COMPARED if computed.metrics.get(each) is not None]
        for metric in known:
            assert stored.metrics[metric] == pytest.approx(computed.metrics[metric], rel=1e-2), metric
        assert stored.metrics.keys() == computed.metrics.keys()
        assert stored.metrics["lpips"] is not None
        assert stored.metrics["encode_ms"] is stored.metrics["decode_ms"] is None, "times are of the machine that ran"


_COMPARED = ("psnr", "ssim", "l1", "lpips", "bits_per_image", "bits_per_pixel", "usage", "perplexity")


def test_the_shipped_answer_is_the_one_that_is_computed(engine, shipped):
    of, answer = first(engine), shipped.answer
    *_, computed = choose(engine, of.photo, of.side, Wish())
    assert answer.shown == computed.shown and answer.codec.name == computed.codec.name
    assert (answer.headline, answer.why) == (computed.headline, computed.why)
    for one, two in zip((*answer.choices, answer.codec), (*computed.choices, computed.codec), strict=True):
        assert (one.meets, one.use, one.trained) == (two.meets, two.use, two.trained)


def test_the_page_opens_finished_and_whoever_compares_again_gets_times_of_this_machine(engine):
    fresh = Engine(list_models())
    last = opened(fresh)
    names = [picture["name"] for picture in last["viewer"]["pictures"][1:]]
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in last["table"]]
    assert [row["model"] for row in rows] == names and set(names) == set(first(fresh).models)
    assert all(row["encode ms"] is None for row in rows)
    photo = fresh.photo(last["shown"].photo, last["shown"].side)
    shown = fresh.recall(names[:1], photo)[0]
    assert shown.metrics["encode_ms"] is None, "known without computing"
    assert fresh.run(names[0], photo).metrics["encode_ms"] > 0
    assert fresh.recall(names[:1], photo)[0].metrics["encode_ms"] > 0


def test_with_other_weights_or_another_photograph_it_is_not_used(engine, tmp_path, monkeypatch):
    models = list(engine.models.values())
    answered = {*read(engine).results} & {*engine.models} - {*first(engine).models}
    assert read(Engine([each for each in models if each.name not in answered])) is None
    other = tmp_path / "other.png"
    shutil.copy(Path(first(engine).photo).with_name("cat.webp"), other)
    with monkeypatch.context() as patch:
        patch.setattr("vqzoo.views.opening.examples", lambda: {PHOTOGRAPH: other})
        assert read(engine) is None
    model = engine.models[first(engine).models[0]]
    changed = tmp_path / model.name
    shutil.copytree(model.source, changed)
    weights = changed / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert read(Engine([replace(each, source=changed) if each is model else each for each in models])) is None
    assert read(engine, tmp_path) is None, "nothing shipped at all"
    assert opened(engine, tmp_path) is None
    values = pending(engine)
    assert values["viewer"]["pictures"] == [] and "being computed" in values["viewer"]["note"]
    assert values["answer"] is None


def test_the_page_shown_meanwhile_is_the_same_answer(engine, shipped):
    page = json.loads((FOLDER / "page.json").read_text(encoding="utf-8"))
    addresses = {"": "photograph.webp", **{name: file_of(name) for name in shipped.results}}
    expected = answer_html(shipped.answer, addresses)
    number = re.compile(r'data-number="\d+"')
    assert number.sub("", page["answer"]) == number.sub("", expected)
    for address in re.findall(r'src="([^"]+)"', page["answer"]):
        assert address == "photograph.webp" or (FOLDER / address).is_file()
    assert "://" not in str(page), "nothing comes from another machine"


def test_it_is_small():
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 600_000


def test_it_is_there_without_torch():
    code = (
        "import sys; from vqzoo.hub.registry import list_models; from vqzoo.views.engine import Engine\n"
        "from vqzoo.views.opening import opened\n"
        "last = opened(Engine(list_models())); print(len(last['table']), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["4", "False"]
