"""Find the image files that a command line names: files, folders and patterns."""

import glob
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path


@dataclass(frozen=True)
class Picture:
    """An image file and the name for files made from it.

    path: the file.
    stem: its name without a suffix where that is unique, with the subfolder it is in.
    """

    path: Path
    stem: Path


def find_pictures(arguments: Iterable[Path], exclude: Path) -> tuple[list[Picture], dict[Path, str]]:
    """Return the files, each once, and for each argument without files the reason.

    A folder stands for all files in it and its subfolders except hidden ones and the folder `exclude`. An argument with
    *, ? or [ that is no existing file is a pattern that matches files only; ** matches any subfolders.
    """
    names: dict[Path, Path] = {}
    wrong = {}
    for argument in arguments:
        if argument.is_dir():
            files = _inside(argument, exclude)
            problem = "The folder has no files."
        elif not os.path.lexists(argument) and glob.has_magic(str(argument)):
            files = _matching(argument)
            problem = "No file has such a name."
        else:
            files, problem = {argument: Path(argument.name)}, ""
        if not files:
            wrong[argument] = problem
        for path, name in files.items():
            names.setdefault(path, name)
    return _with_stems(names), wrong


def _inside(folder: Path, exclude: Path) -> dict[Path, Path]:
    """Return the files in a folder, sorted, with their paths relative to it."""
    files = {}
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if name[0] != "." and Path(root, name).resolve() != exclude.resolve()
        )
        for name in sorted(names):
            if name[0] != ".":
                path = Path(root, name)
                files[path] = path.relative_to(folder)
    return files


def _matching(pattern: Path) -> dict[Path, Path]:
    """Return the files that match, sorted, with their paths relative to the pattern's fixed part."""
    matches = (Path(match) for match in sorted(glob.glob(str(pattern), recursive=True)))
    fixed = list(takewhile(lambda part: not glob.has_magic(part), pattern.parts))
    return {match: match.relative_to(Path(*fixed)) for match in matches if not match.is_dir()}


def _with_stems(names: dict[Path, Path]) -> list[Picture]:
    """Leave the suffix out of a name where no other file then has the same name."""
    stems = Counter(name.with_suffix("") for name in names.values())
    return [
        Picture(path, name if stems[name.with_suffix("")] > 1 else name.with_suffix("")) for path, name in names.items()
    ]
