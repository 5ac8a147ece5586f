"""A card can be measured again, and a wrong number in it is found."""

import re
from pathlib import Path

import pytest

from trainers import evaluate
from vqzoo.analysis.evaluation import evaluate as measure
from vqzoo.files.storage import read_json, write_json
from vqzoo.metrics.fid import Extractor
from vqzoo.metrics.table import METRICS, names
from vqzoo.tokenizer import Tokenizer


def test_evaluate_finds_what_was_recorded(card, data, capsys):
    assert evaluate.main(card, str(data)) == 0
    printed = capsys.readouterr().out
    assert "16 images of pictures test" in printed and "DIFFERS" not in printed


@pytest.mark.parametrize("metric", ["psnr", "ssim", "l1", *names("rate", "usage")])
def test_evaluate_finds_a_number_that_was_changed(card, data, tmp_path, capsys, metric):
    altered = copied(card, tmp_path)
    record = read_json(altered / "metrics.json")
    tolerance = METRICS[metric].tolerance
    within, beyond = (4, 6) if metric == "dead" else (0.9 * tolerance, 1.1 * tolerance)
    for change, code in ((within, 0), (-within, 0), (beyond, 1), (-beyond, 1)):
        changed = record["metrics"] | {metric: record["metrics"][metric] + change}
        write_json(altered / "metrics.json", record | {"metrics": changed})
        assert evaluate.main(altered, str(data)) == code, (metric, change)
    lines = [line for line in capsys.readouterr().out.splitlines() if "DIFFERS" in line]
    assert [line.split()[0] for line in lines] == [metric, metric]


class Colours(Extractor):
    """In place of a network: the mean of each colour."""

    metric = "rfid_squeeze"
    num_features = 3

    def forward(self, images):
        return images.float().mean((2, 3))


def test_a_distance_of_features_is_compared_by_its_share_where_both_are_known(
    card, data, tmp_path, capsys, monkeypatch
):
    altered = copied(card, tmp_path)
    record = read_json(altered / "metrics.json")
    monkeypatch.setattr(evaluate, "extractors", lambda: [Colours()])
    assert evaluate.main(altered, str(data)) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.split()[0] == "rfid_squeeze")
    assert line.endswith("not compared")
    images = evaluate.load_images("pictures", "test", 16, 3, str(data))
    distance = measure(Tokenizer.from_pretrained(card), images, None, [Colours()]).metrics["rfid_squeeze"]
    for change, code in ((1.009, 0), (0.991, 0), (1.011, 1), (0.989, 1)):
        write_json(
            altered / "metrics.json", record | {"metrics": record["metrics"] | {"rfid_squeeze": distance * change}}
        )
        assert evaluate.main(altered, str(data)) == code, change


def test_a_card_from_before_there_were_distances_of_features_is_measured(card, data, tmp_path):
    altered = copied(card, tmp_path)
    record = read_json(altered / "metrics.json")
    for metric in names("set"):
        del record["metrics"][metric]
    write_json(altered / "metrics.json", record)
    assert evaluate.main(altered, str(data)) == 0


def copied(card: Path, to: Path) -> Path:
    folder = to / card.name
    folder.mkdir()
    for path in card.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("metrics.json", "{", "metrics.json of .* is not valid JSON"),
        ("metrics.json", "{}", "metrics.json of .* has no entry 'training'"),
        ("config.json", "{}", "config: 'format' is missing"),
        ("model.safetensors", "", "model.safetensors of .* is cut short"),
    ],
)
def test_evaluate_of_a_broken_folder(card, data, tmp_path, capsys, file, content, message):
    broken = copied(card, tmp_path)
    (broken / file).write_text(content)
    assert evaluate.main(broken, str(data)) == 2
    assert re.fullmatch(f"error: {message}.*\n", capsys.readouterr().err)


def test_evaluate_on_other_data(card, tmp_path, capsys, pictures, write_dataset):
    folder = write_dataset(tmp_path / "other", test=pictures(3, 1))
    assert evaluate.main(card, str(folder)) == 2
    assert capsys.readouterr().err == "error: pictures test has 3 images here; the card was measured on 16\n"
