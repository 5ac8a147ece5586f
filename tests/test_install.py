"""What an installation has: the package from any folder, every file that it reads, and an answer without the zoo."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from vqzoo.files.storage import CARDS_VARIABLE

ROOT = Path(__file__).parents[1]
NAMES = ["LICENSE", "README.md", "pyproject.toml", "trainers", "vqzoo"]
"""Files and folders of a clone that an installation is made from."""


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """A clone as it is checked out, called vqzoo: what git knows, in a folder where a build may write."""
    clone = tmp_path_factory.mktemp("work") / "vqzoo"
    for name in tracked():
        target = clone / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(ROOT / name)
    return clone


def tracked() -> list[str]:
    """The files of the working tree that belong to an installation, by their places."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *NAMES]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in listed if (ROOT / name).is_file()]


def built(clone: Path, how: str) -> Path:
    """The wheel that pip would install: "build_wheel", or "build_editable" for -e."""
    folder = clone.parent / how
    if not folder.is_dir():
        code = f"from setuptools.build_meta import {how}; print({how}({str(folder)!r}))"
        folder.mkdir()
        done = subprocess.run([sys.executable, "-c", code], cwd=clone, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


def installed(wheel: Path) -> Path:
    """The folder of site-packages that holds the wheel and nothing else."""
    site = wheel.with_suffix("")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def python(code: str, site: Path, cwd: Path) -> str:
    """What a fresh Python of no other packages prints; `site` is where its own are."""
    start = f"import site; site.addsitedir({str(site)!r})\n"
    command = [sys.executable, "-S", "-c", start + code]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={"PATH": ""})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_script_beside_the_clone_imports_the_package_and_not_the_folder(clone):
    """Python prefers a package anywhere on its path to a plain folder in front, but asks a finder last."""
    site = installed(built(clone, "build_editable"))
    code = "import vqzoo, trainers; print(vqzoo.__file__, vqzoo.__version__, trainers.__file__)"
    expected = f"{clone / 'vqzoo' / '__init__.py'} 0.1.0 {clone / 'trainers' / '__init__.py'}"
    for cwd in (clone.parent, clone, clone / "vqzoo", Path("/")):
        assert python(code, site, cwd) == expected, cwd
    # Without an installation the folder is what a script beside it gets: the trap is there.
    assert python("import vqzoo; print(vqzoo.__file__)", clone.parent / "nothing", clone.parent) == "None"


def test_a_wheel_has_every_file_that_the_package_reads_and_nothing_else(clone):
    with zipfile.ZipFile(built(clone, "build_wheel")) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = {name for name in tracked() if name.startswith(("vqzoo/", "trainers/"))}
    assert inside == wanted


def test_an_installation_without_the_zoo_says_where_to_get_it(clone):
    """The wheel has no models: they are larger than the rest of it together."""
    site = installed(built(clone, "build_wheel"))
    code = (
        "import vqzoo, vqzoo.cli\n"
        "print(vqzoo.__file__)\n"
        "print(vqzoo.cli.main(['list']), vqzoo.cli.main(['load-check', 'cifar10-looc-256x4']))\n"
        "try: vqzoo.load('cifar10-looc-256x4')\n"
        "except ValueError as error: print(error)\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != CARDS_VARIABLE}
    environment |= {"PYTHONPATH": str(site), "HF_HUB_OFFLINE": "1", "HF_HOME": str(clone.parent / "hub")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=clone.parent, capture_output=True, text=True, env=environment)
    where = (
        f"there is no folder of models at {site / 'model_cards'}: set $VQZOO_CARDS to the model_cards/ of a clone of "
        "vqzoo, or name a folder or a published 'owner/name'"
    )
    missing = f"model='cifar10-looc-256x4': {where}"
    assert done.stderr.splitlines() == [where, f"error: {missing}"]
    assert done.stdout.splitlines() == [str(site / "vqzoo" / "__init__.py"), "0 1", missing]
