"""A folder of models with small priors that were never trained."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import torch

import vqzoo
from vqzoo.files.storage import WEIGHTS, cards_folder, sha256, write_json
from vqzoo.generation.card import PRIOR
from vqzoo.generation.store import TokenizerId, save_prior
from vqzoo.generation.table import build_prior
from vqzoo.tokens.sequences import Sequences

EMA, RVQ = "cifar10-ema-1024x128", "cifar10-rvq-8x256"
CLASSES = ("cat", "dog")


def cards_with_priors(root: Path, kinds: Mapping[str, str], side: int = 32) -> Path:
    """Tokenizers of the zoo, each with a prior of a kind for images of this side: a folder of models."""
    for name, kind in kinds.items():
        shutil.copytree(cards_folder() / name, root / name)
        tokenizer = vqzoo.load(name)
        torch.manual_seed(0)
        prior = build_prior(kind, Sequences(tokenizer, (side, side), classes=2), width=16, depth=1, heads=2)
        folder = root / f"{name}-{kind}-tiny"
        folder.mkdir()
        save_prior(prior, folder, TokenizerId(name, sha256(root / name / WEIGHTS)), CLASSES)
        bits = prior.sequences.uniform_bits
        write_json(folder / PRIOR, {"uniform_bits": bits, "bits_per_image": bits / 2, "weights": 12_345})
    return root
