"""What a Space holds and is told, and how it gets there."""

import ast
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tomlkit
import yaml
from packaging.requirements import Requirement

from vqzoo.ui.limits import SPACE

ROOT = Path(__file__).parents[2]
PROVIDED = {"gradio", "spaces"}
OPTIONAL = {
    *("matplotlib", "pywebview", "torch-fidelity", "triton", "webview", "pillow-heif"),
    *("datasets", "fsspec", "mosaicml-streaming", "pyarrow", "ray", "streaming", "tqdm", "webdataset"),
}
"""Imported by what nobody asks for on a Space: matplotlib by what draws docs/studies, triton with the torch of a GPU,
the second line by token sets."""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "spaces/deploy.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def core() -> dict[str, str]:
    """Requirements of the app, its page of priors included."""
    project = tomlkit.parse((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["generation"]]
    return {Requirement(line).name: line for line in lines if Requirement(line).name != "vqzoo"}


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def header(folder: Path) -> dict:
    return yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])


def test_it_holds_the_app_and_its_models_and_nothing_else(staged):
    assert {path.name for path in staged.iterdir()} == {
        "LICENSE",
        "README.md",
        "app.py",
        "model_cards",
        "requirements.txt",
        "vqzoo",
    }
    files = {path.relative_to(staged) for path in staged.rglob("*") if path.is_file()}
    for name in ("vqzoo", "model_cards"):
        there = {path.relative_to(ROOT) for path in (ROOT / name).rglob("*") if path.is_file()}
        wanted = {path for path in there if not {"__pycache__", "cli"} & set(path.parts)}
        assert {path for path in files if path.parts[0] == name} == wanted


def test_the_header_is_that_of_a_gradio_space(staged):
    said = header(staged)
    assert said["sdk"] == "gradio" and (staged / said["app_file"]).is_file()
    assert str(said["sdk_version"]) == pinned()["gradio"]
    assert said["python_version"] == "3.12", "in quotes: a number would be 3.1 one day"
    assert said["license"] == "apache-2.0"
    assert len(said["short_description"]) <= 60, "the Hub takes no more"
    assert f"{SPACE.models} models" in (staged / "README.md").read_text(encoding="utf-8")
    assert f"{SPACE.side} pixels" in (staged / "README.md").read_text(encoding="utf-8")


def test_the_requirements_are_those_of_the_package_with_the_torch_of_zerogpu(staged):
    lines = (staged / "requirements.txt").read_text(encoding="utf-8").split()
    wanted = {Requirement(line).name: line for line in lines}
    assert len(lines) == len(wanted)
    assert wanted["torch"] in {f"torch=={version}" for version in ("2.8.0", "2.9.1", "2.10.0", "2.11.0")}
    minor = int(wanted["torch"].split(".")[1])
    assert re.fullmatch(rf"torchvision==0\.{minor + 15}\.\d", wanted["torchvision"]), "0.26 was built for 2.11"
    rest = {name: line for name, line in core().items() if name not in PROVIDED}
    assert wanted == rest | {name: wanted[name] for name in ("torch", "torchvision")}
    for name in ("torch", "torchvision"):
        assert Requirement(rest[name]).specifier.contains(wanted[name].split("==")[1]), "a version that we support"


def test_everything_imported_is_required_or_provided(staged):
    required = {Requirement(line).name for line in (staged / "requirements.txt").read_text(encoding="utf-8").split()}
    distributions = importlib.metadata.packages_distributions()
    homeless = {}
    for path in staged.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            for name in {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"vqzoo"}:
                provided = {each.lower().replace("_", "-") for each in distributions.get(name, [name])}
                if not provided & (required | PROVIDED | OPTIONAL):
                    homeless[path.relative_to(staged).as_posix()] = name
    assert not homeless


def test_without_yes_nothing_is_sent():
    done = run("--to", "owner/name")
    assert done.returncode == 0, done.stderr
    assert "nothing was sent" in done.stdout
    assert re.search(r"^ +[\d,]+  app\.py$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(("arguments", "says"), [(["--yes"], "--to owner/name"), (["--output", "docs"], "not empty")])
def test_mistakes_are_told(arguments, says):
    done = run(*arguments)
    assert done.returncode != 0 and says in done.stderr and "Traceback" not in done.stderr
