"""Publishing a card folder on the Hugging Face Hub: checks, comparison with the repository, one commit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import HfApi

from vqzoo.files.header import metadata
from vqzoo.files.remote import CARD, FILES, OPTIONAL, Plan, full_id, hub_errors, plan_upload, repository_info, upload
from vqzoo.files.storage import CONFIG, MAP, NEIGHBOURS, WEIGHTS, read_json, sha256
from vqzoo.hub.card import METRICS, model_card
from vqzoo.hub.model import Model, check_record
from vqzoo.hub.registry import usage_damage
from vqzoo.tokenizer import Tokenizer

__all__ = ["Plan", "Published", "check", "plan", "publish"]


@dataclass(frozen=True)
class Published:
    """A publication. commit: head of the repository, new if `plan.changes` is not empty; url: its page."""

    plan: Plan
    commit: str
    url: str


def check(folder: Path) -> None:
    """Raise ValueError unless a card folder holds exactly the files of a card, and these agree with one another.

    The weights have to fit the configuration, and the recorded name that of the folder. Metrics have to be finite or
    null. The rate has to equal the tokenizer's count for images of the measured size, and the card the generated one.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder; expected one of model_cards/")
    present = {path.name for path in folder.iterdir()}
    for name in FILES:
        if name not in present:
            raise ValueError(f"{folder.name}: there is no {name}; a card folder holds {', '.join(FILES)}")
    if strangers := sorted(present - {*FILES, *OPTIONAL}):
        raise ValueError(f"{folder.name}: {', '.join(strangers)} does not belong here; expected {', '.join(FILES)}")
    record, config = read_json(folder / METRICS), read_json(folder / CONFIG)
    check_record(folder.name, config, record)
    if damage := usage_damage(Model(folder.name, folder, config, record)):
        raise ValueError(damage)
    tokenizer = Tokenizer.from_pretrained(folder)
    if MAP in present and read_json(folder / MAP).get("weights_sha256") != sha256(folder / WEIGHTS):
        raise ValueError(f"{MAP} of {folder.name} is of other weights: run `python -m trainers.maps {folder.name}`")
    if NEIGHBOURS in present and metadata(folder / NEIGHBOURS).get("weights_sha256") != sha256(folder / WEIGHTS):
        raise ValueError(
            f"{NEIGHBOURS} of {folder.name} is of other weights: run `python -m trainers.neighbours {folder.name}`"
        )
    try:
        if record["name"] != folder.name:
            raise ValueError(f"{METRICS} of {folder.name}: name={record['name']!r}; expected that of the folder")
        if "max_side" not in (record.get("data") or {}):  # measured on images of many sizes, whose rates tell no side
            _check_rate(folder.name, tokenizer, record["metrics"])
        card = model_card(record, config)
    except KeyError as error:
        raise ValueError(f"{METRICS} of {folder.name} is incomplete: a card needs {error}, which is missing") from None
    except TypeError as error:
        raise ValueError(f"{METRICS} of {folder.name} has null where a card needs a value: {error}") from None
    if (folder / CARD).read_bytes() != card.encode():
        raise ValueError(f"{CARD} of {folder.name} is not what its files say: run `python docs/draw.py`")


def plan(folder: Path, repo_id: str | None = None, *, token: str | None = None) -> Plan:
    """Run `check` on a folder and compare it with the Hub, without an upload; "owner/name" needs no login.

    `repo_id` is "owner/name", or just a name for a repository of the current user, by default that of the folder.
    """
    folder = folder.resolve()
    check(folder)
    api = HfApi(token=token)
    repo_id = full_id(api, repo_id or folder.name)
    with hub_errors(repo_id):
        return plan_upload(folder, _files(folder), repo_id, repository_info(api, repo_id))


def publish(
    folder: Path,
    repo_id: str | None = None,
    *,
    private: bool = False,
    collection: str | None = None,
    tag: str | None = None,
    token: str | None = None,
) -> Published:
    """Run `check` on a folder and make a repository hold exactly its files, in one commit if they differ.

    `repo_id` is as in `plan`; a missing repository is created, as a private one with `private`. `collection` is the
    title of a collection of the owner, created if missing; `tag` is a name for the commit. Raises ValueError, with
    nothing overwritten, if somebody else commits at the same time or the tag names another commit.
    """
    folder = folder.resolve()
    check(folder)
    api = HfApi(token=token)
    repo_id = full_id(api, repo_id or folder.name)
    with hub_errors(repo_id):
        tagged = _tagged(api, repo_id, tag)
        if tagged is not None:
            ahead = plan_upload(folder, _files(folder), repo_id, repository_info(api, repo_id))
            if ahead.changes or ahead.parent != tagged:
                raise ValueError(f"tag={tag!r} of {repo_id!r} names another commit: choose a new one")
        done, commit = upload(
            api, folder, _files(folder), repo_id, f"Publish {folder.name} with vqzoo", private or None
        )
        if tag is not None and tagged is None:
            api.create_tag(repo_id, tag=tag, revision=commit.oid)
        if collection is not None:
            created = api.create_collection(collection, namespace=repo_id.split("/")[0], exists_ok=True)
            api.add_collection_item(created.slug, repo_id, "model", exists_ok=True)
    return Published(done, commit.oid, f"{api.endpoint}/{repo_id}")


def _files(folder: Path) -> list[str]:
    """Return the names of the files of a folder that has passed `check`."""
    return [*FILES, *(name for name in OPTIONAL if (folder / name).is_file())]


def _tagged(api: HfApi, repo_id: str, tag: str | None) -> str | None:
    """Return the commit that a tag names already, None if there is no such tag."""
    if tag is None or repository_info(api, repo_id) is None:
        return None
    return next((ref.target_commit for ref in api.list_repo_refs(repo_id).tags if ref.name == tag), None)


@torch.inference_mode()
def _check_rate(name: str, tokenizer: Tokenizer, metrics: dict[str, Any]) -> None:
    """Compare the three rates with one another and with the tokenizer's count, for the square image that they imply."""
    bits, per_pixel, channels = metrics["bits_per_image"], metrics["bits_per_pixel"], tokenizer.autoencoder.channels
    pixels = round(bits / per_pixel) if bits < per_pixel * 1e12 else 0
    side = math.isqrt(pixels)
    share = metrics["share_of_raw"] * 8 * channels
    if not pixels or side * side != pixels or not math.isclose(share, per_pixel, rel_tol=1e-6):
        raise ValueError(
            f"{METRICS} of {name}: bits_per_image, bits_per_pixel and share_of_raw are not those of one square image "
            f"of {channels} channels; measure the weights again"
        )
    # A large image has a multiple of the indices of the smallest one, which needs far less memory.
    tokens = tokenizer.encode(torch.zeros(1, channels, tokenizer.multiple, tokenizer.multiple))
    counted = 0.0
    for number, (quantizer, grid) in enumerate(zip(tokenizer.quantizers, tokens.grids, strict=True)):
        shares: Sequence[float] = (1.0,)
        if len(quantizer.cell_bits) > 1:  # What a cell costs depends on the choices that were made on the split.
            level = metrics["levels"][number] if "levels" in metrics else metrics
            shares = list(level["selection"].values())
        per_cell = sum(share * bits for share, bits in zip(shares, quantizer.cell_bits, strict=True))
        counted += grid.shape[1] * grid.shape[2] * per_cell
    counted *= (-(-side // tokenizer.multiple)) ** 2
    if not math.isclose(bits, counted, rel_tol=1e-6):
        raise ValueError(
            f"{METRICS} of {name}: bits_per_image is {bits:,.2f}, but the tokenizer counts {counted:,.2f} for an image "
            f"of {side} x {side} pixels; measure the weights again"
        )
