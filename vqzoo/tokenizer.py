"""The waist of vqzoo: a tokenizer turns images into grids of integers and back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from huggingface_hub import ModelHubMixin, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from torch import Tensor, nn

from vqzoo.autoencoders import Autoencoder, Position, build_autoencoder, build_position
from vqzoo.ops.check import check_choice, check_int
from vqzoo.quantizers import Quantizer, build
from vqzoo.storage import CONFIG, WEIGHTS, load_weights, read_json, save_weights, write_json

_PARTS = {"autoencoder": build_autoencoder, "quantizer": build, "position": build_position}
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


class Tokenizer(nn.Module, ModelHubMixin, library_name="vqzoo", tags=["vqzoo", "image-tokenizer"]):
    """An autoencoder with a quantizer between its halves and, in front of the decoder, a positional encoding.

    Images are float (b, channels, H, W) in [-1, 1], of any height and width: they are padded at the right and the
    bottom to what the autoencoder's stride and the quantizer need, by repeating the edge, and reconstructions are
    cropped to the size that came in.
    `resolution` is the side in pixels of the images that it was trained on.
    """

    def __init__(self, autoencoder: Autoencoder, quantizer: Quantizer, position: Position, resolution: int):
        super().__init__()
        self.resolution = check_int("resolution", resolution, 1, 65536)
        for what, dim in (("quantizer", quantizer.dim), ("position", position.dim)):
            if dim != autoencoder.latent_dim:
                raise ValueError(f"{what} dim={dim}: the autoencoder's latent_dim is {autoencoder.latent_dim}")
        self.autoencoder = autoencoder
        self.quantizer = quantizer
        self.position = position

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Tokenizer":
        """A fresh tokenizer from what config.json holds; raises ValueError that names a wrong or missing key."""
        known = ["format", "resolution", *_PARTS]
        for key in config:
            check_choice("config key", key, known)
        for key in known:
            if key not in config:
                raise ValueError(f"config: {key!r} is missing")
        if type(config["format"]) is not int or config["format"] != _FORMAT:
            raise ValueError(f"config: format={config['format']!r}: this version of vqzoo reads format {_FORMAT}")
        parts: dict[str, Any] = {}
        for part, builder in _PARTS.items():
            settings = config[part]
            if not isinstance(settings, dict) or "name" not in settings:
                raise ValueError(f"config: {part}={settings!r}: expected an object with a 'name'")
            try:
                parts[part] = builder(**settings)
            except TypeError as error:
                raise ValueError(f"config: {part}: {error}") from None
        return cls(**parts, resolution=config["resolution"])

    @property
    def config(self) -> dict[str, Any]:
        """A plain dict, what config.json holds; `Tokenizer.from_config` builds the same network from it."""
        parts = {part: dict(getattr(self, part).config) for part in _PARTS}
        return {"format": _FORMAT, "resolution": self.resolution, **parts}

    def encode(self, images: Tensor) -> Tokens:
        """The index grids of images (b, c, H, W) float in [-1, 1]."""
        return Tokens((self.quantizer.encode(self._latents(images)),), _size(images))

    def decode(self, tokens: Tokens, position: bool = True) -> Tensor:
        """Images (b, c, H, W) in [-1, 1]; `position=False` leaves the positional encoding out."""
        return self._images(self.quantizer.decode(tokens.grids[0]), tokens.size, position).clamp(-1, 1)

    def forward(self, images: Tensor, position: bool = True) -> Reconstruction:
        """Encode and decode in one go; in evaluation mode the images are exactly `decode(encode(images))`.

        In training mode they are not clamped to [-1, 1], so that a value outside still has a gradient.
        """
        quantized = self.quantizer(self._latents(images))
        size = _size(images)
        restored = self._images(quantized.latents, size, position)
        if not self.training:
            restored = restored.clamp(-1, 1)
        return Reconstruction(restored, Tokens((quantized.indices,), size), quantized.losses)

    def bits(self, tokens: Tokens) -> Tensor:
        """(b,) float64: true bits of each image, every index that decoding needs counted, before entropy coding."""
        return self.quantizer.bits(tokens.grids[0])

    def _latents(self, images: Tensor) -> Tensor:
        channels, stride = self.autoencoder.channels, self.autoencoder.stride * self.quantizer.multiple
        if images.ndim != 4 or images.shape[1] != channels or not images.is_floating_point():
            raise ValueError(
                f"images of shape {tuple(images.shape)} and type {images.dtype}: "
                f"expected floating point in [-1, 1] of shape (batch, {channels}, height, width)"
            )
        bottom, right = (-size % stride for size in images.shape[2:])
        if bottom or right:
            images = F.pad(images, (0, right, 0, bottom), mode="replicate")
        return self.autoencoder.encode(images).permute(0, 2, 3, 1)

    def _images(self, latents: Tensor, size: tuple[int, int], position: bool) -> Tensor:
        if position:
            latents = latents + self.position(*latents.shape[1:3]).to(latents)
        # One memory layout whatever the quantizer returns: convolutions of another layout round differently.
        images = self.autoencoder.decode(latents.contiguous().permute(0, 3, 1, 2))
        return images[:, :, : size[0], : size[1]]

    def _save_pretrained(self, save_directory: Path) -> None:
        self.save(save_directory)

    def save(self, folder: Path, dtype: torch.dtype = torch.float32) -> None:
        """Write config.json and model.safetensors into an existing folder; `dtype` is that of stored matrices."""
        write_json(folder / CONFIG, self.config)
        save_weights(self, folder / WEIGHTS, dtype)

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls, source: str | Path, *, revision: str | None = None, local_files_only: bool = False
    ) -> "Tokenizer":
        """The tokenizer in a local folder or a Hub repository ("owner/name"), in evaluation mode, on the CPU.

        Only config.json and model.safetensors are read, both of one revision; nothing is unpickled and no code is
        run. Every key, shape and type in the file's header is compared with the configuration before memory is taken.
        Raises ValueError that says what is wrong; a Hub that cannot be reached is one, too.
        """
        folder = Path(source)
        if not folder.is_dir():
            folder = _download(str(source), revision, local_files_only)
        config = read_json(folder / CONFIG)
        with torch.device("meta"):
            tokenizer = cls.from_config(config)
        load_weights(tokenizer, folder / WEIGHTS)
        return tokenizer.eval()


def _size(images: Tensor) -> tuple[int, int]:
    return images.shape[2], images.shape[3]


def _download(repo_id: str, revision: str | None, local_files_only: bool) -> Path:
    try:
        path = snapshot_download(
            repo_id, revision=revision, allow_patterns=[CONFIG, WEIGHTS], local_files_only=local_files_only
        )
    except HFValidationError:
        raise ValueError(f"{repo_id!r} is neither a folder nor a Hub repository ('owner/name')") from None
    except LocalEntryNotFoundError:
        raise ValueError(
            f"{repo_id!r} is no folder and not in the local cache, and the Hub cannot be reached"
        ) from None
    except HfHubHTTPError as error:
        raise ValueError(f"{repo_id!r} could not be loaded from the Hub: {error}") from None
    return Path(path)
