"""Publishing, with the real client against the Hub double: what is checked, what is sent, and what is said."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from huggingface_hub import HfApi, ModelCard, constants
from safetensors.torch import load_file, save_file

from vqzoo.files.remote import CARD, FILES, hub_tags
from vqzoo.files.storage import CONFIG, MAP, WEIGHTS, read_json, sha256, write_json
from vqzoo.hub.card import METRICS, USAGE, model_card
from vqzoo.hub.publish import check, plan, publish
from vqzoo.hub.registry import cards_folder
from vqzoo.tokenizer import Tokenizer

from .conftest import tiny
from .double import STRANGER

ID = "owner/toy-vq-16x8"


def on_disk(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def edit(folder: Path, **metrics) -> None:
    record = read_json(folder / METRICS)
    record["metrics"] |= metrics
    write_json(folder / METRICS, record)
    (folder / CARD).write_text(model_card(record, read_json(folder / CONFIG)))


def without(folder: Path, *keys: str) -> None:
    record = read_json(folder / METRICS)
    inner = record
    for key in keys[:-1]:
        inner = inner[key]
    del inner[keys[-1]]
    write_json(folder / METRICS, record)


# What is checked.


def test_a_whole_folder_passes(make_card):
    check(make_card())


@pytest.mark.parametrize("name", ["cifar10-adaptive-65536", "cifar10-looc-256x4-factor2", "cifar10-fsq-8-5-5-5"])
def test_shipped_folders_agree_with_themselves(name, tmp_path):
    folder = tmp_path / name
    shutil.copytree(cards_folder() / name, folder)
    check(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(make_card, name):
    folder = make_card()
    (folder / name).unlink()
    with pytest.raises(ValueError, match=f"toy-vq-16x8: there is no {name}; a card folder holds README.md, config"):
        check(folder)


def test_the_files_are_those_that_cards_are_made_of():
    assert set(FILES) == {CARD, CONFIG, WEIGHTS, METRICS, USAGE}


def other_weights(folder: Path) -> None:
    state = load_file(folder / WEIGHTS)
    key = next(key for key, tensor in state.items() if tensor.ndim == 2)
    save_file(state | {key: torch.zeros(3, 3)}, folder / WEIGHTS)


DAMAGES = {
    "another name": (
        lambda f: f.rename(f.with_name("toy-vq-32x8")),
        r"name='toy-vq-16x8'; expected that of the folder",
    ),
    "a file too many": (lambda f: (f / "optimizer.pt").touch(), "optimizer.pt does not belong here"),
    "a card by hand": (
        lambda f: (f / CARD).write_text("# Best"),
        "is not what its files say: run `python docs/draw.py`",
    ),
    "an older card": (lambda f: write_json(f / METRICS, edited(f, psnr=12.6)), "run `python docs/draw.py`"),
    "weights of another": (other_weights, r"has shape \(3, 3\)"),
    "no weights": (lambda f: (f / WEIGHTS).write_bytes(b"x" * 40), "cut short or no safetensors file"),
    "half the rate": (
        lambda f: edit(f, bits_per_image=8.0, bits_per_pixel=0.125, share_of_raw=0.125 / 24),
        "bits_per_image is 8.00, but the tokenizer counts 16.00 for an image of 8 x 8 pixels",
    ),
    "another share": (lambda f: edit(f, share_of_raw=0.5), "are not those of one square image of 3 channels"),
    "no square": (lambda f: edit(f, bits_per_image=17.0), "are not those of one square image"),
    "no rate": (lambda f: edit(f, bits_per_pixel=0.0), "are not those of one square image"),
    "not finite": (lambda f: edit(f, psnr=float("inf")), "holds NaN, infinity"),
    "not a number, deep": (
        lambda f: edit(f, levels=[{"usage": float("nan"), "dead": 1, "perplexity": 1.0}]),
        "holds NaN, infinity",
    ),
    "no training": (
        lambda f: without(f, "training"),
        "README.md of toy-vq-16x8 is not what its files say",
    ),
    "broken usage": (lambda f: (f / USAGE).write_text("[1, 2"), "usage.json of toy-vq-16x8 is not valid JSON"),
    "broken config": (
        lambda f: (f / CONFIG).write_text("{}"),
        "config.json of toy-vq-16x8: resolution is None",
    ),
}


def edited(folder: Path, **metrics) -> dict:
    record = read_json(folder / METRICS)
    record["metrics"] |= metrics
    return record


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_does_not_agree_is_said(make_card, damage):
    folder = make_card()
    do, message = DAMAGES[damage]
    do(folder)
    if not folder.exists():
        folder = folder.with_name("toy-vq-32x8")
    with pytest.raises(ValueError, match=message):
        check(folder)


def test_the_rate_is_that_of_the_size_that_was_measured(make_card):
    """Not of the size that it was trained on."""
    folder = make_card()
    edit(folder, bits_per_image=64.0)
    check(folder)


def test_no_folder_is_said(tmp_path):
    with pytest.raises(ValueError, match="is no folder"):
        check(tmp_path / "absent")


# What is sent.


def test_publishing_creates_a_repository_with_one_commit(hub, make_card):
    folder = make_card()
    done = publish(folder)
    repo = hub.repos[ID]
    assert [commit.message for commit in repo.commits] == ["initial commit", "Publish toy-vq-16x8 with vqzoo"]
    assert repo.files == on_disk(folder) and not repo.private
    assert done.commit == repo.head.sha and done.url == f"{hub.endpoint}/{ID}"
    assert done.plan.files == dict.fromkeys(FILES, "new") and done.plan.parent == repo.commits[0].sha


def test_publishing_again_changes_nothing(hub, make_card):
    folder = make_card()
    first = publish(folder)
    hub.requests.clear()
    again = publish(folder, ID)
    assert again.commit == first.commit == hub.repos[ID].head.sha and len(hub.repos[ID].commits) == 2
    assert again.plan.changes == [] and set(again.plan.files.values()) == {"same"}
    assert {method for method, _ in hub.requests} == {"GET"}, "nothing was sent"


def test_only_what_changed_is_sent(hub, make_card):
    folder = make_card()
    publish(folder)
    hub.requests.clear()
    edit(folder, psnr=20.0)
    done = publish(folder)
    assert done.plan.changes == [CARD, METRICS] and len(hub.repos[ID].commits) == 3
    assert hub.repos[ID].files == on_disk(folder)
    assert not hub.asked("PUT") and not hub.asked("POST", "*/lfs/*"), "weights travelled again"
    assert not hub.asked("POST", "/api/repos/create")


def test_a_plan_sends_nothing(hub, make_card):
    folder = make_card()
    fresh = plan(folder, ID)
    assert fresh.parent is None and fresh.files == dict.fromkeys(FILES, "new") and hub.repos == {}
    publish(folder)
    make_card(seed=1)
    hub.requests.clear()
    ahead = plan(folder)
    assert ahead.repo_id == ID and ahead.parent == hub.repos[ID].head.sha
    assert ahead.changes == [WEIGHTS] and ahead.files[CARD] == "same"
    assert {method for method, _ in hub.requests} == {"GET"} and len(hub.repos[ID].commits) == 2


def test_a_plan_needs_no_login(hub, make_card, monkeypatch):
    publish(make_card())
    monkeypatch.delenv("HF_TOKEN")
    assert plan(make_card(), ID).changes == []


def test_maps_of_the_codebook_go_along_and_go_again(hub, make_card):
    folder = make_card()
    mark = sha256(folder / WEIGHTS)
    write_json(folder / MAP, {"weights_sha256": mark})
    assert publish(folder, ID).plan.files == dict.fromkeys([*FILES, MAP], "new")
    assert hub.repos[ID].head.files[MAP] == (folder / MAP).read_bytes()
    write_json(folder / MAP, {"weights_sha256": mark[::-1]})
    with pytest.raises(ValueError, match="is of other weights: run `python -m trainers.maps"):
        check(folder)
    (folder / MAP).unlink()
    assert publish(folder, ID).plan.files == dict.fromkeys(FILES, "same") | {MAP: "gone"}
    assert set(hub.repos[ID].head.files) >= set(FILES) and MAP not in hub.repos[ID].head.files


def test_files_of_others_are_left_alone(hub, make_card):
    hub.put(ID, {"samples.png": b"picture", "notes/README.md": b"mine"})
    folder = make_card()
    done = publish(folder)
    assert hub.repos[ID].files == on_disk(folder) | {"samples.png": b"picture", "notes/README.md": b"mine"}
    assert set(done.plan.files) == set(FILES)


def test_the_card_on_the_hub_says_what_it_is(hub, make_card):
    publish(make_card())
    tags = ["vqzoo", "image-tokenizer", "quantizer:vq", "f:4", "pe:none", "dataset:toy", "bits:16"]
    (actual,) = HfApi().list_models(filter=tags)
    assert actual.id == ID
    card = ModelCard.load(ID)
    assert card.data.tags == tags and card.data.library_name == "vqzoo"
    results = {result.metric_type: result.metric_value for result in card.data.eval_results}
    assert results["psnr"] == 12.5 and results["bits_per_image"] == 16.0 and "lpips" not in results


def test_several_levels_are_found_by_each_and_a_name_only_once():
    tags = hub_tags(["vq", "vq"], (16, 8), "learned")
    assert tags == ["vqzoo", "image-tokenizer", "quantizer:vq", "f:16", "f:8", "pe:learned"]


def test_an_organisation_a_private_repository_and_another_name(hub, make_card):
    publish(make_card(), "zoo/other", private=True)
    assert list(hub.repos) == ["zoo/other"] and hub.repos["zoo/other"].private
    assert publish(make_card(), "zoo/other", private=True).plan.changes == []


def test_what_is_public_is_not_published_as_private(hub, make_card):
    publish(make_card())
    make_card(seed=1)
    with pytest.raises(ValueError, match="'owner/toy-vq-16x8' is public already: make it private in its settings"):
        publish(make_card(), private=True)
    assert len(hub.repos[ID].commits) == 2


def test_a_collection_is_made_once_and_holds_the_model_once(hub, make_card):
    for name in ("toy-vq-16x8", "toy-vq-16x8", "toy-vq-16x8-other"):
        publish(make_card(name), f"zoo/{name}", collection="Image tokenizers")
    (collection,) = hub.collections.values()
    assert collection["owner"] == "zoo" and collection["title"] == "Image tokenizers"
    assert [(item["id"], item["type"]) for item in collection["items"]] == [
        ("zoo/toy-vq-16x8", "model"),
        ("zoo/toy-vq-16x8-other", "model"),
    ]


def test_a_tag_names_one_commit_for_good(hub, make_card):
    folder = make_card()
    first = publish(folder, tag="v1")
    assert hub.repos[ID].tags == {"v1": first.commit}
    assert publish(folder, tag="v1").commit == first.commit
    edit(folder, psnr=20.0)
    with pytest.raises(ValueError, match=f"tag='v1' of '{ID}' names another commit: choose a new one"):
        publish(folder, tag="v1")
    assert len(hub.repos[ID].commits) == 2, "refused before anything was sent"
    second = publish(folder, tag="v2")
    assert hub.repos[ID].tags == {"v1": first.commit, "v2": second.commit}
    with pytest.raises(ValueError, match="tag='v1'"):
        publish(folder, tag="v1")


# What goes wrong.


@pytest.mark.parametrize("there_before", [False, True])
def test_a_lost_race_overwrites_nothing(hub, make_card, there_before):
    if there_before:
        hub.put(ID, {CARD: b"first"})

    def somebody_else(repo_id: str) -> None:
        hub.before_commit = None
        hub.put(repo_id, {CARD: b"theirs"})

    hub.before_commit = somebody_else
    with pytest.raises(ValueError, match=f"'{ID}' was changed on the Hub while this was being uploaded; nothing was"):
        publish(make_card())
    assert hub.repos[ID].files == {CARD: b"theirs"}
    publish(make_card())
    assert hub.repos[ID].files == on_disk(make_card())


@pytest.mark.parametrize("do", [plan, publish])
def test_what_does_not_agree_is_not_even_asked_about(hub, make_card, do):
    folder = make_card()
    (folder / CARD).write_text("# Best")
    with pytest.raises(ValueError, match="python docs/draw.py"):
        do(folder, ID)
    assert hub.requests == []


def test_who_is_not_logged_in_is_told_how(hub, make_card, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    for repo_id, message in ((None, "you are not logged in"), (ID, "the Hub does not know you")):
        with pytest.raises(ValueError, match=rf"^{message}.*`hf auth login`, or set HF_TOKEN"):
            publish(make_card(), repo_id)
    assert hub.repos == {}


def test_a_wrong_token_is_told(hub, make_card):
    with pytest.raises(ValueError, match="the Hub does not know you, or not this token"):
        publish(make_card(), token="hf_wrong")


@pytest.mark.parametrize("state", ["absent", "public", "private"])
def test_a_name_of_somebody_else_is_refused(hub, make_card, state):
    if state != "absent":
        hub.put(ID, {"a": b"b"}, private=state == "private")
    with pytest.raises(ValueError, match=f"you may not write to '{ID}': it belongs to somebody else"):
        publish(make_card(), ID, token=STRANGER)
    assert ID not in hub.repos or hub.repos[ID].files == {"a": b"b"}


def test_a_card_that_the_hub_does_not_take_is_said(hub, make_card):
    hub.card_fault = '"license" must be one of many'
    with pytest.raises(ValueError, match='^Invalid metadata in README.md. - "license" must be one of many'):
        publish(make_card())
    assert hub.repos[ID].files == {}


@pytest.mark.parametrize("repo_id", ["a/b/c", "owner/two words", "owner/.hidden-"])
def test_an_impossible_name_is_said(hub, make_card, repo_id):
    with pytest.raises(ValueError, match="is no name of a Hub repository; expected 'owner/name'"):
        publish(make_card(), repo_id)
    assert hub.requests == []


def test_without_a_network(hub, make_card, monkeypatch):
    with hub.down(), pytest.raises(ValueError, match="the Hub cannot be reached"):
        publish(make_card(), ID)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match="HF_HUB_OFFLINE is set, so nothing can be published: unset it"):
        publish(make_card(), ID)


QUESTIONS = {
    "/api/models/owner/toy-vq-16x8": 0,
    "/api/repos/create": 0,
    "/api/validate-yaml": 0,
    "*/preupload/*": 1,
    "*/lfs/objects/batch": 0,
    "/objects/*": 1,
    "*/commit/main": 0,
}
"""What publishing asks, and whether the client repeats it by itself."""


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_hub_out_of_order_is_said_and_leaves_nothing_half_done(hub, make_card, question):
    hub.fail(20, 503, question)
    with pytest.raises(ValueError) as raised:
        publish(make_card(), ID)
    assert "the Hub is out of order" in str(raised.value) or "Nothing was committed" in str(raised.value)
    assert str(raised.value).endswith("try again later"), raised.value
    assert ID not in hub.repos or hub.repos[ID].files == {}
    hub.mend()
    publish(make_card(), ID)
    assert hub.repos[ID].files == on_disk(make_card())


@pytest.mark.parametrize("question", [question for question, repeated in QUESTIONS.items() if repeated])
def test_a_single_failure_of_what_can_be_repeated_is_not_seen(hub, make_card, question):
    hub.fail(1, 503, question)
    publish(make_card(), ID)
    assert hub.repos[ID].files == on_disk(make_card()) and len(hub.repos[ID].commits) == 2


# A tokenizer without a card.


def test_a_tokenizer_is_pushed_in_one_commit_and_comes_back_the_same(hub):
    tokenizer = tiny()
    commit = tokenizer.push_to_hub("owner/mine")
    repo = hub.repos["owner/mine"]
    assert commit.oid == repo.head.sha and [c.message for c in repo.commits[1:]] == ["Push a tokenizer with vqzoo"]
    assert repo.files.keys() == {CARD, CONFIG, WEIGHTS}
    images = torch.rand(2, 3, 8, 8) * 2 - 1
    assert torch.equal(Tokenizer.from_pretrained("owner/mine")(images).images, tokenizer(images).images)
    card = ModelCard.load("owner/mine")
    assert card.data.tags == ["vqzoo", "image-tokenizer", "quantizer:vq", "f:4", "pe:none"]
    assert card.data.library_name == "vqzoo" and "Nothing was measured" in card.text


def test_pushing_again_is_no_commit_and_settings_are_kept(hub):
    tokenizer = tiny()
    first = tokenizer.push_to_hub("mine", private=True, commit_message="here it is")
    assert hub.repos["owner/mine"].private and hub.repos["owner/mine"].head.message == "here it is"
    assert tokenizer.push_to_hub("mine").oid == first.oid and len(hub.repos["owner/mine"].commits) == 2


def test_a_pushed_tokenizer_leaves_no_measurements_of_another(hub, make_card):
    publish(make_card())
    hub.put(ID, {"samples.png": b"picture"})
    tiny().push_to_hub(ID)
    assert hub.repos[ID].files.keys() == {CARD, CONFIG, WEIGHTS, "samples.png"}
    assert len(hub.repos[ID].commits) == 4, "removed in the same commit"


def test_saving_and_pushing_in_one_go(hub, tmp_path):
    commit = tiny().save_pretrained(tmp_path / "mine", push_to_hub=True, commit_message="both")
    assert commit.oid == hub.repos["owner/mine"].head.sha and hub.repos["owner/mine"].head.message == "both"
    assert on_disk(tmp_path / "mine") == hub.repos["owner/mine"].files
    assert tiny().save_pretrained(tmp_path / "other", push_to_hub=True, repo_id="zoo/x") is not None
    assert tiny().save_pretrained(tmp_path / "other") is None and set(hub.repos) == {"owner/mine", "zoo/x"}


def test_a_card_that_is_there_is_not_overwritten_when_saving(tmp_path):
    (tmp_path / CARD).write_text("mine")
    tiny().save_pretrained(tmp_path)
    assert (tmp_path / CARD).read_text() == "mine" and json.loads((tmp_path / CONFIG).read_text()) == tiny().config


def test_pushing_where_one_may_not_is_said(hub):
    with pytest.raises(ValueError, match="you may not write to 'owner/mine'"):
        tiny().push_to_hub("owner/mine", token=STRANGER)
