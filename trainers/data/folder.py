"""Find the image files of a folder, and the splits that its subfolders name."""

import os
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = frozenset(
    ".png .jpg .jpeg .jpe .jfif .webp .avif .gif .bmp .tif .tiff .heic .heif .hif .ppm .pgm .pbm .jp2 .j2k".split()
)
"""Suffixes of image files, in lower case."""
ARCHIVES = frozenset((".parquet", ".tar"))
_TABLES = frozenset((".arrow", ".csv", ".json", ".jsonl", ".zip"))
"""Other files in which `datasets` may find images."""
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
    """Return the files with these suffixes in a folder and its subfolders, sorted by name, without hidden ones."""
    return list(_walk(folder, suffixes))


def _walk(folder: Path, suffixes: frozenset[str]) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name[0] != ".")
        yield from (
            Path(parent, name) for name in sorted(names) if name[0] != "." and Path(name).suffix.lower() in suffixes
        )


def check_images(folder: Path) -> None:
    """Raise ValueError for a folder without any file whose suffix is one of images or of archives."""
    if not any(True for _ in _walk(folder, SUFFIXES | ARCHIVES | _TABLES)):
        raise ValueError(
            f"{folder}: no pictures in this folder; expected files such as .jpg, .png or .webp, in it or in its "
            "subfolders, or .parquet or .tar files"
        )


def split_files(folder: Path, files: list[Path]) -> dict[str, list[Path]]:
    """Return the image files by split, as the folders train, test and validation name them; else all as "train".

    Only the outermost folders are compared with these names; a folder that holds a single folder and nothing else is
    skipped. Raises ValueError where there is a folder train and images that are in none of the splits.
    """
    relative_parts = [path.relative_to(folder).parts for path in files]
    depth = 0
    while (
        all(len(parts) > depth + 1 for parts in relative_parts) and len({parts[depth] for parts in relative_parts}) == 1
    ):
        if _SPLITS.get(relative_parts[0][depth].lower()) is not None:
            break
        depth += 1
    splits: dict[str, list[Path]] = {}
    unassigned = []
    for path, parts in zip(files, relative_parts, strict=True):
        split = _SPLITS.get(parts[depth].lower()) if len(parts) > depth + 1 else None
        if split is None:
            unassigned.append(path.relative_to(folder))
        else:
            splits.setdefault(split, []).append(path)
    if "train" not in splits:
        return {"train": files}
    if unassigned:
        raise ValueError(
            f"{folder}: there is a folder train, and {len(unassigned)} images are in none of train, test and "
            f"validation (the first is {unassigned[0]}); move them into one of these, or pass the folder train itself"
        )
    return splits
