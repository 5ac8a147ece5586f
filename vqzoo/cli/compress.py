"""`vqzoo compress` and `vqzoo decompress`: a photograph as a .vqz file, and back."""

from pathlib import Path

from PIL import Image

from vqzoo.cli.arguments import Compress, Decompress
from vqzoo.cli.show import note, print_json
from vqzoo.files.images import load_image
from vqzoo.files.storage import atomic_write
from vqzoo.hub.registry import find, load
from vqzoo.hub.schema import is_name
from vqzoo.ops.check import check_int
from vqzoo.ops.device import best_device
from vqzoo.tokens.header import SIDE, SUFFIX, Header, facts, read_file, unseal
from vqzoo.views.vqz import read_photograph, shipped, write_photograph


def run(settings: Compress | Decompress) -> int:
    """Run either command and return 0; a ValueError or OSError says what is wrong with the files."""
    return _compress(settings) if isinstance(settings, Compress) else _decompress(settings)


def _compress(settings: Compress) -> int:
    check_int("max-side", settings.max_side, 8, SIDE)
    if settings.levels is not None:
        check_int("levels", settings.levels, 1, 255)
    target = _target(settings.photo, settings.out, SUFFIX, settings.overwrite)
    loaded = load_image(settings.photo, longest=settings.max_side)
    for text in loaded.notes:
        note(f"{settings.photo}: {text}")
    tokenizer, of = load(settings.model, device=best_device()), shipped(settings.model)
    file = write_photograph(tokenizer, of, loaded.pixels, settings.levels or 0)
    with atomic_write(target) as partial:
        partial.write_bytes(file.data)
    told = {"file": str(target), **facts(file.data)}
    if settings.json:
        print_json(told)
    else:
        print(
            f"{target}: {told['bytes']:,} bytes, {told['header_bytes']} of them the header; "
            f"{told['bits_per_pixel']:.4f} bits a pixel of {told['width']} x {told['height']}"
        )
    return 0


def _decompress(settings: Decompress) -> int:
    target = _target(settings.file, settings.out, ".png", settings.overwrite)
    data = read_file(settings.file)
    try:
        source = settings.model or _maker(unseal(data)[0])
        pixels = read_photograph(load(source, device=best_device()), shipped(source), data)
    except ValueError as error:
        raise ValueError(f"{settings.file}: {error}") from None
    with atomic_write(target) as partial:
        Image.fromarray(pixels).save(partial, "PNG")
    print(f"{target}: {pixels.shape[1]} x {pixels.shape[0]} pixels, by {source}")
    return 0


def _maker(header: Header) -> str:
    """Return the name of the model that made a file; nothing that only a file names is downloaded."""
    if is_name(header.name):
        try:
            find(header.name)
            return header.name
        except ValueError:
            pass
    raise ValueError(f"it was made with {header.name!r}, which is not here; --model names its folder or 'owner/name'")


def _target(source: Path, out: Path | None, suffix: str, overwrite: bool) -> Path:
    target = out or source.with_suffix(suffix)
    if target.exists() and not overwrite:
        raise ValueError(f"{target} exists: choose another --out, or --overwrite")
    return target
