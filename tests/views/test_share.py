"""Links that open on a comparison, and the archive of one."""

import csv
import hashlib
import io
import json
import zipfile
from urllib.parse import parse_qsl

import numpy as np
import pytest
from PIL import Image

from vqzoo.analysis.examples import examples
from vqzoo.views.comparison import Comparison, compare
from vqzoo.views.export import archive, file_name
from vqzoo.views.share import example_of, from_query, to_query

NAMES = ("cifar10-vq-1024x128", "cifar10-looc-256x4")
SIDES = (64, 256)


def read(engine, query: str):
    return from_query(dict(parse_qsl(query)), engine, SIDES, 256)


@pytest.mark.parametrize("view", [("Compare", True, "PSNR", True), (None, False, "true bits", False)])
def test_a_link_opens_on_what_it_was_made_of(engine, tmp_path, view):
    page, codecs, sort, worst = view
    copied = tmp_path / "image.png"  # as an example is when it has been through the page
    copied.write_bytes(examples()["Cat"].read_bytes())
    query, message = to_query(Comparison(str(copied), 64, NAMES), page, codecs, sort, worst)
    actual = read(engine, query)
    assert actual.path == str(examples()["Cat"]) and actual.names == NAMES and actual.side == 64
    expected = (page or "Compare", codecs, sort, worst, "")
    assert (actual.page, actual.codecs, actual.sort, actual.worst_first, actual.left_out) == expected
    assert "opens on this comparison" in message and str(tmp_path) not in query


def test_an_own_photograph_is_not_in_the_link_and_that_is_said(engine, tmp_path):
    own = tmp_path / "secret.png"
    Image.new("RGB", (8, 8)).save(own)
    query, message = to_query(Comparison(str(own), 64, NAMES))
    assert "secret" not in query and read(engine, query).path is None
    assert "Your own photograph is not in it" in message
    assert example_of(None) is None and example_of(str(tmp_path / "gone.png")) is None


@pytest.mark.parametrize("query", ["", "__theme=dark", "deep_link=abc"])
def test_an_address_that_asks_for_nothing_changes_nothing(engine, query):
    assert read(engine, query) is None


def test_what_a_link_asks_for_and_is_not_here_is_left_out_and_said(engine):
    actual = read(engine, f"image=../../etc/passwd&models={NAMES[0]},no-such,{NAMES[0]}&side=9999&sort=nonsense&tab=x")
    assert actual.path is None and actual.names == NAMES[:1] and actual.side == 256 and actual.sort == "true bits"
    assert actual.left_out == "The link asks for what is not here: the example and a model."
    assert read(engine, "models=" + ",".join(map(str, range(10_000)))).left_out.endswith("64 of the models.")
    assert read(engine, "side=" + "9" * 5000).side == 256 and read(engine, "side=²").side == 256


@pytest.fixture(scope="module")
def exported(engine, path) -> tuple[Comparison, bytes]:
    *_, last = compare(engine, path, 48, NAMES, codecs=True)
    return last["listed"], archive(engine, last["listed"])


def test_the_archive_holds_every_picture_as_it_was_computed(engine, path, exported):
    listed, content = exported
    photo = engine.photo(path, 48)
    with zipfile.ZipFile(io.BytesIO(content)) as files:
        names = files.namelist()
        assert len(names) == len(listed.rows) + 3 and all(set(name) <= ALLOWED for name in names)
        assert np.array_equal(np.array(Image.open(files.open("original.png"))), photo.pixels)
        shown = np.array(Image.open(files.open(f"{NAMES[0]}.png")))
        assert np.array_equal(shown, engine.run(NAMES[0], photo).pixels)
        rows = list(csv.DictReader(io.TextIOWrapper(files.open("table.csv"), encoding="utf-8")))
    assert [row["name"] for row in rows] == list(listed.rows)
    assert float(rows[0]["psnr"]) == engine.run(NAMES[0], photo).metrics["psnr"], "all digits"
    assert float(rows[0]["bits_per_image"]) == 12 * 12 * 10


ALLOWED = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def test_the_settings_say_how_it_came_about(engine, path, exported):
    with zipfile.ZipFile(io.BytesIO(exported[1])) as files:
        settings = json.loads(files.read("settings.json"))
    assert settings["photograph"]["width"] == 48 and "shrunk from 256 x 256" in settings["photograph"]["notes"]
    pixels = engine.photo(path, 48).pixels
    assert settings["photograph"]["sha256_of_pixels"] == hashlib.sha256(pixels.tobytes()).hexdigest()
    rows = {row["name"]: row for row in settings["rows"]}
    model = engine.models[NAMES[0]]
    weights = (model.source / "model.safetensors").read_bytes()
    assert rows[NAMES[0]]["sha256_of_weights"] == hashlib.sha256(weights).hexdigest()
    assert rows[NAMES[0]]["config"] == model.config and rows[NAMES[0]]["origin"] == "local"
    assert {"JPEG", "PCA"} <= {row.get("codec") for row in settings["rows"]}
    assert settings["versions"].keys() == {"vqzoo", "torch", "pillow", "python"} and settings["device"]
    assert str(path) not in json.dumps(settings), "nothing of where files lie"


def test_the_same_comparison_is_the_same_name_whenever_it_is_exported(path, exported):
    listed, _ = exported
    assert file_name(listed) == file_name(listed) and file_name(listed).startswith("vqzoo-")
    assert file_name(listed) != file_name(Comparison(path, 48, NAMES))


def test_nothing_cannot_be_exported(engine, path):
    with pytest.raises(ValueError, match="press Compare"):
        archive(engine, Comparison(path, 48, ()))
