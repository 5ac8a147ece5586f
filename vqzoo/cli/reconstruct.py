"""`vqzoo reconstruct`: reconstruct photographs with models, as the app does, into a folder."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from vqzoo.analysis.formats import available, label, rate_groups
from vqzoo.analysis.photograph import Result, code, reconstruct
from vqzoo.analysis.result import COSTS
from vqzoo.cli.arguments import Reconstruct, UsageError
from vqzoo.cli.pictures import Picture, find_pictures
from vqzoo.cli.show import bar, note, print_json, print_table
from vqzoo.files.images import OWN_MACHINE, SPACE, ImageError, load_image
from vqzoo.hub.registry import load
from vqzoo.metrics.perceptual import Perceptual, perceptual
from vqzoo.metrics.table import METRICS, names, show
from vqzoo.ops.check import check_int
from vqzoo.ops.device import best_device
from vqzoo.tokenizer import Tokenizer
from vqzoo.views.vqz import shipped, write_photograph

RESULTS = "results.csv"
MIN_SIDE, MAX_SIDE = OWN_MACHINE.min_side, SPACE.side
COLUMNS = (
    "image",
    "model",
    "width",
    "height",
    *names("image", "rate", "usage"),
    *COSTS,
    "parameters",
    "file_bytes",
    "quality",
    "met",
    "file",
)
"""Of results.csv, metrics by the names that `analysis.photograph` gives them; quality and met are those of codecs, and
file_bytes, with --codecs, those of the .vqz or image file. What is not available is empty."""
_SHOWN = (*names("image", table="photographs"), *names("rate"))


def run(settings: Reconstruct) -> int:
    """Reconstruct photographs and return the exit code.

    Nothing is computed before all models are loaded, all images are read and no file is in the way. An image that
    cannot be used is reported and skipped, and the exit code is then 1. Each row is written to results.csv at once.
    Raises ValueError, also if no image can be used, or OSError.
    """
    check_int("max-side", settings.max_side, MIN_SIDE, MAX_SIDE)
    names = list(dict.fromkeys(name.strip() for name in settings.models.split(",") if name.strip()))
    if not settings.images or not names:
        raise UsageError("reconstruct needs at least one IMAGE and, after --models, at least one NAME")
    pictures, wrong = find_pictures(settings.images, settings.output)
    problems = _Problems({str(path): reason for path, reason in wrong.items()})
    _check_targets(settings, pictures, names)
    pictures = [picture for picture in pictures if _usable(picture.path, settings.max_side, problems)]
    problems.raise_if_none(pictures)
    device = best_device()
    tokenizers = {name: load(name).to(device) for name in names}
    network = perceptual("squeeze")
    if network is not None:
        network.to(device)
    problems.show()

    settings.output.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    steps = len(pictures) * (len(names) + settings.codecs)
    with (
        (settings.output / RESULTS).open(_mode(settings), newline="", encoding="utf-8") as file,
        bar(steps, enabled=not settings.json) as step,
    ):
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for picture in pictures:
            pixels, _ = _photo(picture.path, settings.max_side)
            for name, result in _results(settings, picture.path, pixels, tokenizers, network, step, problems):
                target = _target(picture, name)
                (settings.output / target).parent.mkdir(parents=True, exist_ok=True)
                with (settings.output / target).open(_mode(settings) + "b") as png:
                    Image.fromarray(result.pixels).save(png, "PNG")
                rows.append(_row(picture.path, name, result, target))
                writer.writerow(rows[-1])
                file.flush()
    problems.raise_if_none(rows)
    problems.show()
    _print(settings, rows, problems)
    return 1 if problems.reasons else 0


class _Problems:
    """Files that cannot be used and the reasons; each is reported once."""

    def __init__(self, reasons: dict[str, str]):
        self.reasons = reasons
        self._reported = 0

    def show(self) -> None:
        """Print the new ones on standard error."""
        for name, reason in list(self.reasons.items())[self._reported :]:
            note(f"passed over: {name}: {reason}")
        self._reported = len(self.reasons)

    def raise_if_none(self, usable: Sequence[Any]) -> None:
        """Raise ValueError if `usable` is empty: with the reason of a single problem, else after printing all."""
        if usable:
            return
        if len(self.reasons) == 1 and not self._reported:
            raise ValueError("".join(f"{name}: {reason}" for name, reason in self.reasons.items()))
        self.show()
        raise ValueError("there is nothing to do" if not self.reasons else "nothing could be used; see above")


def _results(
    settings: Reconstruct,
    path: Path,
    pixels: np.ndarray,
    tokenizers: dict[str, Tokenizer],
    network: Perceptual | None,
    step: Callable[[str], None],
    problems: _Problems,
) -> Iterator[tuple[str, Result]]:
    """Yield the name and the result of every model, then of every codec at the rates of the models' files below raw.

    A model that cannot take the picture is added to the problems.
    """
    bits = []
    for name, tokenizer in tokenizers.items():
        step(f"{path.name}: {name}")
        try:
            result = reconstruct(tokenizer, pixels, network, settings.position)
        except torch.OutOfMemoryError:
            problems.reasons[f"{path}, {name}"] = "more memory is needed than there is; choose a smaller --max-side."
            continue
        except ValueError as error:
            problems.reasons[f"{path}, {name}"] = f"{error}."
            continue
        if settings.codecs:
            result.metrics["file_bytes"] = size = _file_bytes(settings, name, tokenizer, pixels)
            bits.append(result.metrics["bits_per_image"] if size is None else 8 * size)
        yield name, result
    if settings.codecs:
        step(f"{path.name}: codecs")
        for rate in rate_groups(bits):
            if rate < 8 * pixels.size:
                for codec in available():
                    result = code(codec, pixels, rate, network)
                    result.metrics["file_bytes"] = result.metrics["bits_per_image"] // 8
                    yield label(codec, rate), result


def _file_bytes(settings: Reconstruct, name: str, tokenizer: Tokenizer, pixels: np.ndarray) -> int | None:
    """Return the size of the photograph's .vqz file; None without positions, with which files are decoded."""
    if not settings.position:
        return None
    try:
        return len(write_photograph(tokenizer, shipped(name), pixels).data)
    except ValueError:  # more indices than a file holds
        return None


def _usable(path: Path, longest: int, problems: _Problems) -> bool:
    """Return whether a picture can be used, and print notes on changes; add it to the problems otherwise."""
    try:
        pixels, notes = _photo(path, longest)
    except ImageError as error:
        problems.reasons[str(path)] = str(error)
        return False
    except OSError as error:
        problems.reasons[str(path)] = f"{error.strerror}."
        return False
    for text in notes:
        note(f"{path}: {text}")
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_SIDE:
        problems.reasons[str(path)] = (
            f"With --max-side {longest} it has {width} x {height} pixels; each side must have at least {MIN_SIDE}."
        )
        return False
    return True


def _photo(path: Path, longest: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the pixels uint8 (h, w, 3), and notes on how they differ from the file."""
    loaded = load_image(path, longest=longest)
    return loaded.pixels, loaded.notes


def _target(picture: Picture, name: str) -> str:
    """Return the file name of a reconstruction; characters unfit for file names are replaced."""
    words = re.sub(r"[^\w.@+-]+", "-", name.replace(",", "")).strip("-.")
    return f"{picture.stem.as_posix()}.{words}.png"


def _check_targets(settings: Reconstruct, pictures: list[Picture], names: list[str]) -> None:
    """Raise ValueError for files that would be replaced, and for two pictures of one name."""
    targets = Counter(_target(picture, name) for picture in pictures for name in names)
    for target, number in targets.items():
        if number > 1:
            raise ValueError(f"{number} pictures would be called {target}: rename an image, or use another --output")
    existing = [target for target in (RESULTS, *targets) if (settings.output / target).exists()]
    if existing and not settings.overwrite:
        raise ValueError(
            f"{settings.output / existing[0]} exists{f', and {len(existing) - 1} more' if existing[1:] else ''}: "
            "choose another --output, or --overwrite"
        )


def _mode(settings: Reconstruct) -> str:
    return "w" if settings.overwrite else "x"


def _row(path: Path, name: str, result: Result, target: str) -> dict[str, Any]:
    height, width = result.pixels.shape[:2]
    facts = {"image": str(path), "model": name, "width": width, "height": height, **result.metrics, "file": target}
    return {column: facts.get(column) for column in COLUMNS}


def _print(settings: Reconstruct, rows: list[dict[str, Any]], problems: _Problems) -> None:
    if settings.json:
        passed_over = [{"name": name, "reason": reason} for name, reason in problems.reasons.items()]
        print_json({"folder": str(settings.output), "results": rows, "passed_over": passed_over})
        return
    files = ["file, bytes"] if settings.codecs else []
    print_table(
        ["image", "model", *(METRICS[metric].head for metric in _SHOWN), *files, "usage here", "ms"],
        [
            [
                Path(row["image"]).name,
                row["model"],
                *(show(metric, row[metric]) for metric in _SHOWN),
                *("–" if row["file_bytes"] is None else f"{row['file_bytes']:,.0f}" for _ in files),
                show("usage", row["usage"]),
                f"{row['encode_ms'] + row['decode_ms']:,.0f}",
            ]
            for row in rows
        ],
        texts=2,
    )
    print(f"\n{len(rows)} pictures and {RESULTS} are in {settings.output}")
    if problems.reasons:
        note(f"{len(problems.reasons)} could not be used; named above")
