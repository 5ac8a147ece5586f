"""Nothing that a stranger puts into a model's files does harm: it is refused in one sentence, soon, in little memory.

The cases are in hostile.py. All of them are read from local folders, in one other process; some come from the Hub.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

import vqzoo
from vqzoo.hub.model import read_model
from vqzoo.hub.registry import CARDS_VARIABLE, list_models, local_models
from vqzoo.hub.table import zoo_table

from . import hostile

CASES = hostile.cases(Path("unused"))


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """What came of all cases in another process."""
    command = [sys.executable, hostile.__file__, str(tmp_path_factory.mktemp("hostile"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_there_are_many_cases_of_every_kind():
    kinds = [name.split(":")[0] for name in CASES]
    least = {"weights": 120, "config": 120, "metrics": 40, "usage": 30}
    assert {kind: kinds.count(kind) >= number for kind, number in least.items()} == dict.fromkeys(least, True)


def test_each_is_refused_with_one_short_sentence(result):
    answers = result["answers"]
    assert answers.keys() == CASES.keys()
    wrong = {
        name: answer
        for name, answer in answers.items()
        if answer["error"] != "ValueError" or not 10 < len(answer["text"]) <= 300 or not answer["text"].isprintable()
    }
    assert not wrong


def test_it_takes_little_memory(result):
    """Of all of them together, above what the process held when it had loaded a good one."""
    assert result["grown"] < 200e6, {k: v["grown"] for k, v in result["answers"].items() if v["grown"] > 20e6}


def test_none_takes_long(result):
    """The longest builds a network of some thousand layers until there are more than the weights can fill."""
    slow = {name: answer["seconds"] for name, answer in result["answers"].items() if answer["seconds"] > 10}
    assert not slow


def test_nothing_is_run_and_nothing_is_written(result):
    assert not result["canary"] and result["left"] == ["good-one"]
    assert not [name for name, answer in result["answers"].items() if answer["written"]]


def test_the_canary_is_alive(tmp_path):
    """Unpickled, the bomb does go off."""
    import pickle

    pickle.loads(pickle.dumps(hostile.Bomb(tmp_path / "canary"))).close()
    assert (tmp_path / "canary").exists()


def test_what_all_cases_begin_with_is_good(tmp_path):
    folder = tmp_path / hostile.NAME
    folder.mkdir()
    hostile.make_good(folder)
    for about in ("weights", "config", "metrics", "usage"):
        hostile.read(folder, about)


SAMPLE = [
    name
    for number, name in enumerate(CASES)
    if name.split(":")[0] in ("weights", "config")
    and not any(word in name for word in ("link", "pipe", "directory", "gigabyte"))
    and number % 16 == 0
]


@pytest.mark.parametrize("name", SAMPLE)
def test_from_the_hub_it_is_refused_as_well(hub, tmp_path, name):
    folder = tmp_path / hostile.NAME
    folder.mkdir()
    hostile.make_good(folder)
    hostile.cases(tmp_path / "canary")[name](folder)
    hub.put(f"evil/{hostile.NAME}", {path.name: path.read_bytes() for path in folder.iterdir()})
    with pytest.raises(ValueError) as error:
        vqzoo.load(f"evil/{hostile.NAME}")
    assert 10 < len(str(error.value)) <= 300 and str(error.value).isprintable()
    assert not (tmp_path / "canary").exists()
    assert {path.name for path in tmp_path.iterdir()} <= {hostile.NAME, "hf_home"}
    for path in Path(constants.HF_HUB_CACHE).rglob("*"):
        assert path.resolve().is_relative_to(Path(constants.HF_HUB_CACHE).resolve())


TRAVERSING = [
    "../../evil",
    "/etc/cron.d/evil",
    "..\\evil",
    "a/../../evil",
    "config.json/../../evil",
    ".git/hooks/pre-push",
]


@pytest.mark.parametrize("name", TRAVERSING)
def test_names_of_other_files_are_never_followed(hub, tmp_path, name):
    """The two that are wanted are fetched by name; whatever else a repository lists is left there."""
    folder = tmp_path / hostile.NAME
    folder.mkdir()
    hostile.make_good(folder)
    hub.put("evil/x", {path.name: path.read_bytes() for path in folder.iterdir()} | {name: b"boom"})
    vqzoo.load("evil/x")
    assert not list(tmp_path.rglob("*evil")) and not list(tmp_path.rglob("pre-push"))
    assert {asked.rsplit("/", 1)[1] for asked in hub.asked("GET", "*/resolve/*")} == {
        "config.json",
        "model.safetensors",
    }


NAMES = [
    "<img src=x onerror=alert(1)>",
    "a](javascript:alert(1))",
    "a|b",
    "a b",
    "a\nb",
    "-rf",
    ".hidden",
    "x" * 97,
    "é",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_markup_is_none(tmp_path, monkeypatch, name):
    """Pages and tables show names as they are: no folder that could be mistaken for markup is listed."""
    folder = tmp_path / name
    folder.mkdir()
    hostile.make_good(folder)
    monkeypatch.setenv(CARDS_VARIABLE, str(tmp_path))
    models, damaged = local_models()
    assert models == [] and len(damaged) == 1
    assert (damaged[0].name + damaged[0].why).isprintable() and not set("<>") & set(damaged[0].name + damaged[0].why)
    with pytest.warns(UserWarning, match="is no name of a model"):
        assert list_models() == []


def test_the_table_of_a_good_one_has_no_markup(tmp_path):
    folder = tmp_path / hostile.NAME
    folder.mkdir()
    hostile.make_good(folder)
    assert not set("<>") & set(zoo_table([read_model(folder)]))
