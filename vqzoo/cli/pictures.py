"""The picture files that a command line names: files, folders and wildcards."""

import glob
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path


@dataclass(frozen=True)
class Picture:
    """path: the file; stem: what files made from it are called, with the subfolder it was found in."""

    path: Path
    stem: Path


def find_pictures(arguments: Iterable[Path], apart: Path) -> tuple[list[Picture], dict[Path, str]]:
    """Return the files, each once, and for each argument without any what is wrong with it.

    A folder stands for all files in it and its subfolders, but for hidden ones and the folder `apart`. A name with *,
    ? or [ in it that no file has is a pattern, of files alone; ** stands for any subfolders.
    """
    found: dict[Path, Path] = {}
    wrong = {}
    for argument in arguments:
        if argument.is_dir():
            files = _inside(argument, apart)
            problem = "The folder has no files."
        elif not os.path.lexists(argument) and glob.has_magic(str(argument)):
            files = _matching(argument)
            problem = "No file has such a name."
        else:
            files, problem = {argument: Path(argument.name)}, ""
        if not files:
            wrong[argument] = problem
        for path, place in files.items():
            found.setdefault(path, place)
    return _named(found), wrong


def _inside(folder: Path, apart: Path) -> dict[Path, Path]:
    """Return the files in a folder with their places in it, by name."""
    files = {}
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if name[0] != "." and Path(place, name).resolve() != apart.resolve()
        )
        for name in sorted(names):
            if name[0] != ".":
                path = Path(place, name)
                files[path] = path.relative_to(folder)
    return files


def _matching(pattern: Path) -> dict[Path, Path]:
    """Return the files that match, with their places in the folder that the pattern begins with, by name."""
    matches = (Path(match) for match in sorted(glob.glob(str(pattern), recursive=True)))
    fixed = list(takewhile(lambda part: not glob.has_magic(part), pattern.parts))
    return {match: match.relative_to(Path(*fixed)) for match in matches if not match.is_dir()}


def _named(found: dict[Path, Path]) -> list[Picture]:
    """Leave the suffix out of a name where no other file then has the same."""
    stems = Counter(place.with_suffix("") for place in found.values())
    return [
        Picture(path, place if stems[place.with_suffix("")] > 1 else place.with_suffix(""))
        for path, place in found.items()
    ]
