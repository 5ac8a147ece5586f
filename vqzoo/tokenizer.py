"""A tokenizer turns images into grids of integers and back; everything above builds on this class."""

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
from vqzoo.files.download import files_of
from vqzoo.files.remote import CARD, full_id, hub_errors, hub_tags, upload
from vqzoo.files.storage import CONFIG, WEIGHTS, WEIGHTS_LIMIT, read_json, write_json
from vqzoo.files.tokens import Tokens
from vqzoo.files.weights import check_header, load_weights, save_weights
from vqzoo.ops.batch import Pictures, as_images
from vqzoo.ops.budget import Budget
from vqzoo.ops.check import check_choice, check_int
from vqzoo.ops.text import brief
from vqzoo.quantizers import Quantizer, build

__all__ = ["Reconstruction", "Tokenizer", "Tokens"]

_FORMAT = 1


@dataclass(frozen=True)
class Reconstruction:
    """Images (b, c, H, W), the tokens they were decoded from, and the quantizer's named, unweighted losses."""

    images: Tensor
    tokens: Tokens
    losses: dict[str, Tensor]


class Tokenizer(nn.Module, ModelHubMixin, library_name="vqzoo"):
    """An autoencoder with a quantizer between its halves, and a positional encoding.

    A hierarchical autoencoder has one quantizer per level, coarsest first; the latents of a finer level are computed
    from the image and the quantized coarser levels.

    Images of any height and width are tensors (b, channels, H, W), floating point in [-1, 1] or uint8 in [0, 255], or
    NumPy arrays or Pillow images, see `vqzoo.ops.batch.as_images`. They are converted to the device and the type of the
    tokenizer, which `.to(device, dtype)` sets as for any module; codebooks stay float32, and tokens int64. Images are
    padded at the right and the bottom, by repeating the edge, until their sides are multiples of `multiple`, the least
    that autoencoder and quantizer accept; reconstructions are cropped to the size of the input. `resolution` is the
    side in pixels of the training images.
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
        """Return an untrained tokenizer for a config.json; a ValueError names the wrong or missing key."""
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
        """The contents of config.json as a plain dict; `Tokenizer.from_config` builds the same network from it."""
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
        """The device of the weights."""
        return next(self.autoencoder.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The type of the network's weights and of the reconstructions."""
        return next(self.autoencoder.parameters()).dtype

    @torch.no_grad()
    def encode(self, images: Pictures, position: bool = True) -> Tokens:
        """Return the tokens of images in any form that the class accepts, without a gradient.

        `position=False` leaves the positional encoding out. A ValueError says what would be right for other input.
        """
        images = self._images(images)
        return Tokens(tuple(indices for _, indices in self.encode_levels(images, position)), _size(images))

    @torch.no_grad()
    def encode_levels(self, images: Pictures, position: bool = True) -> list[tuple[Tensor, Tensor]]:
        """Return the latents (b, h, w, dim) and the indices (b, h', w', q) of each level, coarsest first.

        Takes what `encode` takes. The latents are those of the padded images, see `padded`.
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
        """Return images (b, c, H, W) in [-1, 1], without a gradient.

        Tokens may be on another device. `position=False` leaves the positional encoding out. Raises ValueError unless
        there is one grid per level, of the shape that images of the tokens' size have.
        """
        self._check_tokens(tokens)
        grids = [grid.to(self.device) for grid in tokens.grids]
        quantized = [quantizer.decode(grid) for quantizer, grid in zip(self.quantizers, grids, strict=True)]
        return self.restore(quantized, tokens.size, position).clamp(-1, 1)

    def grid_sizes(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """Return the height and width of each level's grid of indices for images of a height and width in pixels."""
        sizes = []
        for stride, part in zip(self.autoencoder.strides, self.quantizers, strict=True):
            cells = math.isqrt(part.index_cells(part.multiple**2))  # a side, for `multiple` latents a side
            height, width = (side // (stride * part.multiple) * cells for side in self.padded(size))
            sizes.append((height, width))
        return sizes

    def _check_tokens(self, tokens: Tokens) -> None:
        if not isinstance(tokens, Tokens):
            raise ValueError(
                f"tokens of type {type(tokens).__name__}: expected what `encode` returns; a grid of indices "
                "(b, h, w, q) becomes that as vqzoo.Tokens((grid,), (height, width)), with the images' size in pixels"
            )
        if len(tokens.grids) != len(self.quantizers):
            raise ValueError(f"tokens: {len(tokens.grids)} grids; expected {len(self.quantizers)}, one a level")
        height, width = tokens.size
        if min(height, width) < 1:
            raise ValueError(f"tokens: a size of {height} x {width} pixels; expected at least 1 x 1")
        for grid, (rows, columns), part in zip(
            tokens.grids, self.grid_sizes(tokens.size), self.quantizers, strict=True
        ):
            if grid.ndim != 4 or grid.shape[:3] != (len(tokens.grids[0]), rows, columns):
                raise ValueError(
                    f"tokens: a grid of shape {tuple(grid.shape)}; images of height {height} and width {width} have "
                    f"({len(tokens.grids[0])}, {rows}, {columns}, {len(part.index_sizes)})"
                )

    def forward(self, images: Pictures, position: bool = True) -> Reconstruction:
        """Encode and decode with a gradient; in evaluation mode the images equal `decode(encode(images))` exactly.

        Takes what `encode` takes. In training mode images are not clamped to [-1, 1], so that values outside have a
        gradient. A loss of several levels is their sum.
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
        """Return (b,) float64: true bits of each image before entropy coding, with every index that decoding needs."""
        return sum(
            (quantizer.bits(grid) for quantizer, grid in zip(self.quantizers, tokens.grids, strict=True)),
            torch.zeros((), dtype=torch.float64),
        )

    def first_levels(self, tokens: Tokens, levels: int) -> Tokens:
        """Return the tokens of the first `levels` of a residual quantizer; `decode` and `bits` accept them.

        Raises ValueError for more levels than there are, or if the quantizer has no levels that approximate on their
        own.
        """
        if len(tokens.grids) != 1 or not self.quantizers[0].level_columns:
            raise ValueError("the first levels alone: this tokenizer's quantizer is no sum of levels")
        return Tokens((self.quantizers[0].first_levels(tokens.grids[0], levels),), tokens.size)

    def latents(self, images: Pictures) -> Tensor:
        """Return the latents (b, h, w, dim) that the quantizer gets; in a hierarchy those of the coarsest level."""
        return self._latents(self._features(self._images(images)), (), True)

    def restore(self, quantized: Sequence[Tensor], size: tuple[int, int], position: bool = True) -> Tensor:
        """Return images of `size`, not clamped, from the quantized latents (b, h, w, dim) of every level."""
        if position and self.position.place != "encoder":
            quantized = [self._add_position(level) for level in quantized]
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
        return self._add_position(latents) if position and self.position.place != "decoder" else latents

    def _planes(self, latents: Tensor) -> Tensor:
        """Convert (b, h, w, d) to (b, d, h, w) in one memory layout: convolutions round differently in another.

        On a CPU channels-last is faster for inference, contiguous planes for training.
        """
        planes = latents.contiguous().permute(0, 3, 1, 2)
        return planes.contiguous() if self.training else planes

    def _add_position(self, latents: Tensor) -> Tensor:
        encoding: Tensor = self.position(*latents.shape[1:3])
        return latents + encoding.to(latents)

    def save_pretrained(  # type: ignore[override]
        self, folder: str | Path, *, push_to_hub: bool = False, repo_id: str | None = None, **settings: Any
    ) -> CommitInfo | None:
        """Write config.json, model.safetensors and, if there is none, README.md into a folder, creating it if needed.

        `push_to_hub=True` then calls `push_to_hub(repo_id, **settings)`, by default with the folder's name.
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
        """Commit config, weights and a plain card to "owner/name" on the Hub; without an owner to your own account.

        The repository is created if needed, private if asked. All changes are one commit, or none if nothing differs;
        measurements of other weights in the repository are removed. Returns the commit. A ValueError says what is
        wrong. `vqzoo.hub.publish` publishes a folder of model_cards/ with its measurements.
        """
        api = HfApi(token=token)
        repo_id = full_id(api, repo_id)
        with TemporaryDirectory() as folder, hub_errors(repo_id):
            self.save_pretrained(folder)
            return upload(api, Path(folder), (CARD, CONFIG, WEIGHTS), repo_id, commit_message, private)[1]

    def generate_model_card(self, *arguments: Any, **settings: Any) -> ModelCard:
        """Return a card that says what the tokenizer is made of, without measurements."""
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
        """Write config.json and model.safetensors into an existing folder; matrices are stored as `dtype`."""
        write_json(folder / CONFIG, self.config)
        save_weights(self, folder / WEIGHTS, dtype)

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls, source: str | Path, *, revision: str | None = None, local_files_only: bool = False
    ) -> "Tokenizer":
        """Return the tokenizer of a local folder or a Hub repository ("owner/name"), in evaluation mode on the CPU.

        Only config.json and model.safetensors are read, both of one commit and of limited size; nothing is unpickled
        and no code is run. The network is first built on the meta device and every key, shape and type is compared with
        the header of the weights; only then are the weights downloaded and memory is allocated. Raises ValueError with
        one line that says what is wrong, also if the Hub cannot be reached.
        """
        try:
            files = files_of(source, revision, local_files_only)
            config = read_json(files.path(CONFIG), files.name)
            stored = files.header(WEIGHTS)
            with Budget(len(stored)), torch.device("meta"):
                tokenizer = cls.from_config(config)
            check_header(f"{WEIGHTS} of {files.name}", stored, tokenizer.state_dict())
            load_weights(tokenizer, files.path(WEIGHTS, WEIGHTS_LIMIT), files.name)
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
