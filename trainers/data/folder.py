"""A folder of picture files: which there are, and whether its subfolders name splits."""

import os
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = frozenset(
    ".png .jpg .jpeg .jpe .jfif .webp .avif .gif .bmp .tif .tiff .heic .heif .hif .ppm .pgm .pbm .jp2 .j2k".split()
)
"""Suffixes of picture files, in lower case."""
ARCHIVES = frozenset((".parquet", ".tar"))
_TABLES = frozenset((".arrow", ".csv", ".json", ".jsonl", ".zip"))
"""Other files in which the data library may find images."""
_SPLITS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
}


def files_with(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """Return the files of these suffixes in a folder and its subfolders, hidden ones left out, by name."""
    return list(_walk(folder, suffixes))


def _walk(folder: Path, suffixes: frozenset[str]) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name[0] != ".")
        yield from (Path(place, name) for name in sorted(names) if name[0] != "." and _suffix(name) in suffixes)


def check_images(folder: Path) -> None:
    """Raise ValueError for a folder in which no file can hold images, whatever its content."""
    if not any(True for _ in _walk(folder, SUFFIXES | ARCHIVES | _TABLES)):
        raise ValueError(
            f"{folder}: no pictures in this folder; expected files such as .jpg, .png or .webp, in it or in its "
            "subfolders, or .parquet or .tar files"
        )


def split_files(folder: Path, files: list[Path]) -> dict[str, list[Path]]:
    """Return the picture files by split: those of folders train, test and validation, else all of them as "train".

    Only the outermost folders count, whatever folders and files inside them are called; a folder that holds nothing but
    one other folder is passed through. Raises ValueError where a folder train has pictures beside it that are in no
    split, as nobody can tell what they are for.
    """
    places = [path.relative_to(folder).parts for path in files]
    depth = 0
    while all(len(parts) > depth + 1 for parts in places) and len({parts[depth] for parts in places}) == 1:
        if _SPLITS.get(places[0][depth].lower()) is not None:
            break
        depth += 1
    splits: dict[str, list[Path]] = {}
    apart = []
    for path, parts in zip(files, places, strict=True):
        split = _SPLITS.get(parts[depth].lower()) if len(parts) > depth + 1 else None
        if split is None:
            apart.append(path.relative_to(folder))
        else:
            splits.setdefault(split, []).append(path)
    if "train" not in splits:
        return {"train": files}
    if apart:
        raise ValueError(
            f"{folder}: there is a folder train, and {len(apart)} images are in none of train, test and validation "
            f"(the first is {apart[0]}); move them into one of these, or name the folder train itself"
        )
    return splits


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()
