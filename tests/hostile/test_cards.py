"""One bad card harms itself alone: each field of a card's files, with each value that is wrong for it.

A good card stands beside bad ones. Whatever is in those, the good one is listed and shown whole, and each bad one is
shown with what it has or is a row that says what is wrong.
"""

import json
import re
import shutil
import subprocess
import sys
from html import unescape
from itertools import accumulate
from pathlib import Path

import pytest
import torch

from vqzoo.cli import main
from vqzoo.cli.arguments import Info
from vqzoo.cli.models import run
from vqzoo.files.storage import read_json, write_json
from vqzoo.hub.card import model_card
from vqzoo.hub.catalog import Entry
from vqzoo.hub.model import check_record
from vqzoo.hub.publish import check
from vqzoo.hub.registry import CARDS_VARIABLE, list_models, local_models, usage_counts, usage_damage
from vqzoo.hub.schema import CONFIG_FIELDS, METRICS_FIELDS, Field
from vqzoo.hub.table import zoo_table
from vqzoo.hub.twins import twins
from vqzoo.views.engine import Engine
from vqzoo.views.facts import facts_html
from vqzoo.views.methods import about, by_rate
from vqzoo.views.position import _describe
from vqzoo.views.rate import DISTORTIONS, Rates
from vqzoo.views.rate_costs import entropy_table
from vqzoo.views.rate_figure import placed
from vqzoo.views.training import has_curves, key_table, training_curves
from vqzoo.views.zoo import Filters, Shown, Zoo

from ..hub.conftest import RECORD, tiny

GOOD, BAD = "good-vq-16x8", "bad-vq-16x8"
MISSING = object()
VALUES = {
    "missing": MISSING,
    "null": None,
    "true": True,
    "a text": "12",
    "no text": "",
    "a list": [1],
    "an object": {"a": 1},
    "nothing in a list": [],
    "nothing in an object": {},
    "lists in lists": [[[{}]]],
    "zero": 0,
    "minus one": -1,
    "a fraction": 0.5,
    "huge": 1e299,
    "huge below zero": -1e299,
    "a long whole number": 10**400,
    "not a number": float("nan"),
    "infinite": float("inf"),
    "markup": "<img src=x onerror=alert(1)>",
    "an escape": "\x1b[2J\x1b]0;owned\x07",
    "from right to left": "\u202egnp.exe",
    "long": "x" * 1000,
    "half a character": "\ud800",
}
MORE = {
    "metrics": {
        "intervals": {"psnr": [12.0, 13.0]},
        "selection": {"16 x 8": 1.0},
        "levels": [{"usage": 1.0, "perplexity": 16.0, "dead": 0, "selection": {"16 x 8": 1.0}}],
    },
    "training": {
        "full_command": "accelerate launch trainers/train.py good",
        "best_held_out": 0.25,
        "recipe": {"batch_size": 64, "bits": 0, "codebook_size": 16, "components": 0, "crop": 0, "resolution": 8}
        | {"held_out": 2, "seed": 1, "stride": 4, "start_from": "", "weights": {"reconstruction": 1.0}},
    },
    "curves": {"train": {"step": [1, 2], "loss": [2.0, 1.0]}, "held_out": {"step": [2], "loss": [1.5]}},
}
"""Fields that a card may have and the small one of tests/hub has not."""
RARE = {"explained_variance": {"train": [0.5, 0.75], "test": [0.5, 0.7]}, "fit": "none"}
"""Fields under "training" in the card of a fitted model."""
BEHIND = {"name": "cifar10-pca-32x256", "bits_per_image": 640, "psnr": 24.9}
"""Field "behind" in the card of a model that has less PSNR than a baseline."""
FILES = {"metrics.json": METRICS_FIELDS, "config.json": CONFIG_FIELDS}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A folder of cards that agree with themselves: a good one, and as many to be spoiled as there are values."""
    root = tmp_path_factory.mktemp("cards")
    torch.manual_seed(0)
    for name in (GOOD, BAD):
        folder = root / name
        folder.mkdir()
        tiny().save(folder)
        record = RECORD | {"name": name} | {key: {**RECORD.get(key, {}), **value} for key, value in MORE.items()}
        write_json(folder / "metrics.json", record)
        write_json(folder / "usage.json", {"split": "test", "counts": [[40] * 16]})
        (folder / "README.md").write_text(model_card(record, read_json(folder / "config.json")), encoding="utf-8")
    return root


@pytest.fixture
def cards(whole, tmp_path, monkeypatch) -> Path:
    """A copy of these, in the place of model_cards/; the Hub is not asked."""
    shutil.copytree(whole, tmp_path / "cards")
    monkeypatch.setenv(CARDS_VARIABLE, str(tmp_path / "cards"))
    return tmp_path / "cards"


def put(value, path: str, new) -> None:
    """Replace (or, for MISSING, take out) what a field's path stands for, the first of several."""
    key, _, rest = path.partition(".")
    if key == "*":
        key = 0 if isinstance(value, list) else next(iter(value))
    if rest:
        put(value[key], rest, new)
    elif new is MISSING:
        value.pop(key, None) if isinstance(value, dict) else value.pop(key)
    else:
        value[key] = new


def spoil(folder: Path, file: str, path: str, new) -> None:
    record = json.loads((folder / file).read_text())
    if file == "config.json" and path.startswith("quantizer."):
        path = path.replace("quantizer.*", "quantizer")
    if path.startswith("behind"):
        record["behind"] = dict(BEHIND)
    if path.startswith(tuple(f"training.{name}" for name in RARE)):
        record["training"] |= json.loads(json.dumps(RARE))
    put(record, path, new)
    (folder / file).write_text(json.dumps(record))


def shown(zoo: Zoo) -> list[str]:
    """Everything that pages show of all models that are offered, worked out; the names in the table of the Zoo page."""
    engine = zoo.engine
    models = list(engine.models.values())
    rates = Rates(engine)
    for model in models:
        facts_html(Shown(Entry(model), model), None)
        about(model)
        _describe(model)
        key_table([training_curves(model)] if has_curves(model) else [])
        engine.test_counts(model.name)
    for dataset in rates.datasets():
        points = rates.models(dataset)
        entropy_table(rates, dataset)
        for axis in ("bits per image", "codebook size"):
            for metric in DISTORTIONS:
                placed(points, axis, metric)
        rates.metrics(dataset)
    by_rate(models)
    twins(models)
    zoo_table(models)
    zoo.choices()
    return [row[0] for row in zoo.rows(Filters())]


def is_safe(text: str) -> bool:
    return all(line.isprintable() for line in text.splitlines()) and not set("<>\x1b") & set(text)


def test_every_field_comes_after_what_it_is_in():
    """So that a field is looked for in what is known to be an object or a list."""
    for fields in FILES.values():
        paths = [field.path for field in fields]
        for number, path in enumerate(paths):
            parents = list(accumulate(path.split("."), lambda one, two: f"{one}.{two}"))[:-1]
            assert set(parents) <= set(paths[:number]), path
        assert len(set(paths)) == len(paths)


@pytest.mark.parametrize(
    ("file", "field"),
    [pytest.param(file, field, id=f"{file} {field.path}") for file, fields in FILES.items() for field in fields],
)
def test_a_wrong_value_harms_its_card_alone(cards, capsys, file: str, field: Field):
    names = {f"bad-{number:02}": what for number, what in enumerate(VALUES)}
    for name, what in names.items():
        shutil.copytree(cards / BAD, cards / name)
        spoil(cards / name, file, field.path, VALUES[what])
    shutil.rmtree(cards / BAD)

    assert main(["list", "--json"]) == 0
    listed = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert listed.keys() == {GOOD, *names} and listed[GOOD]["metrics"]["psnr"] == 12.5
    assert main(["list"]) == 0 and is_safe(capsys.readouterr().out)
    damages = {name: row["damaged"] for name, row in listed.items() if "damaged" in row}
    assert len(damages) > len(VALUES) // 2, "most of these values are wrong for any field"

    models, _ = local_models()
    zoo = Zoo(Engine(models), hub=False)
    zoo.refresh()
    assert shown(zoo) == [*sorted({GOOD, *names} - {*damages}), *sorted(damages)]
    for name, what in names.items():
        if damage := damages.get(name):
            assert is_safe(damage) and file in damage and name in damage and len(damage) <= 280, what
            for show in (lambda name=name: run(Info(name)), lambda name=name: zoo.entry(name)):
                with pytest.raises(ValueError, match=re.escape(damage)):
                    show()
        else:
            assert run(Info(name)) == 0 and is_safe(capsys.readouterr().out), what
        with pytest.raises(ValueError, match=r".") as error:
            check(cards / name)  # of a wrong name at least
        assert type(error.value) is ValueError and is_safe(str(error.value)), what


@pytest.mark.parametrize("full", [0, None, MISSING])
def test_a_run_of_no_recipe_has_no_share_but_the_images_it_has_seen(cards, capsys, full):
    spoil(cards / BAD, "metrics.json", "training.full_budget_images", full)
    models, damaged = local_models()
    assert not damaged
    zoo = Zoo(Engine(models), hub=False)
    assert [row[7] for row in zoo.rows(Filters())] == ["640", "640"]
    points = {point.name: point for point in Rates(zoo.engine).models("toy")}
    assert (points[BAD].trained, points[BAD].note) == (None, "trained on 640 images")
    assert (points[GOOD].trained, points[GOOD].note) == (1.0, "trained in full")
    assert _describe(zoo.engine.models[BAD]) == "no encoding, trained on 640 images"
    assert training_curves(zoo.engine.models[BAD]).facts["of the full budget"] == "–"
    assert main(["list"]) == 0 and capsys.readouterr().out.splitlines()[1].endswith(" 640")
    assert main(["info", BAD]) == 0
    out = capsys.readouterr().out
    assert "full budget" not in out and " ".join(out.split()).count("images 640 ") == 1
    record = read_json(cards / BAD / "metrics.json")
    card = model_card(record, read_json(cards / BAD / "config.json"))
    assert (
        "It has seen 640 images" in card
        and "1 minute on CPU" in card
        and "budget" not in card
        and "The full training" not in card
    )


TEXTS = {
    "nothing": b"",
    "cut": b'{"name": ',
    "an array": b"[]",
    "not UTF-8": b'{"name": "\xff"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("file", ["config.json", "metrics.json", "usage.json", "README.md"])
def test_a_file_that_cannot_be_read_is_named(cards, capsys, file, text):
    (cards / BAD / file).write_bytes(TEXTS[text])
    assert main(["list", "--json"]) == 0
    listed = {row["name"]: row.get("damaged") for row in json.loads(capsys.readouterr().out)}
    assert listed.keys() == {GOOD, BAD} and listed[GOOD] is None
    assert main(["publish", BAD, "--to", "nobody/x"]) == 1
    message = capsys.readouterr().err
    assert message.startswith("error: ") and file in message and BAD in message and message.count("\n") == 1
    zoo = Zoo(Engine(local_models()[0]), hub=False)
    zoo.refresh()
    assert sorted(shown(zoo)) == [BAD, GOOD]
    if file in ("config.json", "metrics.json"):
        assert file in listed[BAD]
    else:  # the model itself is whole, and its card is shown as far as it can be read
        assert listed[BAD] is None and [each.__class__ for each in zoo.show(BAD)] == [Shown]


@pytest.mark.parametrize(
    "counts", [5, [5], [["a"]], [[1, 2]] * 3, [{"size": 2**24, "at": [], "counts": []}] * 40, [[0] * 16] * 2]
)
def test_damaged_counts_cost_the_counts_alone(cards, capsys, counts):
    (cards / BAD / "usage.json").write_text(json.dumps({"counts": counts}))
    models, damaged = local_models()
    assert not damaged
    bad, good = models
    engine = Engine(models)
    assert usage_counts(good) == [[40] * 16] and len(entropy_table(Rates(engine), "toy")) >= 1
    engine.test_counts(BAD)
    if damage := usage_damage(bad):
        assert damage.startswith(f"usage.json of {BAD}: counts has to be what was counted")
        assert engine.test_counts(BAD) is None
        assert damage in unescape(facts_html(Shown(Entry(bad), bad), None))
        assert main(["info", BAD]) == 0 and f"damaged: {damage}" in capsys.readouterr().out
        with pytest.raises(ValueError, match="usage.json"):
            check(cards / BAD)


_BOUNDED = """
import json, resource, sys
from pathlib import Path
from vqzoo.hub.publish import check
from vqzoo.hub.registry import list_models, usage_counts, usage_damage
import vqzoo.tokenizer
folder = Path(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
answers = []
for edit in (
    lambda u, m: u.update(counts=[{"size": 2**24, "at": [], "counts": []}] * 40),
    lambda u, m: m["metrics"].update(bits_per_image=16.0 * 2**20, bits_per_pixel=0.25),
    lambda u, m: m["metrics"].update(bits_per_image=1e14, bits_per_pixel=0.25),
    lambda u, m: m["metrics"].update(bits_per_image=1e14, bits_per_pixel=1e-200),
):
    files = [folder / "usage.json", folder / "metrics.json"]
    texts = [path.read_text() for path in files]
    values = [json.loads(text) for text in texts]
    edit(*values)
    for path, value in zip(files, values):
        path.write_text(json.dumps(value))
    for model in list_models():
        usage_damage(model)
    try:
        check(folder)
        answers.append("fine")
    except ValueError as error:
        answers.append(str(error))
    for path, text in zip(files, texts):
        path.write_text(text)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps({"grown": grown * 1024, "answers": answers}))
"""


def test_what_a_card_claims_takes_no_memory(cards):
    """Columns of 2^24 indices each, and images of millions of pixels, from a few bytes of JSON."""
    done = subprocess.run([sys.executable, "-c", _BOUNDED, cards / BAD], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert all(is_safe(answer) and answer != "fine" for answer in told["answers"])
    assert "16,777,216 indices together" in told["answers"][0]
    assert told["grown"] < 200e6


def test_the_schema_holds_for_the_shipped_cards():
    models, damaged = local_models()
    assert not damaged and len(models) == len(list_models()) > 20
    for model in models:
        check_record(model.name, model.config, model.metrics)
        assert usage_damage(model) is None
