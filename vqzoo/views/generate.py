"""Images drawn with several priors side by side, shown as they are drawn token by token."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from vqzoo.ops.check import check_int
from vqzoo.views.engine import Engine, Photo
from vqzoo.views.priors import NO_CLASS, Priors, Ready

if TYPE_CHECKING:
    from torch import Tensor

    from vqzoo.files.tokens import Tokens

DRAW_ABOUT = (
    "Every prior draws the same class with the same seed. What is hatched is not drawn yet. The i-th image of a seed "
    "is the same for any number of images."
)
COMPLETE_ABOUT = (
    "A prior keeps the tokens of the upper half of the photograph's middle and draws the others, a few times. An "
    "encoder looks a little across the middle, so the tokens above know a little of what was below."
)
MOST = 16
"""Images at a time."""
_EVERY = 0.2  # seconds between two states that are shown
_SHARE = 0.3  # of the time at most may go into showing them
_GAP = 1  # pixels between the images of a sheet
_GREY = (138, 143, 153)
_HATCHING = (0.35, 0.12)  # how opaque its stripes are


@dataclass(frozen=True)
class Settings:
    """How tokens are drawn: `vqzoo.generation.prior.Sampling`, which imports torch."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    guidance: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class DrawRequest:
    """Images to draw with each of several priors; label: of their class, `NO_CLASS` for none."""

    priors: tuple[str, ...]
    label: str = NO_CLASS
    images: int = 4
    settings: Settings = Settings()

    def __str__(self) -> str:
        """Return the class, the seed and settings other than the first ones."""
        first, how = asdict(Settings()), asdict(self.settings)
        more = [
            f"{name.replace('_', '-')} {how[name]:g}" for name in how if name != "seed" and how[name] != first[name]
        ]
        return ", ".join([self.label, f"seed {how['seed']}", *more])


@dataclass(frozen=True, eq=False)
class Drawn:
    """The images of a prior as far as they are drawn.

    pixels: uint8 (n, h, w, 3), None before the first token. share: (n, rows, columns) in [0, 1], how many of the
    tokens of a cell of the finest grid are drawn. covers: height and width in pixels that the cells cover. seconds: an
    image took so far. given: the photograph as decoded from its tokens, uint8 (h, w, 3), where its upper half is kept.
    problem: why there are no images.
    """

    name: str
    pixels: np.ndarray | None = None
    share: np.ndarray | None = None
    covers: tuple[int, int] = (0, 0)
    seconds: float = 0.0
    done: bool = False
    given: np.ndarray | None = None
    problem: str = ""

    @property
    def progress(self) -> float:
        """Share of the tokens that are drawn."""
        return 0.0 if self.share is None else float(self.share.mean())

    def sheet(self) -> np.ndarray:
        """Return all images in one, uint8 (H, W, 4), as many across as down; what is not drawn is hatched."""
        assert self.pixels is not None and self.share is not None
        number, height, width = self.pixels.shape[:3]
        across = -(-number // max(1, round(number**0.5)))
        down = -(-number // across)
        sheet = np.zeros((down * (height + _GAP) - _GAP, across * (width + _GAP) - _GAP, 4), np.uint8)
        for each, (pixels, share) in enumerate(zip(self.pixels, self.share, strict=True)):
            top, left = each // across * (height + _GAP), each % across * (width + _GAP)
            cells = Image.fromarray(share.astype(np.float32)).resize(self.covers[::-1], Image.Resampling.NEAREST)
            sheet[top : top + height, left : left + width] = _over_hatching(pixels, np.asarray(cells)[:height, :width])
        return sheet


def _over_hatching(pixels: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return uint8 (h, w, 4): pixels (h, w, 3) as opaque as `share` (h, w), over a hatching that is transparent."""
    y, x = np.indices(share.shape)
    hatching = (1 - share) * np.where((x + y) % 4 < 2, *_HATCHING)
    alpha = share + hatching
    colours = (share[..., None] * pixels + hatching[..., None] * _GREY) / alpha[..., None]
    hatched: np.ndarray = np.rint(np.dstack([colours, 255 * alpha])).astype(np.uint8)
    return hatched


def draw(priors: Priors, asked: DrawRequest, photo: str | None = None) -> Iterator[list[Drawn]]:
    """Yield the images of all priors from time to time while they are drawn, and at last when all are.

    Each prior draws a token in turn. With the path of a photograph, the upper half of its `middle` is kept and the rest
    is drawn. A prior that cannot do what is asked has a `problem`. Raises ValueError for an unknown prior and for
    settings out of their ranges.
    """
    check_int("images", asked.images, 1, MOST)
    states = {name: Drawn(name) for name in priors.check(asked.priors)}
    yield list(states.values())
    with priors.engine.alone():  # two threads that import torch at once may see it half initialized
        _check(asked.settings)
    running = {name: _stream(priors, name, asked, photo) for name in states}
    latest: dict[str, Callable[[], Drawn]] = {}
    due = time.perf_counter() + _EVERY
    while running:
        for name in tuple(running):
            try:
                latest[name] = next(running[name])
            except StopIteration:
                del running[name]
            except ValueError as error:
                del running[name]
                latest[name] = partial(Drawn, name, problem=str(error))
        if (start := time.perf_counter()) >= due or not running:
            states |= {name: show() for name, show in latest.items()}
            latest.clear()
            yield list(states.values())
            due = (now := time.perf_counter()) + max(_EVERY, (now - start) / _SHARE)


def _check(settings: Settings) -> None:
    from vqzoo.generation.prior import Sampling

    Sampling(**asdict(settings))


def _stream(priors: Priors, name: str, asked: DrawRequest, path: str | None) -> Iterator[Callable[[], Drawn]]:
    """Yield after each token a function that shows the images so far; the last shows them with the final time."""
    engine, seconds = priors.engine, 0.0
    photo = None if path is None else middle(engine, path, priors.records[name].size)
    with priors.borrow(name) as ready:
        from vqzoo.generation.partial import continued
        from vqzoo.generation.prior import Sampling

        given, sequences, kept = _begin(ready, asked, photo)
    last = sequences
    states = continued(ready.loaded.prior, sequences, kept, Sampling(**asdict(asked.settings)))
    while True:
        with engine.alone():  # waiting for others is not this prior's time
            start = time.perf_counter()
            state = next(states, None)
            last = last if state is None else state.cpu()
            seconds += time.perf_counter() - start
        if state is None:
            break
        so_far = Drawn(name, seconds=seconds / asked.images, given=given)
        yield partial(_shown, engine, ready, last, so_far)
    start = time.perf_counter()
    final = _shown(engine, ready, last, Drawn(name, given=given))
    priors.seconds[name] = (seconds + time.perf_counter() - start) / asked.images
    final = replace(final, seconds=priors.seconds[name], done=True)
    yield partial(replace, final)


def _begin(ready: Ready, asked: DrawRequest, photo: Photo | None) -> tuple[np.ndarray | None, "Tensor", "Tensor"]:
    """Return the photograph as decoded, sequences (b, length) to begin with, and which of their tokens are kept."""
    import torch

    from vqzoo.generation.partial import upper_half

    loaded = ready.loaded
    sequences, device = loaded.prior.sequences, loaded.prior.device
    whole = ready.neutral.repeat(asked.images, 1)
    prompt = sequences.prompt(class_of(ready, asked.label, asked.images))
    given, kept = None, torch.zeros(sequences.length, dtype=torch.bool)
    kept[: prompt.shape[1]] = True
    if photo is not None:
        given, tokens = read(ready, photo)
        kept = upper_half(loaded.tokenizer, sequences)
        labels = torch.tensor([-1]) if sequences.classes else None
        whole = sequences.flatten(tokens.to("cpu"), labels).repeat(asked.images, 1)
    whole[:, : prompt.shape[1]] = prompt
    return given, whole.to(device), kept


def class_of(ready: Ready, label: str, images: int) -> "int | Tensor":
    """Return what `Sequences.prompt` takes; ValueError for a class that the prior does not know."""
    import torch

    classes = ready.loaded.classes
    if label != NO_CLASS and label not in classes:
        known = f"it knows {', '.join(classes[:12])}" if classes else "it knows no classes"
        raise ValueError(f"There is no class {label!r} for this prior: {known}.")
    number = classes.index(label) if label != NO_CLASS else -1
    return torch.full((images,), number) if classes else images


def read(ready: Ready, photo: Photo) -> tuple[np.ndarray, "Tokens"]:
    """Return a photograph of the prior's size as decoded, uint8 (h, w, 3), and its tokens."""
    from vqzoo.analysis.encode import original_of, to_rgb
    from vqzoo.ops.pixels import from_bytes, to_bytes

    tokenizer = ready.loaded.tokenizer
    tokens = tokenizer.encode(from_bytes(original_of(tokenizer, photo.pixels)))
    return to_rgb(to_bytes(tokenizer.decode(tokens))), tokens


def middle(engine: Engine, path: str, size: tuple[int, int]) -> Photo:
    """Return the middle of a photograph, shrunk to a height and width: priors know images of one size."""
    photo = engine.photo(path, _READ)
    pixels = np.array(ImageOps.fit(Image.fromarray(photo.pixels), size[::-1], Image.Resampling.LANCZOS))
    return Photo(pixels, f"its middle, shrunk to {size[1]} × {size[0]} pixels", ("middle", size, photo.key))


_READ = 512  # longest side of a photograph before its middle is shrunk


def _shown(engine: Engine, ready: Ready, state: "Tensor", of: Drawn) -> Drawn:
    """Return `of` with the images of a state (b, n)."""
    import torch

    from vqzoo.generation.partial import allowed, filled, over_image
    from vqzoo.ops.pixels import to_bytes

    prior, tokenizer = ready.loaded.prior, ready.loaded.tokenizer
    sequences = prior.sequences
    where = allowed(sequences, state)
    drawn, all_of = (
        over_image(tokenizer, sequences.grids(values.float())) for values in (where, torch.ones_like(where[:1]))
    )
    tokens = sequences.unflatten(filled(state, where, ready.neutral))
    with engine.alone():
        images = to_bytes(tokenizer.decode(tokens)).cpu()
    pixels = images.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).contiguous().numpy()
    return replace(of, pixels=pixels, share=(drawn / all_of).numpy(), covers=tokenizer.padded(sequences.size))
