"""Every command and every flag that a page, a card or a message of ours names is one that works."""

import ast
import io
import re
import shlex
from contextlib import redirect_stderr, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import pytest
import tyro

from trainers.own.options import TrainOptions
from trainers.prior import Run as PriorRun
from trainers.priors.options import PriorOptions
from trainers.priors.recipe import prior_recipe
from trainers.recipes import RECIPES, get_recipe
from trainers.recipes.overrides import with_settings
from trainers.train import Run
from vqzoo.cli.arguments import Command

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/RESULTS.md")),
    ROOT / "spaces" / "vqzoo" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "model_cards").glob("*/README.md")),
]
SOURCES = [path for folder in ("vqzoo", "trainers", "spaces") for path in sorted((ROOT / folder).rglob("*.py"))]
_START = r"(?:[A-Z_]+=\S+ )?(?:vqzoo [a-z]|accelerate launch |python (?:-m )?[a-z]|pytest |mkdocs build )"
_PLACEHOLDERS = {"NAME": "cifar10-vq-1024x128", "RECIPE": "cifar10-vq-1024x128"}


def of_page(path: Path) -> list[str]:
    """Commands in code blocks and between backticks; a line that ends with a backslash goes on."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = "\n".join(re.findall(r"```(?:bash|sh)?\n(.*?)```", text, re.DOTALL)).splitlines()
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [line for line in (*map(str.strip, blocks), *inline) if re.match(_START, line)]


def of_source(path: Path) -> list[str]:
    """Commands between backticks, or behind "try", in the texts of a module; what is filled in stands as NAME."""
    actual = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            actual += re.findall(rf"`({_START}[^`\n]*)`", node.value)
    return actual


COMMANDS = sorted(
    {(path.name if path.name != "README.md" else path.parent.name, line) for path in PAGES for line in of_page(path)}
    | {(path.name, line) for path in SOURCES for line in of_source(path)}
)


def test_there_are_some():
    assert len(COMMANDS) > 60


@pytest.mark.parametrize(("where", "line"), COMMANDS)
def test_a_command_can_be_read_by_its_program(where, line):
    text = line.split(" # ")[0].split(" && ")[0].rstrip(".")
    words = shlex.split(text.rstrip('"') if text.count('"') % 2 else text)  # the end of a longer command's quotation
    words = [_PLACEHOLDERS.get(word, word) for word in words if not re.fullmatch(r"[A-Z_]+=\S*", word)]
    if "..." in words or words[-1] in ("COMMAND",):
        words = words[: words.index("...")] if "..." in words else words[:-1]
    if words[-1] == "--host":  # the flag alone is named
        words.append("0.0.0.0")
    message = io.StringIO()
    try:
        with redirect_stdout(message), redirect_stderr(message):
            read(words)
    except SystemExit as stopped:  # --help ends a program, too
        assert not stopped.code, message.getvalue()


def read(words: list[str]) -> None:
    if words[0] == "vqzoo":
        if words[1:] != ["--version"]:
            of_vqzoo(words[1:])
    elif words[0] == "accelerate" and "vqzoo.cli" in words:
        of_vqzoo(words[words.index("vqzoo.cli") + 1 :])
    elif words[0] == "accelerate":
        scripts = ("trainers/train.py", "trainers.train", "trainers/prior.py")
        script = next(number for number, word in enumerate(words) if word in scripts)
        (of_prior if words[script] == scripts[2] else of_trainer)(words[script + 1 :])
    elif words[0] in ("pytest", "mkdocs"):
        named = [word for word in words if "/" in word]
        assert named and all((ROOT / name).exists() for name in named), named
    elif words[1] == "-m":
        assert find_spec(words[2]), words[2]
        known(words[3:], find_spec(words[2]).origin)
    else:
        assert (ROOT / words[1]).is_file(), words[1]
        if words[1] == "trainers/train.py":
            of_trainer(words[2:])
        else:
            known(words[2:], ROOT / words[1])


def of_vqzoo(words: list[str]) -> None:
    if len(words) == 1:  # only named
        words = [*words, "--help"]
    tyro.cli(Annotated[Command, tyro.conf.arg(name="")], args=words, config=(tyro.conf.FlagCreatePairsOff,))


def of_prior(words: list[str]) -> None:
    tyro.cli(PriorRun, default=PriorRun(PriorOptions(), prior_recipe(words[0])), args=words[1:])


def of_trainer(words: list[str]) -> None:
    if not words:
        return
    if words[0] in RECIPES:
        tyro.cli(Run, default=Run(with_settings(get_recipe(words[0]), words[1:])), args=words[1:])
    else:
        tyro.cli(TrainOptions, args=words)


def known(words: list[str], path: Path | str) -> None:
    """The options of a script are parameters or fields somewhere in it, or in what it shares its options with."""
    module = Path(path)
    if module.name == "__init__.py":
        module = module.with_name("__main__.py")
    shared = [
        ROOT / "trainers" / name
        for name in ("baselines/fitted.py", "loop/options.py", "recipes/pca.py", "recipes/kmeans.py")
    ]
    text = "".join(file.read_text(encoding="utf-8") for file in (module, *shared))
    for word in words[: words.index("--") if "--" in words else None]:
        if word.startswith("--") and word != "--help":
            name = word[2:].split("=")[0]
            assert name.replace("-", "_") in text or word in text, f"{module.name} has no {word}"


FLAGS = sorted(
    {
        flag
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for flag in re.findall(r"(?<![\w-])(?<!var\()--[a-z][a-z_.-]*[a-z]", node.value)
    }
)
FOREIGN = {"--multi_gpu", "--num_processes", "--machine_rank", "--num_machines", "--main_process_ip", "--version"}


@pytest.mark.parametrize("flag", FLAGS)
def test_a_flag_that_a_text_names_exists(flag):
    """In a recipe, in the options of a run or of a command, or as a parameter of a script."""
    name = flag[2:].replace("-", "_").split(".")
    text = "".join(path.read_text(encoding="utf-8") for path in SOURCES)
    parts = [part.removeprefix("no_") for part in name]
    assert flag in FOREIGN or all(re.search(rf"\b{part}\b\s*(:|=)|[\"']{part}[\"']", text) for part in parts), flag
