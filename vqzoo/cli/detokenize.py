"""`vqzoo detokenize`: decode a token set back to pictures."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from vqzoo.cli.arguments import Detokenize
from vqzoo.cli.show import bar
from vqzoo.hub.registry import find, load
from vqzoo.ops.check import check_int
from vqzoo.ops.device import best_device, check_device
from vqzoo.ops.pixels import to_bytes
from vqzoo.tokenizer import Tokenizer

try:
    from vqzoo.tokens.manifest import Source
    from vqzoo.tokens.shard import KEY
    from vqzoo.tokens.tables import Rows, batches, check_splits, finished_manifest, runs_of_one_size, tokens_of
except ModuleNotFoundError as error:
    raise ValueError(f'detokenize needs {error.name}: in the checkout, pip install -e ".[tokens]"') from None


def run(settings: Detokenize) -> int:
    """Write a PNG for each row; raise ValueError unless the tokenizer has the weights that made the tokens."""
    check_int("batch-size", settings.batch_size, 1, 2**16)
    first, end = _range(settings.rows)
    manifest = finished_manifest(settings.tokens)
    made_by = manifest["tokenizer"]
    name = settings.model or made_by["name"]
    location, revision = find(name)
    sha256 = Source.of(name, location, revision or made_by["revision"]).sha256
    if sha256 != made_by["sha256"]:
        raise ValueError(
            f"{name} has other weights than made these tokens: SHA-256 {sha256[:12]}..., not "
            f"{made_by['sha256'][:12]}...; name the right tokenizer with --model"
        )
    tokenizer = load(name).to(check_device(settings.device or best_device()))
    written = 0
    with bar(None, enabled=True) as step:
        for split in check_splits(manifest, settings.splits):
            (settings.out / split).mkdir(parents=True, exist_ok=True)
            for rows in batches(settings.tokens, split, settings.batch_size, first, end):
                for number, key, picture in _decoded(tokenizer, rows):
                    step(f"{split} {number}")
                    picture.save(settings.out / split / f"{number:08}-{_file_name(key)}.png")
                    written += 1
    print(f"{written:,} pictures are in {settings.out}")
    return 0


def _decoded(tokenizer: Tokenizer, rows: Rows) -> Iterator[tuple[int, str, Image.Image]]:
    """Yield the row, the key and the picture of each row."""
    for numbers, part in runs_of_one_size(rows):
        pixels = to_bytes(tokenizer.decode(tokens_of(tokenizer, part))).cpu().numpy()
        yield from zip(numbers, part[KEY].to_pylist(), map(_picture, pixels), strict=True)


def _range(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{0,12}):(\d{0,12})", text)
    if not match:
        raise ValueError(f"rows={text!r}: expected FIRST:END, such as 0:100")
    return int(match[1] or 0), int(match[2] or 10**12)


def _picture(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))


def _file_name(key: str) -> str:
    """Return the last part of a key without suffix, of characters that fit into a file's name."""
    return re.sub(r"[^\w.@+-]+", "-", Path(key).stem)[:80] or "image"
