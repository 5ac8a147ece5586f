"""The waist of vqzoo: a tokenizer turns images into grids of integers and back."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.nn.functional as F
from huggingface_hub import CommitInfo, HfApi, ModelCard, ModelCardData, ModelHubMixin
from torch import Tensor, nn

from vqzoo.autoencoders import Autoencoder, Position, build_autoencoder, build_position
from vqzoo.files.download import Repository
from vqzoo.files.remote import CARD, explained, full_id, hub_tags, upload
from vqzoo.files.storage import CONFIG, WEIGHTS, WEIGHTS_LIMIT, Folder, read_json, write_json
from vqzoo.files.weights import check_header, load_weights, save_weights
from vqzoo.ops.batch import Pictures, as_images
from vqzoo.ops.budget import Budget
from vqzoo.ops.check import check_choice, check_int
from vqzoo.ops.text import brief
from vqzoo.quantizers import Quantizer, build

_FORMAT = 1


@dataclass(frozen=True)
class Tokens:
    """What a tokenizer makes of a batch of images: all that `decode` needs.

    grids: one (b, h, w, q) int64 grid of indices a level.
    size: height and width of the images in pixels, to which `decode` crops.
    """

    grids: tuple[Tensor, ...]
    size: tuple[int, int]


@dataclass(frozen=True)
class Reconstruction:
    """images (b, c, H, W), the tokens they were decoded from, and the quantizer's losses, named and unweighted."""

    images: Tensor
    tokens: Tokens
    losses: dict[str, Tensor]


class Tokenizer(nn.Module, ModelHubMixin, library_name="vqzoo"):
    """An autoencoder with a quantizer between its halves and a positional encoding beside it.

    A hierarchical autoencoder has one quantizer a level, coarsest first; what the coarser levels were quantized to is
    known when the next one's latents are made.

    Images are tensors (b, channels, H, W), floating point in [-1, 1] or uint8 in [0, 255], or NumPy arrays or pictures
    of Pillow's as `vqzoo.ops.batch.as_images` takes them, of any height and width. They are brought to the device and
    the type of the tokenizer, which `.to(device, dtype)` changes as that of any module; codebooks stay float32, and
    tokens int64. Images are padded at the right and the bottom to what the autoencoder's stride and the quantizer need,
    by repeating the edge, and reconstructions, in the tokenizer's type, are cropped to the size that came in.
    `resolution` is the side in pixels of the images that it was trained on, `multiple` what sides are padded to
    multiples of.
    """

    def __init__(
        self,
        autoencoder: Autoencoder,
        quantizer: Quantizer | Sequence[Quantizer],
        position: Position,
        resolution: int,
    ):
        super().__init__()
        self.resolution = check_int("resolution", resolution, 1, 65536)
        self.autoencoder = autoencoder
        self.quantizer = quantizer if isinstance(quantizer, Quantizer) else nn.ModuleList(quantizer)
        self.position = position
        levels = len(autoencoder.strides)
        if len(self.quantizers) != levels:
            raise ValueError(f"quantizer: {len(self.quantizers)} given; the autoencoder has {levels} levels, one each")
        for part in (*self.quantizers, position):
            if part.dim != autoencoder.latent_dim:
                what = "position" if part is position else "quantizer"
                raise ValueError(f"{what} dim={part.dim}: the autoencoder's latent_dim is {autoencoder.latent_dim}")
        sides = (stride * part.multiple for stride, part in zip(autoencoder.strides, self.quantizers, strict=True))
        self.multiple = math.lcm(*sides)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Tokenizer":
        """A fresh tokenizer from what config.json holds; raises ValueError that names a wrong or missing key."""
        known = ["format", "resolution", "autoencoder", "quantizer", "position"]
        for key in config:
            check_choice("config key", key, known)
        for key in known:
            if key not in config:
                raise ValueError(f"config: {key!r} is missing")
        if type(config["format"]) is not int or config["format"] != _FORMAT:
            raise ValueError(f"config: format={config['format']!r}: this version of vqzoo reads format {_FORMAT}")
        autoencoder, quantizer = _part("autoencoder", build_autoencoder, config["autoencoder"]), config["quantizer"]
        if isinstance(quantizer, list) and len(quantizer) > len(autoencoder.strides):  # before thousands are built
            raise ValueError(
                f"config: {len(quantizer)} quantizers; the autoencoder has {len(autoencoder.strides)} levels"
            )
        return cls(
            autoencoder,
            [_part("quantizer", build, level) for level in quantizer]
            if isinstance(quantizer, list)
            else _part("quantizer", build, quantizer),
            _part("position", build_position, config["position"]),
            config["resolution"],
        )

    @property
    def config(self) -> dict[str, Any]:
        """A plain dict, what config.json holds; `Tokenizer.from_config` builds the same network from it."""
        levels = [dict(quantizer.config) for quantizer in self.quantizers]
        return {
            "format": _FORMAT,
            "resolution": self.resolution,
            "autoencoder": dict(self.autoencoder.config),
            "quantizer": levels if isinstance(self.quantizer, nn.ModuleList) else levels[0],
            "position": dict(self.position.config),
        }

    @property
    def quantizers(self) -> tuple[Quantizer, ...]:
        """The quantizer of each level, coarsest first."""
        return tuple(self.quantizer) if isinstance(self.quantizer, nn.ModuleList) else (self.quantizer,)  # type: ignore[arg-type]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.autoencoder.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The type of the network's weights and of the images that come out."""
        return next(self.autoencoder.parameters()).dtype

    @torch.no_grad()
    def encode(self, images: Pictures, position: bool = True) -> Tokens:
        """The index grids of images in any form that the class takes; `position=False` leaves the encoding out.

        No gradient is kept. Raises ValueError that says what would be right for images of another form.
        """
        images = self._images(images)
        return Tokens(tuple(indices for _, indices in self.encode_levels(images, position)), _size(images))

    @torch.no_grad()
    def encode_levels(self, images: Pictures, position: bool = True) -> list[tuple[Tensor, Tensor]]:
        """Return the latents (b, h, w, dim) and the indices (b, h', w', q) of each level, coarsest first.

        Takes what `encode` takes; the latents are those of the images padded to `padded` of their size.
        """
        features = self._features(self._images(images))
        levels: list[tuple[Tensor, Tensor]] = []
        coarser: list[Tensor] = []
        for number, quantizer in enumerate(self.quantizers, 1):
            latents = self._latents(features, coarser, position)
            levels.append((latents, quantizer.encode(latents)))
            if number < len(self.quantizers):
                coarser.append(quantizer.decode(levels[-1][1]))
        return levels

    def padded(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the height and width in pixels that images of that size are padded to, multiples of `multiple`."""
        height, width = (-(-side // self.multiple) * self.multiple for side in size)
        return height, width

    @torch.no_grad()
    def decode(self, tokens: Tokens, position: bool = True) -> Tensor:
        """Images (b, c, H, W) in [-1, 1], without a gradient; `position=False` leaves the positional encoding out.

        Tokens may be on another device. Raises ValueError for another number of grids than there are levels.
        """
        if len(tokens.grids) != len(self.quantizers):
            raise ValueError(f"tokens: {len(tokens.grids)} grids; expected {len(self.quantizers)}, one a level")
        grids = [grid.to(self.device) for grid in tokens.grids]
        quantized = [quantizer.decode(grid) for quantizer, grid in zip(self.quantizers, grids, strict=True)]
        return self.restore(quantized, tokens.size, position).clamp(-1, 1)

    def forward(self, images: Pictures, position: bool = True) -> Reconstruction:
        """Encode and decode in one go; in evaluation mode the images are exactly `decode(encode(images))`.

        Takes what `encode` takes, and keeps the gradient. In training mode images are not clamped to [-1, 1], so that a
        value outside still has a gradient. A loss of several levels is their sum.
        """
        images = self._images(images)
        features = self._features(images)
        grids: list[Tensor] = []
        quantized: list[Tensor] = []
        losses: dict[str, Tensor] = {}
        for quantizer in self.quantizers:
            level = quantizer(self._latents(features, quantized, position))
            grids.append(level.indices)
            quantized.append(level.latents)
            losses |= {name: losses[name] + loss if name in losses else loss for name, loss in level.losses.items()}
        size = _size(images)
        restored = self.restore(quantized, size, position)
        if not self.training:
            restored = restored.clamp(-1, 1)
        return Reconstruction(restored, Tokens(tuple(grids), size), losses)

    def bits(self, tokens: Tokens) -> Tensor:
        """(b,) float64: true bits of each image, every index that decoding needs counted, before entropy coding."""
        return sum(
            (quantizer.bits(grid) for quantizer, grid in zip(self.quantizers, tokens.grids, strict=True)),
            torch.zeros((), dtype=torch.float64),
        )

    def first_levels(self, tokens: Tokens, levels: int) -> Tokens:
        """Tokens of the first levels of a residual quantizer, coarse to fine: `decode` and `bits` take them, too.

        Raises ValueError where there are fewer, or no levels that are an approximation without those behind them.
        """
        if len(tokens.grids) != 1 or not self.quantizers[0].level_columns:
            raise ValueError("the first levels alone: this tokenizer's quantizer is no sum of levels")
        return Tokens((self.quantizers[0].first_levels(tokens.grids[0], levels),), tokens.size)

    def latents(self, images: Pictures) -> Tensor:
        """(b, h, w, dim): what the quantizer gets, in a hierarchy that of the coarsest level."""
        return self._latents(self._features(self._images(images)), (), True)

    def restore(self, quantized: Sequence[Tensor], size: tuple[int, int], position: bool = True) -> Tensor:
        """Images of that size, not clamped, from the quantized latents (b, h, w, dim) of every level."""
        if position and self.position.place != "encoder":
            quantized = [self._placed(level) for level in quantized]
        images = self.autoencoder.decode(*map(self._planes, quantized))
        return images[:, :, : size[0], : size[1]]

    def _images(self, images: Pictures) -> Tensor:
        return as_images(images, self.autoencoder.channels, self.device, self.dtype)

    def _features(self, images: Tensor) -> Tensor:
        height, width = self.padded(_size(images))
        bottom, right = height - images.shape[2], width - images.shape[3]
        if bottom or right:
            images = F.pad(images, (0, right, 0, bottom), mode="replicate")
        return self.autoencoder.encode(images)

    def _latents(self, features: Tensor, coarser: Sequence[Tensor], position: bool) -> Tensor:
        latents = self.autoencoder.latents(features, *map(self._planes, coarser)).permute(0, 2, 3, 1)
        return self._placed(latents) if position and self.position.place != "decoder" else latents

    def _planes(self, latents: Tensor) -> Tensor:
        """(b, h, w, d) -> (b, d, h, w) in one memory layout: convolutions of another layout round differently.

        On a CPU images come faster out of channels that lie last, gradients out of planes that lie whole.
        """
        planes = latents.contiguous().permute(0, 3, 1, 2)
        return planes.contiguous() if self.training else planes

    def _placed(self, latents: Tensor) -> Tensor:
        return latents + self.position(*latents.shape[1:3]).to(latents)

    def save_pretrained(  # type: ignore[override]
        self, folder: str | Path, *, push_to_hub: bool = False, repo_id: str | None = None, **settings: Any
    ) -> CommitInfo | None:
        """Write config.json, model.safetensors and, where there is none, a README.md into a folder, made if need be.

        `push_to_hub=True` is followed by `push_to_hub(repo_id, **settings)`, by default under the folder's name.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.save(folder)
        if not (folder / CARD).exists():
            (folder / CARD).write_text(str(self.generate_model_card()), encoding="utf-8")
        return self.push_to_hub(repo_id or folder.resolve().name, **settings) if push_to_hub else None

    def push_to_hub(  # type: ignore[override]
        self,
        repo_id: str,
        *,
        commit_message: str = "Push a tokenizer with vqzoo",
        private: bool | None = None,
        token: str | None = None,
    ) -> CommitInfo:
        """Commit config, weights and a plain card to "owner/name" on the Hub, or to a name alone of one's own.

        The repository is created if need be, as a private one if asked. It is one commit, or none if all is there
        already; measurements of other weights that are there are removed with it. Returns the commit. Raises
        ValueError that says what is wrong. A folder of model_cards/ is published whole: `vqzoo.hub.publish`.
        """
        api = HfApi(token=token)
        repo_id = full_id(api, repo_id)
        with TemporaryDirectory() as folder, explained(repo_id):
            self.save_pretrained(folder)
            return upload(api, Path(folder), (CARD, CONFIG, WEIGHTS), repo_id, commit_message, private)[1]

    def generate_model_card(self, *arguments: Any, **settings: Any) -> ModelCard:
        """The card of a tokenizer of which nothing is known but what it is made of."""
        names = [quantizer.config["name"] for quantizer in self.quantizers]
        autoencoder, position = self.autoencoder.config["name"], self.position.config["name"]
        data = ModelCardData(library_name="vqzoo", tags=hub_tags(names, self.autoencoder.strides, position))
        return ModelCard(
            f"""---
{data.to_yaml()}
---

# An image tokenizer

Made with vqzoo: quantizer {" and ".join(f"`{name}`" for name in names)}, autoencoder `{autoencoder}`, positional
encoding `{position}`, for images of {self.autoencoder.channels} channels; trained at {self.resolution} x \
{self.resolution} pixels. Nothing was measured.
"""
        )

    def save(self, folder: Path, dtype: torch.dtype = torch.float32) -> None:
        """Write config.json and model.safetensors into an existing folder; `dtype` is that of stored matrices."""
        write_json(folder / CONFIG, self.config)
        save_weights(self, folder / WEIGHTS, dtype)

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls, source: str | Path, *, revision: str | None = None, local_files_only: bool = False
    ) -> "Tokenizer":
        """The tokenizer in a local folder or a Hub repository ("owner/name"), in evaluation mode, on the CPU.

        Only config.json and model.safetensors are read, both of one commit and of limited size; nothing is unpickled
        and no code is run. The network is built without memory, every key, shape and type is compared with the header
        of the weights, and only then are these downloaded or memory is taken.
        Raises ValueError, one line that says what is wrong; a Hub that cannot be reached is one, too.
        """
        try:
            folder = Path(source)
            place = Folder(folder) if folder.is_dir() else Repository(str(source), revision, local_files_only)
            config = read_json(place.path(CONFIG), place.name)
            stored = place.header(WEIGHTS)
            with Budget(len(stored)), torch.device("meta"):
                tokenizer = cls.from_config(config)
            check_header(f"{WEIGHTS} of {place.name}", stored, tokenizer.state_dict())
            load_weights(tokenizer, place.path(WEIGHTS, WEIGHTS_LIMIT), place.name)
        except ValueError as error:
            raise ValueError(brief(error)) from None
        return tokenizer.eval()


def _part(what: str, builder: Callable[..., Any], settings: Any) -> Any:
    if not isinstance(settings, dict) or "name" not in settings:
        raise ValueError(f"config: {what}={settings!r}: expected an object with a 'name'")
    try:
        return builder(**settings)
    except TypeError as error:
        raise ValueError(f"config: {what}: {error}") from None


def _size(images: Tensor) -> tuple[int, int]:
    return images.shape[2], images.shape[3]
