"""Diffusion of latents: a U-Net turns noise into latents, and the tokenizer quantizes them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vqzoo.generation.prior import Generators, Measure, Prior, Sampling
from vqzoo.ops.check import check_int
from vqzoo.tokenizer import Tokens
from vqzoo.tokens.sequences import Sequences

_TIME = 1000
"""What the U-Net's encoding of time calls 1."""


class DiffusionPrior(Prior):
    """Flow matching of latents along straight paths from noise (Lipman et al., 2022, arXiv:2210.02747).

    At time t the state is (1 - t) noise + t z, where z are the latents normalised by channel, and the network predicts
    z - noise. Sampling follows this prediction from noise in `steps` equal steps, and quantizes the latents that come
    out. The latents to learn from are those that the tokenizer makes of images or, without images, those that it makes
    of tokens. There is no likelihood.
    """

    measure: Measure = "flow-matching loss"
    learns_latents = True
    mean: Tensor
    deviation: Tensor

    def __init__(self, sequences: Sequences, width: int = 64, depth: int = 1, steps: int = 50):
        """Build the network: `width` channels and `depth` blocks, at the latents' resolution and at half of it."""
        from diffusers import UNet2DModel  # a second, which other priors need not wait for

        super().__init__(sequences)
        tokenizer = sequences.tokenizer
        if len(tokenizer.quantizers) > 1:
            raise ValueError(f"{len(tokenizer.quantizers)} grids of latents: diffusion needs a tokenizer with one")
        if check_int("width", width, 16, 4096) % 16:
            raise ValueError(f"width={width}: expected a multiple of 16")
        self.steps = check_int("steps", steps, 1, 10_000)
        dim, stride = tokenizer.quantizers[0].dim, tokenizer.autoencoder.strides[0]
        rows, columns = (side // stride for side in tokenizer.padded(sequences.size))
        self.shape = (dim, rows, columns)
        self.model: Any = UNet2DModel(
            in_channels=dim,
            out_channels=dim,
            down_block_types=("AttnDownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "AttnUpBlock2D"),
            block_out_channels=(width, width),
            layers_per_block=check_int("depth", depth, 1, 64),
            norm_num_groups=8,  # of a channel each, they would take class and time away again
            num_class_embeds=1 + sequences.classes,
        )
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("deviation", torch.ones(dim))

    def prepare(self, sequences: Tensor, images: Tensor | None = None) -> None:
        """Set the mean and deviation of each channel to those of some training images."""
        latents = self.latents(sequences, images)
        self.mean.copy_(latents.mean((0, 1, 2)))
        self.deviation.copy_(latents.std((0, 1, 2)).clamp(min=1e-4))

    @torch.no_grad()
    def latents(self, sequences: Tensor, images: Tensor | None = None) -> Tensor:
        """Return the latents (b, h, w, d) of images before the quantizer or, without images, those of their tokens."""
        tokenizer = self.sequences.tokenizer.to(self.device)
        if images is not None:
            return tokenizer.latents(images)
        return tokenizer.quantizers[0].decode(self.sequences.unflatten(sequences).grids[0])

    def velocity(self, states: Tensor, time: Tensor, labels: Tensor) -> Tensor:
        """Return the velocity (b, d, h, w) of states at times (b,) in [0, 1], given classes (b,), -1 for none."""
        height, width = states.shape[2:]
        even = F.pad(states, (0, width % 2, 0, height % 2))  # the network halves both sides
        velocity: Tensor = self.model(even, time * _TIME, labels + 1).sample
        return velocity[:, :, :height, :width]

    def held_out(self, sequences: Tensor, generators: Generators, images: Tensor | None = None) -> Tensor:
        """Return the mean squared error (b,) of the velocity at a random time, which is 2 for a prediction of 0."""
        latents = self.latents(sequences, images).to(self.mean)
        target = ((latents - self.mean) / self.deviation).permute(0, 3, 1, 2)
        time = torch.from_numpy(np.stack([generator.random() for generator in generators])).to(target)
        noise = self._noise(generators).to(target)
        share = time[:, None, None, None]
        predicted = self.velocity((1 - share) * noise + share * target, time, self._labels(sequences))
        return (predicted - (target - noise)).square().mean((1, 2, 3))

    def training_loss(self, sequences: Tensor, generators: Generators, images: Tensor | None = None) -> Tensor:
        """Return the loss (b,), as `held_out` does."""
        return self.held_out(sequences, generators, images)

    def position_bits(self, sequences: Tensor) -> Tensor:
        """Raise ValueError: there is no likelihood."""
        raise ValueError("diffusion has no likelihood of tokens: expected another prior, such as ar or maskgit")

    @torch.no_grad()
    def draw(self, sequences: Tensor, sampling: Sampling, first: int = 0) -> Iterator[Tensor]:
        """Yield sequences (b, length) of what the latents are expected to become, for each step; see `Prior.draw`.

        `temperature` is a factor of the noise at the start. Raises ValueError for top-k and top-p, as tokens are not
        drawn, and for beginnings that hold tokens. Numbers are float64 on a CPU.
        """
        if sampling.top_k or sampling.top_p < 1:
            raise ValueError(
                f"top_k={sampling.top_k}, top_p={sampling.top_p}: diffusion takes neither; expected 0 and 1"
            )
        if sequences.shape[1] != self.prompt_length:
            raise ValueError("diffusion draws whole images: expected no tokens to go on from")
        network = self.precise()
        labels = self._labels(sequences)
        guided = self.guides(sampling)
        shown = torch.cat([labels, torch.full_like(labels, -1)]) if guided else labels
        noise = self._noise(sampling.generators(first, len(sequences)))
        states = sampling.temperature * noise.to(network.mean)
        for step in range(self.steps):
            time = step / self.steps
            both = states.repeat(2, 1, 1, 1) if guided else states
            velocity = network.velocity(both, both.new_full(shown.shape, time), shown)
            velocity = sampling.guided(velocity, guided)
            yield network.quantized(states + (1 - time) * velocity, labels)
            states = states + velocity / self.steps

    def _labels(self, sequences: Tensor) -> Tensor:
        labels = self.sequences.labels(sequences)
        return torch.full_like(sequences[:, 0], -1) if labels is None else labels

    def _noise(self, generators: Generators) -> Tensor:
        return torch.from_numpy(np.stack([generator.standard_normal(self.shape) for generator in generators]))

    def quantized(self, states: Tensor, labels: Tensor) -> Tensor:
        """Return the sequences (b, length) of normalised latents (b, d, h, w)."""
        latents = states.permute(0, 2, 3, 1) * self.deviation + self.mean
        indices = self.sequences.tokenizer.to(self.device).quantizers[0].encode(latents)
        return self.sequences.flatten(Tokens((indices,), self.sequences.size), labels)
