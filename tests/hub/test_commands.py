"""`vqzoo publish`, and the other commands on what was published, against the Hub double."""

import json

import pytest

from vqzoo.cli import main
from vqzoo.hub.registry import CARDS_VARIABLE

from .double import STRANGER

NAME = "toy-vq-16x8"
ID = f"owner/{NAME}"
FILES = ["README.md", "config.json", "model.safetensors", "metrics.json", "usage.json"]


@pytest.fixture
def card(make_card, monkeypatch):
    """A registry of one model, which can be published."""
    folder = make_card(NAME)
    monkeypatch.setenv(CARDS_VARIABLE, str(folder.parent))
    return folder


@pytest.fixture
def run(capsys):
    """The standard output of a command line; its exit code is 0."""

    def run(*arguments):
        assert main([str(each) for each in arguments]) == 0
        return capsys.readouterr().out

    return run


@pytest.fixture
def fails(capsys):
    """The one line on standard error of a command line whose exit code is 1."""

    def run(*arguments):
        assert main([str(each) for each in arguments]) == 1
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and err.startswith("error: ")
        return err

    return run


def test_a_plan_changes_nothing(hub, card, capsys):
    assert main(["publish", NAME]) == 0
    out, err = capsys.readouterr()
    assert hub.repos == {} and err == "nothing was changed: --yes publishes\n"
    words = [line.split() for line in out.splitlines()]
    assert words[0] == ["repository", ID] and ["new", "model.safetensors"] in words and len(words) == 2 + len(FILES)
    assert "none: the repository is new" in out


def test_yes_publishes_in_one_commit(hub, card, run):
    options = ["--to", "zoo/tokenizer", "--private", "--collection", "Tokenizers", "--tag", "v1", "--yes", "--json"]
    told = json.loads(run("publish", card, *options))
    repo = hub.repos["zoo/tokenizer"]
    assert told["repository"] == "zoo/tokenizer" and told["files"] == dict.fromkeys(FILES, "new")
    assert told["commit"] == repo.head.sha and told["url"] == f"{hub.endpoint}/zoo/tokenizer"
    assert {name: repo.head.files[name] for name in FILES} == {name: (card / name).read_bytes() for name in FILES}
    assert repo.private and repo.tags == {"v1": repo.head.sha} and len(hub.collections) == 1
    assert hub.asked("POST", "*/commit/*") == ["/api/models/zoo/tokenizer/commit/main"]


def test_what_has_not_changed_is_not_sent_again(hub, card, run):
    run("publish", NAME, "--yes")
    before = hub.repos[ID].head.sha
    told = json.loads(run("publish", NAME, "--json"))
    assert told["files"] == dict.fromkeys(FILES, "same") and told["parent"] == before and told["commit"] is None
    run("publish", NAME, "--yes")
    assert hub.repos[ID].head.sha == before


def test_what_cannot_be_published_is_one_line(hub, card, fails, monkeypatch):
    assert "is no name of a Hub repository" in fails("publish", NAME, "--to", "a/b/c")
    with hub.down():
        assert "the Hub cannot be reached" in fails("publish", NAME, "--yes", "--json")
    monkeypatch.setenv("HF_TOKEN", STRANGER)
    assert "you may not write" in fails("publish", NAME, "--to", ID, "--yes")
    (card / "usage.json").unlink()
    assert "there is no usage.json" in fails("publish", NAME)
    assert hub.repos == {}


@pytest.fixture
def published(hub, card, run, tmp_path, monkeypatch):
    """The same model on the Hub, and none on this machine."""
    run("publish", NAME, "--yes")
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv(CARDS_VARIABLE, str(tmp_path / "empty"))
    monkeypatch.chdir(tmp_path / "empty")
    return hub.repos[ID].head.sha


def test_what_is_published_is_listed_if_asked_for(published, run, capsys):
    assert run("list", "--json") == "[]\n"
    (model,) = [model for model in json.loads(run("list", "--live", "--json")) if model["name"] == NAME]
    assert (model["origin"], model["repo_id"], model["revision"]) == ("hub", ID, published)
    assert model["quantizers"] == ["vq"] and model["metrics"]["psnr"] > 0
    assert NAME in run("list", "--author", "owner") and run("list", "--author", "stranger") == ""
    assert main(["list", "--live"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("source", [NAME, ID])
def test_info_on_what_is_published(published, run, source):
    told = json.loads(run("info", source, "--json"))
    assert told["repo_id"] == ID and list(told["files"]) == ["model.safetensors"]
    lines = [" ".join(line.split()) for line in run("info", source).splitlines()]
    assert f"revision {published}" in lines and not any(line.startswith("on ") for line in lines)


def test_load_check_downloads(published, run):
    assert "FAILED" not in run("load-check", ID) and "FAILED" not in run("load-check", f"{ID}@{published}")


def test_load_check_of_what_is_not_there(published, fails):
    assert "owner/absent" in fails("load-check", "owner/absent")


def test_only_a_folder_can_be_measured_or_published(published, fails):
    assert f"model='{NAME}'" in fails("evaluate", NAME)
    assert f"model='{ID}'" in fails("publish", ID)
