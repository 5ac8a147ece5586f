"""Priors on disk: a folder with config.json and model.safetensors, bound to the weights of one tokenizer."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from vqzoo.files.download import Repository, files_of
from vqzoo.files.storage import CONFIG, WEIGHTS, WEIGHTS_LIMIT, Folder, cards_folder, read_json, sha256, write_json
from vqzoo.files.weights import check_header, load_weights, save_weights
from vqzoo.generation.listing import local_priors
from vqzoo.generation.prior import Prior
from vqzoo.generation.table import build_prior
from vqzoo.hub.registry import find, load
from vqzoo.hub.schema import is_name
from vqzoo.ops.budget import Budget
from vqzoo.ops.check import check_choice
from vqzoo.ops.text import brief
from vqzoo.tokenizer import Tokenizer
from vqzoo.tokens.sequences import Sequences

_FORMAT = 1


@dataclass(frozen=True)
class TokenizerId:
    """The tokenizer that a prior belongs to: its name and the SHA-256 of its model.safetensors."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Loaded:
    """A prior with its tokenizer, and the names of the classes that it knows."""

    prior: Prior
    tokenizer: Tokenizer
    classes: tuple[str, ...]


def save_prior(
    prior: Prior, folder: Path, tokenizer: TokenizerId, classes: tuple[str, ...], dtype: torch.dtype = torch.float32
) -> None:
    """Write config.json and model.safetensors of a prior into an existing folder; matrices are stored as `dtype`."""
    assert len(classes) == prior.sequences.classes
    config = {
        "format": _FORMAT,
        "prior": prior.config,
        "tokenizer": asdict(tokenizer),
        "size": list(prior.sequences.size),
        "order": prior.sequences.order,
        "classes": list(classes),
    }
    write_json(folder / CONFIG, config)
    save_weights(prior, folder / WEIGHTS, dtype)


def load_prior(source: str | Path, tokenizer: str | Path | None = None) -> Loaded:
    """Load a prior and its tokenizer, in evaluation mode on the CPU.

    Args:
        source: a name in `cards_folder()`, a folder, or a Hub repository "owner/name".
        tokenizer: where its tokenizer is, in any form that `vqzoo.load` takes; by default the name that the prior says.

    Nothing is unpickled. Raises ValueError for files that do not fit, and for a tokenizer with other weights than those
    that the prior was trained with.
    """
    try:
        files = _files(source)
        config = read_json(files.path(CONFIG), files.name)
        where = f"{CONFIG} of {files.name}"
        _check_config(where, config)
        belongs_to = TokenizerId(**config["tokenizer"])
        given = belongs_to.name if tokenizer is None else tokenizer
        _check_weights(files.name, belongs_to, given)
        loaded = load(given)
        classes = tuple(config["classes"])
        sequences = Sequences(loaded, tuple(config["size"]), config["order"], len(classes))
        stored = files.header(WEIGHTS)
        with Budget(len(stored)), torch.device("meta"):
            prior = build_prior(sequences=sequences, **config["prior"])
        check_header(f"{WEIGHTS} of {files.name}", stored, prior.state_dict())
        prior = build_prior(sequences=sequences, **config["prior"])  # buffers that are not stored, as of RoPE
        load_weights(prior, files.path(WEIGHTS, WEIGHTS_LIMIT), files.name)
    except ValueError as error:
        raise ValueError(brief(error)) from None
    return Loaded(prior.eval(), loaded, classes)


def _files(source: str | Path) -> Folder | Repository:
    for folder in (cards_folder() / str(source), Path(source)):
        if folder.is_dir():
            return Folder(folder)
    if str(source).count("/") == 1:
        name, _, revision = str(source).partition("@")
        return Repository(name, revision or None)
    check_choice("prior", str(source), [each.name for each in local_priors()[0]])
    raise AssertionError


def _check_config(where: str, config: dict[str, Any]) -> None:
    expected = {"format": int, "prior": dict, "tokenizer": dict, "size": list, "order": str, "classes": list}
    if config.keys() != expected.keys() or not all(isinstance(config[key], kind) for key, kind in expected.items()):
        raise ValueError(f"{where}: expected the keys {', '.join(expected)} of a prior's configuration")
    if config["format"] != _FORMAT:
        raise ValueError(f"{where}: format={config['format']!r}: this version of vqzoo reads format {_FORMAT}")
    tokenizer, size = config["tokenizer"], config["size"]
    if tokenizer.keys() != {"name", "sha256"} or not all(isinstance(text, str) for text in tokenizer.values()):
        raise ValueError(f"{where}: tokenizer: expected its name and sha256")
    if len(size) != 2 or not all(type(side) is int and 0 < side <= 4096 for side in size):
        raise ValueError(f"{where}: size={size!r}: expected height and width, 1 to 4096 pixels")
    if not all(isinstance(name, str) and is_name(name) for name in config["classes"]):
        raise ValueError(f"{where}: classes: expected names of letters, digits, '.', '_' and '-'")
    if "name" not in config["prior"]:
        raise ValueError(f"{where}: prior: expected an object with a 'name'")


def _check_weights(name: str, belongs_to: TokenizerId, tokenizer: str | Path) -> None:
    actual = sha256(files_of(*find(tokenizer)).path(WEIGHTS, WEIGHTS_LIMIT))
    if actual != belongs_to.sha256:
        raise ValueError(
            f"{name} belongs to {belongs_to.name} with weights {belongs_to.sha256[:12]}; {tokenizer} has "
            f"{actual[:12]}: train the prior anew, or load the tokenizer that it was trained with"
        )
