"""`vqzoo reconstruct`: photographs through models, as the app compares them, into a folder."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from vqzoo.analysis.formats import available, label, rate_groups
from vqzoo.analysis.images import MAX_SIDE, MIN_SIDE, ImageError, fit, load_image
from vqzoo.analysis.photograph import Result, code, reconstruct
from vqzoo.analysis.result import COSTS
from vqzoo.cli.arguments import Reconstruct, Usage
from vqzoo.cli.show import bar, note, print_json, print_table
from vqzoo.hub.card import show, show_usage
from vqzoo.hub.registry import load
from vqzoo.metrics import Perceptual, perceptual
from vqzoo.ops.check import check_int
from vqzoo.tokenizer import Tokenizer

RESULTS = "results.csv"
_METRICS = ("psnr", "ssim", "l1", "lpips", "bits_per_image", "bits_per_pixel", "share_of_raw", "usage")
COLUMNS = ("image", "model", "width", "height", *_METRICS, *COSTS, "parameters", "quality", "met", "file")
"""Of results.csv, metrics by the names that `analysis.photograph` gives them; quality and met are those of codecs. What
is not available is empty."""
_SHOWN = {
    "psnr": "PSNR",
    "ssim": "SSIM",
    "lpips": "LPIPS",
    "bits_per_image": "true bits",
    "bits_per_pixel": "bits/pixel",
    "share_of_raw": "of raw",
}


def run(settings: Reconstruct) -> int:
    """Nothing is computed before all models are loaded, all images can be read and no file is in the way.

    A row is in results.csv as soon as it is known. Raises ValueError or OSError.
    """
    check_int("max-side", settings.max_side, MIN_SIDE, MAX_SIDE)
    paths = list(dict.fromkeys(settings.images))
    names = list(dict.fromkeys(name.strip() for name in settings.models.split(",") if name.strip()))
    if not paths or not names:
        raise Usage("reconstruct needs at least one IMAGE and, after --models, at least one NAME")
    _check_targets(settings, paths, names)
    for path in paths:
        for said in _photo(path, settings.max_side)[1]:
            note(f"{path}: {said}")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    tokenizers = {name: load(name).to(device) for name in names}
    network = perceptual("squeeze")
    if network is not None:
        network.to(device)

    settings.output.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    steps = len(paths) * (len(names) + settings.codecs)
    with (
        (settings.output / RESULTS).open(_mode(settings), newline="", encoding="utf-8") as file,
        bar(steps, enabled=not settings.json) as step,
    ):
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for path in paths:
            pixels, _ = _photo(path, settings.max_side)
            for name, result in _results(settings, path, pixels, tokenizers, network, step):
                target = _target(path, name)
                with (settings.output / target).open(_mode(settings) + "b") as picture:
                    Image.fromarray(result.pixels).save(picture, "PNG")
                rows.append(_row(path, name, result, target))
                writer.writerow(rows[-1])
                file.flush()
    _print(settings, rows)
    return 0


def _results(
    settings: Reconstruct,
    path: Path,
    pixels: np.ndarray,
    tokenizers: dict[str, Tokenizer],
    network: Perceptual | None,
    step: Callable[[str], None],
) -> Iterator[tuple[str, Result]]:
    """(name, what it makes of the pixels) of every model and then of every codec at the models' rates below raw."""
    bits = []
    for name, tokenizer in tokenizers.items():
        step(f"{path.name}: {name}")
        try:
            result = reconstruct(tokenizer, pixels, network, settings.position)
        except torch.OutOfMemoryError:
            raise ValueError(f"{name}: {path} needs more memory than there is; choose a smaller --max-side") from None
        bits.append(result.metrics["bits_per_image"])
        yield name, result
    if settings.codecs:
        step(f"{path.name}: codecs")
        for rate in rate_groups(bits):
            if rate < 8 * pixels.size:
                for codec in available():
                    yield label(codec, rate), code(codec, pixels, rate, network)


def _photo(path: Path, longest: int) -> tuple[np.ndarray, list[str]]:
    """Pixels uint8 (h, w, 3), and what was done to the file's picture."""
    try:
        loaded = load_image(path)
    except ImageError as error:
        raise ValueError(f"{path}: {error}") from None
    pixels, shrunk = fit(loaded.pixels, longest)
    return pixels, [*loaded.notes, *([shrunk] if shrunk else [])]


def _target(path: Path, name: str) -> str:
    """The file of a model's picture: a name of the Hub or of a codec has letters that files should not have."""
    words = re.sub(r"[^\w.@+-]+", "-", name.replace(",", "")).strip("-.")
    return f"{path.stem}.{words}.png"


def _check_targets(settings: Reconstruct, paths: list[Path], names: list[str]) -> None:
    """ValueError for files that exist and would be replaced, and for two pictures of one name."""
    targets = Counter(_target(path, name) for path in paths for name in names)
    for target, number in targets.items():
        if number > 1:
            raise ValueError(f"{number} pictures would be called {target}: rename an image, or use another --output")
    there = [target for target in (RESULTS, *targets) if (settings.output / target).exists()]
    if there and not settings.overwrite:
        raise ValueError(
            f"{settings.output / there[0]} exists{f', and {len(there) - 1} more' if there[1:] else ''}: "
            "choose another --output, or --overwrite"
        )


def _mode(settings: Reconstruct) -> str:
    return "w" if settings.overwrite else "x"


def _row(path: Path, name: str, result: Result, target: str) -> dict[str, Any]:
    height, width = result.pixels.shape[:2]
    facts = {"image": str(path), "model": name, "width": width, "height": height, **result.metrics, "file": target}
    return {column: facts.get(column) for column in COLUMNS}


def _print(settings: Reconstruct, rows: list[dict[str, Any]]) -> None:
    if settings.json:
        print_json({"folder": str(settings.output), "results": rows})
        return
    print_table(
        ["image", "model", *_SHOWN.values(), "usage here", "ms"],
        [
            [
                Path(row["image"]).name,
                row["model"],
                *(show(metric, row[metric]) for metric in _SHOWN),
                show_usage(row["usage"]),
                f"{row['encode_ms'] + row['decode_ms']:,.0f}",
            ]
            for row in rows
        ],
        texts=2,
    )
    print(f"\n{len(rows)} pictures and {RESULTS} are in {settings.output}")
