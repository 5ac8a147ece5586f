"""Which module may import which: a floor imports from the floors below it alone, and some libraries have one home."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FLOORS = [
    {"vqzoo.ops", "vqzoo.metrics"},
    {"vqzoo.quantizers", "vqzoo.autoencoders", "vqzoo.training", "vqzoo.files"},
    {"vqzoo.tokenizer"},
    {"vqzoo.analysis", "vqzoo.hub", "vqzoo.studies", "vqzoo.tokens"},
    {"vqzoo.generation"},
    {"vqzoo", "vqzoo.views"},  # the first is the public face
    {"vqzoo.ui", "trainers"},
    {"app", "docs", "spaces", "vqzoo.cli", "benchmarks"},
]
"""From the ground up. Rooms of one floor do not know each other."""

HOMES = {
    "accelerate": ["trainers"],
    "constriction": ["vqzoo.tokens"],
    "datasets": ["trainers", "vqzoo.tokens"],
    "diffusers": ["vqzoo.generation", "benchmarks"],
    "gradio": ["vqzoo.ui", "app"],
    "huggingface_hub": ["vqzoo.hub", "vqzoo.files", "vqzoo.tokenizer"],
    "matplotlib": ["docs.studies"],
    "pyarrow": ["vqzoo.tokens"],
    "ray": ["vqzoo.tokens"],
    "sklearn": ["trainers"],
    "transformers": ["vqzoo.generation"],
}

FILES = sorted(
    path
    for folder in ("vqzoo", "trainers", "benchmarks", "docs", "spaces", ".")
    for path in (ROOT / folder).glob("*.py" if folder == "." else "**/*.py")
)


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports_of(path: Path) -> set[str]:
    """Everything imported anywhere in a file, in functions as well, as full names."""
    package = module_of(path) if path.name == "__init__.py" else module_of(path).rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def inside(name: str, room: str) -> bool:
    return name == room or name.startswith(room + ".")


def room_of(name: str) -> tuple[int, str] | None:
    """(floor, room) of a module, or of something imported from it; None for what is not ours."""
    found = [(floor, room) for floor, rooms in enumerate(FLOORS) for room in rooms if inside(name, room)]
    return max(found, key=lambda place: len(place[1]), default=None)


def test_every_module_has_a_floor():
    rooms = {module_of(path): room_of(module_of(path)) for path in FILES}
    homeless = [name for name, room in rooms.items() if room is None or (room[1] == "vqzoo" and name != "vqzoo")]
    assert not homeless, f"no floor in FLOORS for {homeless}"


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_only_point_down(path):
    here = room_of(module_of(path))
    for name in imports_of(path):
        there = room_of(name)
        if there is not None and there != here and there[1] != "spaces":  # imported, that is the library of the name
            assert there[0] < here[0], f"{module_of(path)} (floor {here[0]}) imports {name} (floor {there[0]})"


@pytest.mark.parametrize("library", HOMES)
def test_a_library_is_imported_in_its_home_alone(library):
    users = [module_of(path) for path in FILES if any(inside(name, library) for name in imports_of(path))]
    strangers = [user for user in users if not any(inside(user, home) for home in HOMES[library])]
    assert not strangers, f"{library} is imported by {strangers}; its home is {HOMES[library]}"


def test_imports_are_read_as_python_reads_them(tmp_path, monkeypatch):
    """The walls stand on `imports_of`: relative ones, those in functions and `import a as b` included."""
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / "vqzoo" / "hub" / "x.py"
    path.parent.mkdir(parents=True)
    path.write_text("import a.b as c, d\nfrom . import e\nfrom ..ui import f\n\n\ndef g():\n    from h import i\n")
    assert imports_of(path) == {"a.b", "d", "vqzoo.hub.e", "vqzoo.ui.f", "h.i"}


def test_the_folder_spaces_is_no_package():
    """The PyPI package of that name has to win the import."""
    assert not (ROOT / "spaces" / "__init__.py").exists()


def test_there_is_no_lock_file():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    names = {Path(line).name for line in listed.splitlines()} | {path.name for path in ROOT.iterdir()}
    assert not names & {"uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock", "pixi.lock", "package-lock.json"}


def test_importing_vqzoo_brings_neither_the_app_nor_the_trainer():
    """Nor the network behind LPIPS and torch's compiler, which take seconds to import."""
    unwanted = ["gradio", "accelerate", "datasets", "trackio", "lpips", "torch._dynamo"]
    code = f"import sys, vqzoo; vqzoo.load; print([name for name in {unwanted} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "code",
    ["import vqzoo; vqzoo.list_models()", "import vqzoo.views.comparison", "from vqzoo.ui.app import build_app"],
)
def test_what_lists_or_serves_does_not_wait_for_torch(code):
    """It takes seconds: what computes imports it when there is something to compute."""
    slow = ("torch", "lpips", "torchvision", "transformers")
    code = f"import sys\n{code}\nprint([name for name in {slow} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"
