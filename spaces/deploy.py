"""Assemble the files of a Hugging Face Space, and deploy them.

python spaces/deploy.py                                     # list the files
python spaces/deploy.py --output /tmp/vqzoo-space           # stage them; then cd there and run python app.py
python spaces/deploy.py --to owner/name --yes               # one commit; needs a token (hf auth login, or HF_TOKEN)
"""

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

from vqzoo.hub.space import deploy

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
BUNDLE = ["LICENSE", "app.py", "model_cards", "vqzoo"]
"""Files and folders of the Space.

The folder spaces/ is left out because on a Space the library of that name has to win the import, and so is vqzoo/cli.
"""

PINS = {"torch": "torch==2.11.0", "torchvision": "torchvision==0.26.0"}
"""ZeroGPU has torch 2.8.0, 2.9.1, 2.10.0 and 2.11.0; torchvision fits one version of torch only."""
PROVIDED = {"gradio", "spaces"}
"""Packages of the Space itself: Gradio in the version of its header, spaces in the one for its GPUs."""


def requirements() -> str:
    """Return the Space's requirements.txt: the app's dependencies in pyproject.toml, with torch as ZeroGPU has it.

    Those of priors are among them, but for the tools that write tokens.
    """
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    priors = [line for line in project["optional-dependencies"]["generation"] if not line.startswith("vqzoo[")]
    needed = [*project["dependencies"], *priors]
    lines = {re.split(r"[^\w.-]", line)[0]: line for line in needed}
    return "".join(f"{PINS.get(name, line)}\n" for name, line in lines.items() if name not in PROVIDED)


def stage(folder: Path) -> None:
    """Write the Space's files into a folder; raise ValueError if it is not empty."""
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty; name another folder, or empty it")
    folder.mkdir(parents=True, exist_ok=True)
    for name in BUNDLE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*", "cli"))
        else:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    shutil.copy(ROOT / "spaces" / "vqzoo" / "README.md", folder / "README.md")
    (folder / "requirements.txt").write_text(requirements(), encoding="utf-8")


def show(folder: Path) -> None:
    """Print every file with its size."""
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    for name in sorted(sizes):
        print(f"{sizes[name]:>12,}  {name}")
    print(f"{sum(sizes.values()):>12,}  bytes in {len(sizes)} files")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0] if __doc__ else None, epilog="Without --yes nothing leaves this machine."
    )
    parser.add_argument("--to", metavar="OWNER/NAME", help="the Space; it is created where there is none")
    parser.add_argument("--output", metavar="FOLDER", type=Path, help="stage the files here, an empty or new folder")
    parser.add_argument("--yes", action="store_true", help="deploy")
    options = parser.parse_args()
    if options.yes and not options.to:
        parser.error("--yes deploys: say where with --to owner/name")
    try:
        with tempfile.TemporaryDirectory() as scratch:
            folder = options.output or Path(scratch)
            stage(folder)
            show(folder)
            if options.yes:
                print(deploy(folder, options.to))
            elif options.to:
                print(f"nothing was sent; to deploy to {options.to}, add --yes")
    except ValueError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
