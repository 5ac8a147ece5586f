"""Codecs on the images of a card, at its bits, written down beside others."""

import json

import pytest

from trainers.data.memory import load_images
from trainers.tools import measure_codecs
from vqzoo.analysis.codecs import evaluate_codec
from vqzoo.files.storage import read_json


@pytest.fixture(autouse=True)
def cards(card, monkeypatch):
    monkeypatch.setenv("VQZOO_CARDS", str(card.parent))


def test_a_row_is_measured_on_the_images_of_the_card_at_its_bits(card, data, tmp_path, capsys):
    out = tmp_path / "codecs.json"
    assert measure_codecs.main([card.name], codecs=("JPEG",), out=out, data=str(data)) == 0
    (row,) = json.loads(out.read_text())
    bits = read_json(card / "metrics.json")["metrics"]["bits_per_image"]
    images = load_images("pictures", "test", 16, 3, str(data))
    expected = evaluate_codec("JPEG", images, bits)
    assert row["metrics"]["psnr"] == pytest.approx(expected["psnr"])
    assert row["metrics"]["bits_per_image"] == expected["bits_per_image"] and row["metrics"]["met"] == 0
    assert (row["dataset"], row["bits"], row["codec"], row["model"]) == ("pictures", bits, "JPEG", card.name)
    assert "JPEG at the 64 bits of" in capsys.readouterr().out


def test_a_row_takes_the_place_of_its_like_alone(tmp_path):
    path = tmp_path / "codecs.json"
    rows = [
        {"codec": codec, "dataset": "a", "resolution": 32, "bits": bits, "metrics": number}
        for number, (codec, bits) in enumerate([("WebP", 640), ("JPEG", 640), ("JPEG", 64), ("JPEG", 640)])
    ]
    for row in rows:
        measure_codecs.merge(path, row)
    assert [row["metrics"] for row in json.loads(path.read_text())] == [2, 3, 0]


def test_mistakes_are_answered_in_one_line(card, tmp_path, capsys):
    out = tmp_path / "codecs.json"
    assert measure_codecs.main(["no-such"], codecs=("JPEG",), out=out) == 1
    assert measure_codecs.main([card.name], codecs=("PNG",), out=out) == 1
    one, two = capsys.readouterr().err.splitlines()
    assert "model='no-such'" in one and "codec='PNG'" in two and not out.exists()
