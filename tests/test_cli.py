"""`vqzoo COMMAND`, run in this process over a registry of two tiny models."""

import csv
import importlib.metadata
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from PIL import Image

import vqzoo
from vqzoo.analysis.formats import available
from vqzoo.analysis.photograph import code, reconstruct
from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.cli import main, show
from vqzoo.files.storage import read_json, sha256, write_json
from vqzoo.hub.registry import CARDS_VARIABLE
from vqzoo.metrics.perceptual import perceptual
from vqzoo.quantizers import build
from vqzoo.tokenizer import Tokenizer
from vqzoo.tokens.header import seal, unseal

ROOT = Path(__file__).parents[1]
VQ, FSQ = "toys-vq-16", "blocks-fsq-5-4"
COMMANDS = (
    *("list", "info", "load-check", "reconstruct", "compress", "decompress", "evaluate", "publish"),
    *("tokenize", "detokenize", "export", "sample", "app"),
)


def make(quantizer: str, position: str = "none", channels: int = 3, **settings) -> Tokenizer:
    autoencoder = build_autoencoder(
        "conv", latent_dim=8, channels=channels, stride=4, width=4, residual_width=2, residual_blocks=0
    )
    grid = {} if position == "none" else {"grid": 8}
    placed = build_position(position, dim=8, **grid)
    return Tokenizer(autoencoder, build(quantizer, dim=8, **settings), placed, 32)


def record(name: str, dataset: str, bits: float, **metrics) -> dict:
    measured = {"protocol": "lossless", "num_images": 10, "psnr": 20.0, "ssim": 0.5, "lpips": None, "l1": 0.1}
    measured |= {"bits_per_image": bits, "bits_per_pixel": bits / 1024, "share_of_raw": bits / 24576, "usage": 1.0}
    return {
        "name": name,
        "dataset": dataset,
        "split": "test",
        "metrics": measured | metrics,
        "training": {
            "images": 50,
            "full_budget_images": 200,
            "steps": 9,
            "best_step": 7,
            "seconds": 120.0,
            "device": "CPU",
            "recipe": {"resolution": 32},
        },
    }


@pytest.fixture
def cards(tmp_path, monkeypatch):
    folder = tmp_path / "cards"
    for name, tokenizer, facts in [
        (VQ, make("vq", "learned", codebook_size=16), record(VQ, "toys", 256.0)),
        (FSQ, make("fsq", levels=(5, 4)), record(FSQ, "blocks", 640.4, psnr=21.5)),
    ]:
        (folder / name).mkdir(parents=True)
        torch.nn.init.normal_(tokenizer.position.table) if name == VQ else None
        tokenizer.save(folder / name)
        write_json(folder / name / "metrics.json", facts)
    monkeypatch.setenv(CARDS_VARIABLE, str(folder))
    home = tmp_path / "hf_home"
    for name, value in (("HF_HUB_OFFLINE", "1"), ("HF_HOME", str(home))):
        monkeypatch.setenv(name, value)  # for processes started here; in this one it was read long ago
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def photo(tmp_path):
    """A PNG of 24 x 40 pixels, no multiple of a stride but of 8."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def fails(capsys):
    """Run a command line that must fail; what it says on standard error, one line, with nothing else anywhere."""

    def run(*arguments, code=1):
        assert main([str(each) for each in arguments]) == code
        out, err = capsys.readouterr()
        assert err.count("\n") == 1 and err.startswith("error: ")
        assert out == "" or "--json" not in arguments
        return err.removeprefix("error: ").rstrip()

    return run


@pytest.fixture
def succeeds(capsys):
    """Run a command line that must not fail; (standard output, standard error)."""

    def run(*arguments):
        assert main([str(each) for each in arguments]) == 0
        return capsys.readouterr()

    return run


# --- the frame -------------------------------------------------------------------------------------------------------


def test_help_names_every_command_and_each_has_its_own(succeeds):
    text = succeeds("--help").out
    assert all(f"• {command} " in text for command in COMMANDS)
    for command in COMMANDS:
        assert f"usage: vqzoo {command} " in succeeds(command, "--help").out


def test_the_version(succeeds):
    assert succeeds("--version").out == f"vqzoo {vqzoo.__version__}\n"
    assert vqzoo.__version__ == importlib.metadata.version("vqzoo")


@pytest.mark.parametrize("line", ["", "lst", "list --quantiser vq", "info", "info a b", "app --port many", "list x"])
def test_wrong_usage(line, capsys):
    assert main(line.split()) == 2
    out, err = capsys.readouterr()
    assert out == "" and "vqzoo" in err and "Traceback" not in err


def test_ctrl_c(cards, monkeypatch, capsys):
    def interrupt():
        raise KeyboardInterrupt

    from vqzoo.cli import models

    monkeypatch.setattr(models, "local_models", interrupt)
    assert main(["list"]) == 130
    assert capsys.readouterr() == ("", "interrupted\n")


def test_help_and_mistakes_need_no_torch():
    code = "import sys; from vqzoo.cli import main; main([]); main(['list', '--help']); main(['--version']); "
    code += "sys.exit(str([name for name in ('torch', 'gradio', 'huggingface_hub', 'numpy') if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr.endswith("[]\n"), done.stderr


def test_the_command_of_the_installed_package(cards):
    assert 'vqzoo = "vqzoo.cli:main"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    command = [sys.executable, "-m", "vqzoo.cli", "list", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert [model["name"] for model in json.loads(done.stdout)] == [FSQ, VQ] and done.stderr == ""


def test_a_reader_that_has_seen_enough_is_no_error():
    command = [sys.executable, "-m", "vqzoo.cli", "--help"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == (b"", 0)
    process.stderr.close()


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("stdout", "enabled", "drawn"), [
    (Terminal, True, True), (Terminal, False, False), (io.StringIO, True, False),
])  # fmt: skip
def test_a_bar_is_for_terminals(stdout, enabled, drawn, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    out, err = stdout(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with show.bar(2, enabled) as step:
        step("first of them")
        step("second of them")
    assert out.getvalue() == ""
    assert ("of them" in err.getvalue()) == drawn


def test_json_has_no_word_for_what_is_no_number(capsys):
    show.print_json({"a": [float("nan"), float("inf"), 1.5], "b": None})
    assert json.loads(capsys.readouterr().out) == {"a": [None, None, 1.5], "b": None}


# --- list and info ---------------------------------------------------------------------------------------------------


def test_the_list_by_data_set(cards, succeeds):
    first, second, third = succeeds("list").out.splitlines()
    assert first.split() == "model dataset quantizer true bits PSNR, dB SSIM LPIPS usage images seen".split()
    assert second.split() == [FSQ, "blocks", "fsq", "640", "21.50", "0.5000", "not", "available", "100.0%", "50"]
    assert third.split()[:4] == [VQ, "toys", "vq", "256"]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ([], [FSQ, VQ]),
        (["--quantizer", "vq"], [VQ]),
        (["--dataset", "blocks"], [FSQ]),
        (["--max-bits", "640.4"], [FSQ, VQ]),
        (["--max-bits", "640"], [VQ]),
        (["--max-bits", "1"], []),
        (["--max-megabytes", "1e-6"], []),
        (["--max-bits", "640", "--max-megabytes", "100"], [VQ]),
        (["--quantizer", "vq", "--dataset", "blocks"], []),
    ],
)
def test_the_list_can_be_narrowed(cards, succeeds, options, names):
    out, err = succeeds("list", *options, "--json")
    assert [model["name"] for model in json.loads(out)] == names and err == ""
    out, err = succeeds("list", *options)
    assert [line.split()[0] for line in out.splitlines()[1:]] == names
    assert bool(err) == (not names)


def test_what_the_list_tells_a_program(cards, succeeds):
    model = json.loads(succeeds("list", "--json").out)[1]
    assert model["quantizers"] == ["vq"] and model["dataset"] == "toys" and model["source"] == str(cards / VQ)
    assert model["metrics"] == record(VQ, "toys", 256.0)["metrics"]


def test_an_unknown_quantizer_is_answered_with_the_nearest(cards, fails):
    assert "quantizer='fsk': did you mean 'fsq'?" in fails("list", "--quantizer", "fsk", "--json")


def test_a_damaged_card_is_a_row_that_says_so(cards, succeeds, fails):
    (cards / VQ / "metrics.json").write_text("{")
    first, *rows = succeeds("list").out.splitlines()
    assert first.startswith("model") and rows[0].startswith(FSQ) and len(rows) == 2
    assert rows[1].startswith(f"{VQ}  damaged: metrics.json of {VQ} is not valid JSON")
    good, bad = json.loads(succeeds("list", "--json").out)
    assert good["name"] == FSQ and bad["name"] == VQ and "is not valid JSON" in bad["damaged"]
    assert f"metrics.json of {VQ} is not valid JSON" in fails("info", VQ)


def test_a_hub_that_does_not_answer_is_said(cards, succeeds):
    """The registry of this version, and what is on this machine, are listed all the same."""
    out, err = succeeds("list", "--live", "--json")
    assert {FSQ, VQ} <= {model["name"] for model in json.loads(out)} and err == "the Hub did not answer\n"
    assert succeeds("list", "--author", "nobody-at-all") == ("", "the Hub did not answer\nno model matches\n")


def test_info(cards, succeeds):
    text = succeeds("info", VQ).out
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for line in [
        VQ,
        f"source {cards / VQ}",
        "on 10 images of toys test",
        "protocol lossless",
        "psnr 20.00",
        "lpips not available",
        "bits_per_image 256",
        "share of full budget 25.0%",
        "images 50 of 200",
        "step kept 7 of 9",
        "minutes 2, on CPU",
        f"model.safetensors {(cards / VQ / 'model.safetensors').stat().st_size:,} bytes",
    ]:
        assert line in lines, line
    assert any(line.startswith("quantizer name vq, ") and "codebook_size 16" in line for line in lines)


def test_info_for_programs_is_what_the_files_say(cards, succeeds):
    told = json.loads(succeeds("info", VQ, "--json").out)
    assert told["config"] == read_json(cards / VQ / "config.json")
    assert {key: told[key] for key in record(VQ, "toys", 256.0)} == record(VQ, "toys", 256.0)
    assert told["files"] == {path.name: path.stat().st_size for path in (cards / VQ).iterdir()}


def test_info_on_a_folder_that_was_never_measured(cards, succeeds, tmp_path):
    (tmp_path / "mine").mkdir()
    make("vq", codebook_size=16).save(tmp_path / "mine")
    assert "measured" not in succeeds("info", "mine").out
    assert json.loads(succeeds("info", "./mine", "--json").out)["name"] == "mine"


@pytest.mark.parametrize("command", ["info", "load-check", "evaluate", "publish"])
def test_an_unknown_model_is_answered_with_the_nearest(cards, fails, command):
    assert f"model='toys-vq-61': did you mean '{VQ}'" in fails(command, "toys-vq-61")


@pytest.mark.parametrize(
    "source, waits", [("./absent/x", []), ("~/absent", []), ("/absent", []), ("absent", [1.0]), ("owner/absent", [5.0])]
)
def test_info_waits_for_the_hub_no_longer_than_a_source_is_worth(cards, monkeypatch, fails, source, waits):
    """A path is never there, a name perhaps, an id of the Hub nowhere else."""
    from vqzoo.cli import models

    asked = []

    def silent(seconds):
        asked.append(seconds)
        return models.Listing((), None, "the Hub did not answer")

    monkeypatch.setattr(models, "listing", silent)
    said = fails("info", source)
    assert asked == waits and said.endswith("; the Hub did not answer") == bool(waits)


@pytest.mark.parametrize("command", ["load-check", "evaluate", "doctor", "publish", "train"])
def test_a_path_that_is_not_there_is_told_as_one(cards, fails, command):
    assert "no such folder; expected" in fails(command, "./none/x")


def test_long_lists_are_cut(cards, succeeds, tmp_path):
    (tmp_path / "mine").mkdir()
    write_json(tmp_path / "mine" / "config.json", {"levels": list(range(20)), "few": [1, 2]})
    out = " ".join(succeeds("info", "mine").out.split())
    assert "levels [0, 1, 2, 3, 4, 5, 6, 7, ... 20 in all]" in out and "few [1, 2]" in out


# --- load-check ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [VQ, FSQ])
def test_a_good_model_passes(cards, succeeds, name):
    assert "FAILED" not in succeeds("load-check", name).out
    told = json.loads(succeeds("load-check", name, "--json").out)
    assert len(told["checks"]) == 6 and all(told["checks"].values())
    assert told["parameters"] == sum(each.numel() for each in vqzoo.load(name).parameters())


def test_a_grey_model_in_a_folder_passes(cards, succeeds, tmp_path):
    (tmp_path / "grey").mkdir()
    make("vq", channels=1, codebook_size=16).save(tmp_path / "grey")
    succeeds("load-check", tmp_path / "grey")


def test_a_header_that_is_not_the_configurations(cards, fails):
    config = read_json(cards / VQ / "config.json")
    config["quantizer"]["codebook_size"] = 17
    write_json(cards / VQ / "config.json", config)
    assert "has shape (16, 8); the configuration needs (17, 8)" in fails("load-check", VQ, "--json")


def test_decoding_that_does_not_undo_encoding(cards, monkeypatch, capsys):
    decode = Tokenizer.decode
    monkeypatch.setattr(Tokenizer, "decode", lambda self, tokens: decode(self, tokens) * 0.999)
    assert main(["load-check", VQ]) == 1
    out, err = capsys.readouterr()
    assert "FAILED  decode(encode(image)) is forward(image), bit for bit" in out and out.count("FAILED") == 1
    assert err == f"error: {VQ} failed 1 of 6 checks: decode(encode(image)) is forward(image), bit for bit\n"


def test_indices_of_forward_that_are_not_those_of_encode(cards, monkeypatch, capsys):
    encode = Tokenizer.encode

    def other(self, images):
        tokens = encode(self, images)
        return replace(tokens, grids=tuple((grid + 1) % 20 for grid in tokens.grids))

    monkeypatch.setattr(Tokenizer, "encode", other)
    assert main(["load-check", FSQ, "--json"]) == 1
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert not checks["encode gives the indices of forward"]


@pytest.mark.parametrize(
    ("method", "wrong", "check"),
    [
        ("restore", lambda images: images * torch.nan, "the image comes back in [-1, 1], every value a number"),
        ("restore", lambda images: images[..., 1:], "the image comes back in its size"),
        ("bits", lambda bits: bits * 0, "true bits are a number above 0"),
        ("bits", lambda bits: bits * torch.inf, "true bits are a number above 0"),
    ],
)
def test_what_else_is_checked(cards, monkeypatch, capsys, method, wrong, check):
    right = getattr(Tokenizer, method)
    monkeypatch.setattr(Tokenizer, method, lambda *arguments: wrong(right(*arguments)))
    assert main(["load-check", VQ, "--json"]) == 1
    assert not json.loads(capsys.readouterr().out)["checks"][check]


# --- reconstruct -----------------------------------------------------------------------------------------------------


def results(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def expect(row: dict[str, str], metrics: dict) -> None:
    """A row of the CSV says exactly what a direct call measures, times aside."""
    for column in ["psnr", "ssim", "l1", "lpips", "bits_per_image", "bits_per_pixel", "share_of_raw", "usage"]:
        assert row[column] == ("" if metrics[column] is None else repr(metrics[column])), column
    assert float(row["encode_ms"]) > 0 and float(row["decode_ms"]) > 0


@pytest.mark.parametrize("position", [True, False])
def test_pictures_and_numbers_are_those_of_the_analysis(cards, photo, succeeds, tmp_path, position):
    options = [] if position else ["--no-position"]
    out, err = succeeds("reconstruct", photo, "--models", f"{VQ}, {FSQ}", "--output", "out", *options)
    assert err == "" and "2 pictures and results.csv are in out" in out
    assert {path.name for path in Path("out").iterdir()} == {"results.csv", f"photo.{VQ}.png", f"photo.{FSQ}.png"}
    rows = results(Path("out"))
    assert [row["model"] for row in rows] == [VQ, FSQ]
    pixels = np.array(Image.open(photo))
    for row in rows:
        direct = reconstruct(vqzoo.load(row["model"]), pixels, perceptual("squeeze"), position)
        expect(row, direct.metrics)
        assert (row["image"], row["width"], row["height"], row["quality"]) == (str(photo), "40", "24", "")
        with Image.open(Path("out", row["file"])) as picture:
            assert picture.format == "PNG" and np.array_equal(np.array(picture), direct.pixels)
    # 6 x 10 cells of log2(16) bits, and of log2(20)
    assert float(rows[0]["bits_per_image"]) == 240 and float(rows[1]["bits_per_image"]) == pytest.approx(
        60 * np.log2(20)
    )


def test_position_matters_here(cards, photo, succeeds):
    """Else the two cases above were one."""
    succeeds("reconstruct", photo, "--models", VQ, "--output", "with")
    succeeds("reconstruct", photo, "--models", VQ, "--output", "without", "--no-position")
    assert results(Path("with"))[0]["psnr"] != results(Path("without"))[0]["psnr"]


def test_codecs_at_the_bytes_of_the_models_file(cards, photo, succeeds):
    told = json.loads(succeeds("reconstruct", photo, "--models", VQ, "--codecs", "--json").out)
    assert told["folder"] == "reconstructions"
    rows = results(Path("reconstructions"))
    succeeds("compress", photo, "--model", VQ, "--out", "photo.vqz")
    size = Path("photo.vqz").stat().st_size
    assert [row["file_bytes"] for row in rows[:1]] == [str(size)]
    assert [row["model"] for row in rows] == [VQ, *(f"{codec} at {8 * size} bits" for codec in available())]
    assert rows[1]["file"] == f"photo.JPEG-at-{8 * size}-bits.png"
    for codec, row in zip(available(), rows[1:], strict=True):
        direct = code(codec, np.array(Image.open(photo)), 8 * size, perceptual("squeeze"))
        assert int(row["file_bytes"]) == direct.metrics["bits_per_image"] / 8
        expect(row, direct.metrics)
        assert row["quality"] == str(direct.metrics["quality"]) and row["met"] == str(direct.metrics["met"])
        with Image.open(Path("reconstructions", row["file"])) as picture:
            assert np.array_equal(np.array(picture), direct.pixels)
    for row, written in zip(told["results"], rows, strict=True):
        assert {key: "" if value is None else str(value) for key, value in row.items()} == written


@pytest.mark.parametrize("model", [VQ, FSQ])
def test_a_photograph_is_compressed_and_decompressed(cards, photo, succeeds, model):
    out = succeeds("compress", photo, "--model", model).out
    file = photo.with_suffix(".vqz")
    assert out.startswith(f"{file}: {file.stat().st_size} bytes")
    told = json.loads(succeeds("info", file, "--json").out)
    assert (told["tokenizer"], told["width"], told["height"], told["bytes"]) == (model, 40, 24, file.stat().st_size)
    assert told["weights_sha256"] == sha256(cards / model / "model.safetensors")
    assert "weights_sha256" in succeeds("info", file).out
    assert succeeds("decompress", file, "-o", "back.png").out == f"back.png: 40 x 24 pixels, by {model}\n"
    direct = reconstruct(vqzoo.load(model), np.array(Image.open(photo)), perceptual("squeeze"))
    assert np.array_equal(np.array(Image.open("back.png")), direct.pixels)


def test_files_that_cannot_be_decompressed(cards, photo, succeeds, fails, tmp_path):
    succeeds("compress", photo, "--model", VQ, "--out", "a.vqz")
    data = Path("a.vqz").read_bytes()
    assert "a.vqz exists: choose another --out, or --overwrite" in fails(
        "compress", photo, "--model", VQ, "-o", "a.vqz"
    )
    assert "of the weights" in fails("decompress", "a.vqz", "--model", FSQ, "-o", "b.png")
    Path("cut.vqz").write_bytes(data[:-1])
    for command in ("decompress", "info"):
        assert fails(command, "cut.vqz").startswith("cut.vqz: the file is damaged: it was cut short or changed")
    header, payload = unseal(data)
    Path("other.vqz").write_bytes(seal(replace(header, name="owner/name"), payload))
    assert "made with 'owner/name', which is not here; --model names" in fails("decompress", "other.vqz")
    assert fails("decompress", "none.vqz") == "none.vqz: no such file"
    assert "no sum of levels" in fails("compress", photo, "--model", VQ, "-o", "c.vqz", "--levels", "1")
    assert not {Path("b.png"), Path("cut.png"), Path("other.png"), Path("c.vqz")} & set(Path().iterdir())


def test_a_large_turned_transparent_photograph(cards, tmp_path, succeeds):
    picture = Image.new("RGBA", (80, 40), (255, 0, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "odd.png", exif=exif)
    out, err = succeeds("reconstruct", "odd.png", "--models", VQ, "--max-side", "32", "--json")
    said = [line.removeprefix("odd.png: ") for line in err.splitlines()]
    assert said == [
        "turned upright as its EXIF orientation says",
        "transparency composited on white",
        "shrunk from 40 x 80 to 16 x 32 pixels",
    ]
    row = json.loads(out)["results"][0]
    assert (row["width"], row["height"]) == (16, 32)


def test_nothing_is_replaced_without_being_asked_to(cards, photo, succeeds, fails):
    line = ["reconstruct", photo, "--models", f"{VQ},{FSQ}", "--output", "out"]
    succeeds(*line)
    files = {path: path.read_bytes() for path in Path("out").iterdir()}
    assert fails(*line) == "out/results.csv exists, and 2 more: choose another --output, or --overwrite"
    Path("out", "results.csv").unlink()
    Path("out", f"photo.{VQ}.png").unlink()
    assert fails(*line) == f"out/photo.{FSQ}.png exists: choose another --output, or --overwrite"
    assert all(path.read_bytes() == files[path] for path in Path("out").iterdir())
    Path("out", f"photo.{FSQ}.png").write_bytes(b"old")
    succeeds(*line, "--overwrite")
    assert Path("out", f"photo.{FSQ}.png").read_bytes() == files[Path("out", f"photo.{FSQ}.png")]


def test_rows_that_are_known_stay_when_it_is_interrupted(cards, photo, monkeypatch, capsys):
    import vqzoo.cli.reconstruct as command

    calls = iter([reconstruct])
    known = []

    def interrupted(*arguments):
        function = next(calls, None)
        if function is None:
            known.extend(results(Path("out")))  # what would be left of a process that is killed now
            raise KeyboardInterrupt
        return function(*arguments)

    monkeypatch.setattr(command, "reconstruct", interrupted)
    assert main(["reconstruct", str(photo), "--models", f"{VQ},{FSQ}", "--output", "out"]) == 130
    assert [row["model"] for row in known] == [VQ] and known == results(Path("out"))
    assert capsys.readouterr().out == ""


def test_too_little_memory_says_what_to_do(cards, photo, monkeypatch, fails):
    import vqzoo.cli.reconstruct as command

    def full(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(command, "reconstruct", full)
    assert fails("reconstruct", photo, "--models", VQ) == (
        f"{photo}, {VQ}: more memory is needed than there is; choose a smaller --max-side."
    )


@pytest.mark.parametrize(
    ("arguments", "said", "exit_code"),
    [
        (["--models", VQ], "needs at least one IMAGE", 2),
        (["photo.png", "--models", " ,"], "at least one NAME", 2),
        (["photo.png", "--models", "toys-vq-61"], f"did you mean '{VQ}'", 1),
        (["absent.png", "--models", VQ], "absent.png: No such file or directory.", 1),
        (["text.png", "--models", VQ], "text.png: The file cannot be read as an image", 1),
        (["more/*.jpg", "--models", VQ], "more/*.jpg: No file has such a name.", 1),
        (["empty", "--models", VQ], "empty: The folder has no files.", 1),
        (["photo.png", "more/photo.png", "--models", VQ], f"2 pictures would be called photo.png.{VQ}.png", 1),
        (["photo.png", "--models", VQ, "--max-side", "7"], "max-side=7: expected a whole number from 8 to 8192", 1),
        (["photo.png", "--models", VQ, "--output", "text.png"], "text.png", 1),
    ],
)
def test_mistakes_are_told_before_anything_is_written(cards, photo, fails, tmp_path, arguments, said, exit_code):
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "more").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "more" / "photo.png").write_bytes(photo.read_bytes())
    assert said in fails("reconstruct", *arguments, code=exit_code)
    assert not Path("reconstructions").exists()


def test_a_folder_as_a_model_gives_a_plain_file_name(cards, photo, succeeds):
    succeeds("reconstruct", photo, photo, "--models", f"./cards/{VQ}")
    assert [row["file"] for row in results(Path("reconstructions"))] == [f"photo.cards-{VQ}.png"]


@pytest.fixture
def mixed(tmp_path, photo):
    """A folder with two pictures that can be used, one of them deeper down, and with what cannot."""
    folder = tmp_path / "mixed"
    (folder / "trip").mkdir(parents=True)
    (folder / "b.png").write_bytes(photo.read_bytes())
    (folder / "trip" / "b.png").write_bytes(photo.read_bytes())
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden").write_text("no picture")
    Image.new("RGB", (2000, 15)).save(folder / "narrow.png")
    os.mkfifo(folder / "pipe.png")
    return folder


def test_a_folder_is_done_but_for_what_cannot_be_used(cards, mixed, capsys):
    """A pipe is named as well: were it opened, this test would not end."""
    assert main(["reconstruct", str(mixed), "--models", VQ, "--max-side", "32", "--output", "mixed/out"]) == 1
    out, err = capsys.readouterr()
    assert "2 pictures and results.csv are in mixed/out" in out
    rows = results(Path("mixed/out"))
    assert [row["file"] for row in rows] == [f"b.{VQ}.png", f"trip/b.{VQ}.png"]
    assert all(Path("mixed/out", row["file"]).is_file() for row in rows)
    start = f"passed over: {mixed}/"
    passed = [line.removeprefix(start) for line in err.splitlines() if line.startswith(start)]
    assert len(passed) == 3 and ".hidden" not in err
    for name, reason in (("narrow.png", "32 x 1"), ("notes.txt", "cannot be read as an image"), ("pipe.png", "pipe")):
        assert any(line.startswith(name) and reason in line for line in passed), name
    assert err.splitlines()[-1] == "3 could not be used; named above"


def test_what_was_made_is_not_taken_for_a_photograph(cards, mixed, capsys):
    for _ in range(2):
        main(["reconstruct", "mixed", "--models", VQ, "--output", "mixed/out", "--overwrite"])
        rows = results(Path("mixed/out"))
    assert {row["image"] for row in rows} == {"mixed/b.png", "mixed/narrow.png", "mixed/trip/b.png"}


def test_patterns_and_what_was_passed_over_for_programs(cards, mixed, capsys):
    assert (
        main(["reconstruct", "mixed/**/*.[pt][nx][gt]", "gone.png", "--models", VQ, "--max-side", "32", "--json"]) == 1
    )
    told = json.loads(capsys.readouterr().out)
    assert [row["image"] for row in told["results"]] == ["mixed/b.png", "mixed/trip/b.png"]
    assert {each["name"] for each in told["passed_over"]} == {
        "gone.png", "mixed/narrow.png", "mixed/notes.txt", "mixed/pipe.png",
    }  # fmt: skip


def test_two_suffixes_of_one_name_stay_apart(cards, photo, succeeds):
    Image.open(photo).save("photo.bmp")
    succeeds("reconstruct", photo, "photo.bmp", "--models", VQ)
    files = [row["file"] for row in results(Path("reconstructions"))]
    assert files == [f"photo.png.{VQ}.png", f"photo.bmp.{VQ}.png"]


def test_a_model_that_cannot_take_a_picture_does_not_stop_the_others(cards, photo, monkeypatch, capsys):
    import vqzoo.cli.reconstruct as command

    def picky(tokenizer, pixels, *rest):
        if pixels.shape[0] == 24:
            raise ValueError("24 rows are one too many")
        return reconstruct(tokenizer, pixels, *rest)

    monkeypatch.setattr(command, "reconstruct", picky)
    Image.new("RGB", (40, 32)).save("other.png")
    assert main(["reconstruct", str(photo), "other.png", "--models", f"{VQ},{FSQ}"]) == 1
    assert [row["image"] for row in results(Path("reconstructions"))] == ["other.png"] * 2
    err = capsys.readouterr().err
    assert err.count("24 rows are one too many") == 2 and f"{photo}, {FSQ}: " in err


# --- evaluate and app ------------------------------------------------------------------------------------------------


def test_evaluate_measures_again(cards, monkeypatch, capsys):
    import trainers.evaluate as evaluation

    images = torch.randint(0, 256, (10, 3, 32, 32), dtype=torch.uint8)
    monkeypatch.setattr(evaluation, "load_images", lambda *_, **__: images)
    monkeypatch.setattr(evaluation, "perceptual", lambda net: None)
    monkeypatch.setattr(evaluation, "extractors", lambda: ())
    metrics = evaluation.evaluate(vqzoo.load(VQ), images).metrics
    facts = record(VQ, "toys", 256.0)
    write_json(cards / VQ / "metrics.json", facts | {"metrics": metrics | {"num_images": 10}})
    assert main(["evaluate", VQ]) == 0
    assert "DIFFERS" not in capsys.readouterr().out
    write_json(cards / VQ / "metrics.json", facts | {"metrics": metrics | {"num_images": 10, "psnr": 30.0}})
    assert main(["evaluate", str(cards / VQ)]) == 1
    out, err = capsys.readouterr()
    assert "DIFFERS" in out and err == f"error: {cards / VQ} does not measure to what its metrics.json says\n"
    write_json(cards / VQ / "metrics.json", {"name": VQ, "metrics": {}})
    assert main(["evaluate", VQ]) == 1
    assert capsys.readouterr().err == f"error: metrics.json of {cards / VQ} has no entry 'training'\n"


def test_evaluate_without_the_trainer(cards, monkeypatch, fails):
    monkeypatch.delitem(sys.modules, "vqzoo.cli.evaluate", raising=False)
    monkeypatch.setitem(sys.modules, "trainers.evaluate", None)
    assert 'pip install -e ".[train]"' in fails("evaluate", VQ)


@pytest.fixture
def launched(monkeypatch):
    """The app's environment when it was launched; gradio itself stays out of it."""
    seen = []
    names = ("GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT", "GRADIO_ANALYTICS_ENABLED")
    for name in names:
        monkeypatch.setenv(name, "unset")
        monkeypatch.delenv(name)
    monkeypatch.setitem(sys.modules, "spaces", SimpleNamespace())
    monkeypatch.delitem(sys.modules, "vqzoo.cli.app", raising=False)

    def launch(splash, desktop):
        import os

        seen.append([os.environ.get(name) for name in names])

    monkeypatch.setitem(sys.modules, "vqzoo.ui.app", SimpleNamespace(launch=launch))
    return seen


def test_the_app_listens_where_it_is_told(launched, succeeds):
    succeeds("app")
    succeeds("app", "--port", "8123", "--host", "0.0.0.0")
    assert launched == [[None, None, "False"], ["0.0.0.0", "8123", "False"]]


def test_the_apps_own_mistakes(launched, monkeypatch, fails):
    def launch(splash, desktop):
        sys.exit("error: there are no models")

    monkeypatch.setitem(sys.modules, "vqzoo.ui.app", SimpleNamespace(launch=launch))
    assert fails("app") == "there are no models"
