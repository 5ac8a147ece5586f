"""The page holds what the run folders hold, asks no network for anything, and shows text as text."""

import base64
import json
import re
import shutil
from html.parser import HTMLParser

import pytest

from trainers import report
from trainers.report import load_all, main, page, sections
from vqzoo.analysis.log import read
from vqzoo.files.storage import read_json, write_json

EVIL = '<script>alert("1")</script>'


@pytest.fixture
def copied(run, tmp_path):
    """A run folder that a test may change."""
    return shutil.copytree(run, tmp_path / "cifar10-vq-1024x128", ignore=shutil.ignore_patterns("*.pt"))


def write_rows(folder, rows, tail=""):
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + tail)


class Tags(HTMLParser):
    """The elements of a page and the text outside scripts and styles."""

    def __init__(self, html):
        super().__init__()
        self.found, self.text, self.inside = [], "", ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside not in ("script", "style"):
            self.text += data


def curves(figure):
    return {trace.name: (list(trace.x), list(trace.y)) for trace in figure.data}


def test_curves_are_those_of_the_log(run):
    rows = read(run / "metrics.jsonl")
    held_out = [row for row in rows if "held_out" in row]
    losses = dict(sections(load_all([run]))["Losses"])
    assert losses.keys() == {"loss", "reconstruction", "commitment", "codebook"}
    for name, key in (("loss", "held_out"), ("reconstruction", "held_out/reconstruction")):
        drawn = curves(losses[name])
        training = [row for row in rows if name in row]
        assert drawn["train"] == ([row["step"] for row in training], [row[name] for row in training])
        assert drawn["held out"] == ([row["step"] for row in held_out], [row[key] for row in held_out])


def test_several_runs_are_laid_over_each_other_and_what_differs_is_marked(copied, tmp_path):
    other = shutil.copytree(copied, tmp_path / "other")
    recipe = read_json(other / "recipe.json")
    write_json(other / "recipe.json", recipe | {"seed": 7, "quantizer": recipe["quantizer"] | {"levels": [8, 5]}})
    runs = load_all([copied, other])
    loss = dict(sections(runs)["Losses"])["loss"]
    names = [f"{run.name}: {part}" for run in runs for part in ("train", "held out")]
    assert [trace.name for trace in loss.data] == names
    assert loss.data[0].line.color == loss.data[1].line.color != loss.data[2].line.color
    marked = re.findall('<tr class="differs">(.*?)</tr>', page(runs))
    assert [re.findall("<td>(.*?)</td>", row) for row in marked] == [
        ["quantizer.levels", "–", "8, 5"],
        ["seed", "42", "7"],
    ]
    assert 'class="differs"' not in page(runs[:1])


def test_new_columns_have_their_panels(copied):
    more = {"usage": 0.5, "perplexity": 9.0, "images_per_second": 400.0, "peak_memory_mib": 100.0}
    shares = {"selection/1024 x 64": 0.25, "selection/512 x 128": 0.75}
    rows = [{"step": step, "loss": 1.0, "learning_rate": 1e-3, **more, **shares} for step in (50, 100)]
    write_rows(copied, [*rows, {"step": 100, "held_out": 0.5, "gradient_gap": 0.1, "seconds": 3.0}])
    found = {heading: dict(panels) for heading, panels in sections(load_all([copied])).items()}
    assert {heading: list(panels) for heading, panels in found.items()} == {
        "Losses": ["loss"],
        "Codebook": ["usage", "perplexity", "selection of codebooks"],
        "Course": ["gradient gap", "learning rate", "images a second", "peak memory (MiB)"],
    }
    assert curves(found["Codebook"]["selection of codebooks"]) == {
        "512 x 128": ([50, 100], [0.75, 0.75]),
        "1024 x 64": ([50, 100], [0.25, 0.25]),
    }


def test_warnings_are_listed_and_marked(copied):
    rows = read(copied / "metrics.jsonl")
    write_rows(copied, [*rows, {"step": 6, "warning": "collapse", "text": f"step 6: {EVIL}"}])
    runs = load_all([copied])
    figures = [figure for panels in sections(runs).values() for _, figure in panels]
    assert [(shape.x0, shape.x1) for figure in figures for shape in figure.layout.shapes] == [(6, 6)] * len(figures)
    assert f"collapse step 6: {EVIL}" in Tags(page(runs)).text


def test_a_run_that_is_going_on_can_be_looked_at(copied):
    """A last line that is cut short, a loss that is no number, no samples yet."""
    shutil.rmtree(copied / "samples")
    write_rows(copied, [{"step": 1, "loss": 2.0}, {"step": 2, "loss": float("nan")}], tail='{"step": 3, "lo')
    runs = load_all([copied])
    assert curves(dict(sections(runs)["Losses"])["loss"]) == {"train": ([1], [2.0])}
    assert "Samples" not in Tags(page(runs)).text


def test_the_first_the_middle_and_the_last_samples_are_embedded(copied):
    folder = copied / "samples"
    shutil.rmtree(folder)
    folder.mkdir()
    for step in range(2, 12, 2):
        (folder / f"step-{step:08d}.png").write_bytes(b"PNG of %d" % step)
    images = [attributes["src"] for tag, attributes in Tags(page(load_all([copied]))).found if tag == "img"]
    contents = [base64.b64decode(source.removeprefix("data:image/png;base64,")) for source in images]
    assert contents == [b"PNG of 2", b"PNG of 6", b"PNG of 10"]


def test_a_page_is_one_file(run):
    for tag, attributes in Tags(page(load_all([run]))).found:
        assert tag not in ("link", "iframe", "object", "base")
        assert all(source.startswith("data:") for name, source in attributes.items() if name in ("src", "href"))


def test_text_is_text(copied, tmp_path):
    """In a folder's name, in the recipe's keys and values, in the names of terms."""
    folder = copied.rename(tmp_path / "<b>&amp;")
    recipe = read_json(folder / "recipe.json")
    write_json(folder / "recipe.json", recipe | {"name": EVIL, EVIL: {EVIL: [EVIL]}})
    write_rows(folder, [{"step": 1, "loss": 1.0, EVIL: 1.0, f"selection/{EVIL}": 1.0}])
    html = page(load_all([folder]))
    assert EVIL not in html
    assert Tags(html).text.count(EVIL) == 5  # name, the field's two parts and its value, the heading of the term
    assert "Training of <b>&amp;" in Tags(html).text
    (trace,) = dict(sections(load_all([folder]))["Codebook"])["selection of codebooks"].data
    assert "<" not in trace.name


def test_long_curves_are_thinned_but_keep_their_spikes():
    steps = list(range(50_000))
    values = [1.0] * 50_000
    values[31_415], values[2] = 99.0, -5.0
    kept_steps, kept = report._thin((steps, values))
    assert len(kept) <= 2000 and kept_steps == sorted(set(kept_steps))
    assert kept[kept_steps.index(31_415)] == 99 and kept[kept_steps.index(2)] == -5
    assert report._thin((steps[:2000], values[:2000])) == (steps[:2000], values[:2000])


@pytest.mark.parametrize("spread, kind", [(19, None), (21, "log")])
def test_steep_losses_have_a_log_scale(copied, spread, kind):
    write_rows(copied, [{"step": 1, "loss": 1.0 * spread, "usage": 0.01}, {"step": 2, "loss": 1.0, "usage": 1.0}])
    found = sections(load_all([copied]))
    assert found["Losses"][0][1].layout.yaxis.type == kind
    assert found["Codebook"][0][1].layout.yaxis.type is None


def test_folders_of_one_name_are_called_by_their_paths(copied, tmp_path):
    other = shutil.copytree(copied, tmp_path / "b" / copied.name)
    third = shutil.copytree(copied, tmp_path / "third")
    assert [run.name for run in load_all([copied, other, third])] == [str(copied), str(other), "third"]


def test_the_command_line(run, tmp_path, capsys):
    assert main((run,), tmp_path / "report.html") == 0
    assert capsys.readouterr().out == f"written: {tmp_path / 'report.html'}\n"
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page(load_all([run]))


@pytest.mark.parametrize(
    "spoil, message",
    [
        (shutil.rmtree, "there is no such folder"),
        (lambda folder: (folder / "metrics.jsonl").unlink(), "there is no metrics.jsonl"),
        (lambda folder: (folder / "recipe.json").unlink(), "there is no recipe.json"),
        (lambda folder: (folder / "recipe.json").write_text("{"), "recipe.json .* is not valid JSON"),
        (lambda folder: write_rows(folder, []), "metrics.jsonl is empty"),
        (lambda folder: write_rows(folder, [], tail='{"step'), "metrics.jsonl is empty"),
    ],
)
def test_what_is_missing_is_named_in_one_line(copied, tmp_path, capsys, spoil, message):
    spoil(copied)
    assert main((copied,), tmp_path / "report.html") == 1
    printed = capsys.readouterr()
    assert re.fullmatch(f"error: .*{message}.*\n", printed.err) and printed.out == ""
    assert not (tmp_path / "report.html").exists()


def test_no_run_and_a_run_twice_are_refused(run, tmp_path, capsys):
    assert main((), tmp_path / "report.html") == 1
    assert main((run, run / "." / ".." / run.name), tmp_path / "report.html") == 1
    assert main((run,), tmp_path / "no folder" / "report.html") == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["error"] * 3
    assert "at least one run folder" in lines[0] and "named twice" in lines[1]
