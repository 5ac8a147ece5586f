"""What is answered at once: lists, help and mistakes import nothing that takes seconds."""

import json
import subprocess
import sys
import typing
from pathlib import Path

ROOT = Path(__file__).parents[1]
SLOW = ("torch", "torchvision", "gradio", "pandas", "datasets", "scipy", "lpips", "torchmetrics")
MODEL = "cifar10-vq-1024x128"
LINES: list[tuple[int, list[str]]] = [
    (0, ["--help"]),
    (0, ["list"]),
    (0, ["list", "--json"]),
    (0, ["info", MODEL]),
    (0, ["reconstruct", "--help"]),
    (1, ["list", "--quantizer", "vqq"]),
    (1, ["load-check", "cifar10-vq-1024"]),
    (1, ["load-check", "docs"]),
    (1, ["evaluate", "cifar10-vq-1024"]),
    (1, ["publish", "cifar10-vq-1024"]),
    (1, ["train", "./none/x"]),
    (0, ["train", "--help"]),
    (1, ["convert", "absent.ckpt", "absent"]),
    (1, ["reconstruct", "absent.png", "--models", MODEL]),
    (1, ["reconstruct", "README.md", "--models", f"{MODEL}, cifar10-vq-1024"]),
    (2, ["reconstruct", "README.md", "--model", MODEL]),
]
"""Exit code and command line of what computes nothing."""
STATE = f"print('\\0', json.dumps([code, [name for name in {SLOW} if name in sys.modules]]))\n"


def told(code: str) -> list:
    """What a fresh process says at each `STATE` of a program: a code, and which slow libraries it has imported."""
    code = "import json, sys\n" + code
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return [json.loads(line[2:]) for line in done.stdout.splitlines() if line.startswith("\0")]


def test_this_would_see_one():
    assert told(f"import pandas; code = 0; {STATE}") == [[0, ["pandas"]]]


def test_commands_that_compute_nothing():
    code = f"from vqzoo.cli import main\nfor line in {[line for _, line in LINES]}:\n    code = main(line)\n    {STATE}"
    for (exit_code, line), state in zip(LINES, told(code), strict=True):
        assert state == [exit_code, []], line


def test_a_tokenizer_that_cannot_be_loaded(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"\0" * 20)
    sources = ["cifar10-vq-1024", "docs", "absent/x/y", str(tmp_path)]
    attempt = "    try: vqzoo.load(source); code = 0\n    except ValueError: code = 1\n"
    code = f"import vqzoo\nfor source in {sources}:\n{attempt}    {STATE}"
    assert told(code) == [[1, []]] * len(sources)


TRAINER_LINES = [
    (0, ["--help"]),
    (0, [MODEL, "--help"]),
    (1, ["cifar10-vq-1024x12"]),
    (2, [MODEL, "--stepps", "3"]),
    (1, [MODEL, "--steps", "0"]),
    (2, [MODEL, "--optimizer", "sgd"]),
    (1, ["./none/x"]),
]


def test_what_the_trainer_answers_before_it_trains():
    attempt = "    try: code = main(line)\n    except SystemExit as end: code = end.code\n"
    code = f"from trainers.train import main\nfor line in {[line for _, line in TRAINER_LINES]}:\n{attempt}    {STATE}"
    for (exit_code, line), state in zip(TRAINER_LINES, told(code), strict=True):
        assert state == [exit_code, []], line


def test_the_perceptual_networks_that_recipes_name_are_those_there_are():
    from trainers.recipes.recipe import Recipe
    from vqzoo.metrics.perceptual import Net

    assert typing.get_type_hints(Recipe)["lpips"] == Net
