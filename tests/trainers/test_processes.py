"""Two processes train what one does: every quantizer, whole batches and batches in parts, epochs that end in between.

pytest runs the tests; the tests run this file as a script, once a process.
"""

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import trainers.data.open
from trainers.loop import checkpoint
from trainers.loop.fit import fit
from trainers.loop.options import Options
from trainers.loop.session import Session
from trainers.recipes.recipe import Recipe, Settings
from vqzoo.analysis.log import read
from vqzoo.quantizers import QUANTIZERS

STEPS = 6
WORLD = 2
PATIENCE = 400
"""Seconds; processes that do not exchange the same things wait for each other for ever."""
MORE: dict[str, Settings] = {
    "vq-kmeans": {"name": "vq", "start": "kmeans", "metric": "cosine"},
    "vq-probrandom": {"name": "vq", "start": "latents", "revival": "probrandom"},
    "ema-restart": {"name": "ema", "start": "latents", "revival": "restart"},
    "cvq-random": {"name": "cvq", "anchors": "random"},
}
CASES = {f"{name}-{parts}": (name, parts) for name in (*QUANTIZERS, *MORE) for parts in (1, 2)}
"""By one step or two parts of it; every other quantizer is trained with Muon."""


def main(folder: Path) -> None:
    """Train every case of folder/recipes.json, this process being one of those that the environment tells of."""
    cases = json.loads((folder / "recipes.json").read_text())
    torch.set_num_threads(1)
    os.sched_getaffinity = lambda process: {0}
    splits = trainers.data.open.open_splits(cases["data"], ["train", "test"], cases["data"])
    trainers.data.open.open_splits = lambda *arguments: splits  # once for all of them
    for name, recipe in cases["recipes"].items():
        runs = folder / os.environ.get("WORLD_SIZE", "1") / name
        fit(Session(Recipe.from_dict(recipe), Options(cases["data"], runs, folder / "cards")))
    os._exit(0)  # what is left of the exchange has nobody to say goodbye to


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny, data) -> Path:
    """A folder with every case trained by one process and by two; 37 images, batches of 8, six steps."""
    folder = tmp_path_factory.mktemp("processes")
    recipes = {}
    # The seed is one with which no gradient is so near to zero that Adam makes a step of how its sum was rounded.
    for case, (name, parts) in CASES.items():
        settings = MORE.get(name, {})
        recipe = tiny(
            settings.get("name", name), steps=STEPS, evaluate_every=STEPS, train_images=37, accumulate=parts, seed=7
        )
        recipe = replace(recipe, quantizer=recipe.quantizer | settings, flip=True, crop=12, scale=(0.5, 1.0))
        recipe = replace(recipe, optimizer="muon" if len(recipes) // 2 % 2 else "adam")
        recipes[case] = replace(recipe, crop=0).to_dict() if name == "multiscale" else recipe.to_dict()
    (folder / "recipes.json").write_text(json.dumps({"data": str(data), "recipes": recipes}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(WORLD)}
    places = [{}, *({**meeting, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(WORLD))]
    processes = []
    for number, position in enumerate(places):
        with (folder / f"errors{number}").open("w") as errors:
            command = [sys.executable, __file__, str(folder)]
            quiet = {"stdout": subprocess.DEVNULL, "stderr": errors}
            processes.append(subprocess.Popen(command, env=os.environ | position, **quiet))
    try:
        codes = [process.wait(PATIENCE) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert codes == [0] * len(places), "\n".join((folder / f"errors{n}").read_text() for n in range(len(places)))
    return folder


@pytest.mark.trap("T9")
@pytest.mark.parametrize("case", CASES)
def test_two_processes_learn_what_one_learns(folder, case):
    from .same import without_times  # not above: run as a script, this file is in no package

    runs = [folder / str(world) / case / "cifar10-vq-1024x128" for world in (1, WORLD)]
    one, two = (checkpoint.read(run / f"checkpoints/step-{STEPS:08d}.pt") for run in runs)
    assert [len(state["processes"]) for state in (one, two)] == [1, WORLD]
    torch.testing.assert_close(two["model"], one["model"], rtol=1e-4, atol=2e-5)
    alone, together = (read(run / "metrics.jsonl") for run in runs)
    for row, other in zip(alone, together, strict=True):
        expected = without_times(row)
        assert {key: other[key] for key in expected} == pytest.approx(expected, rel=1e-3, abs=1e-5)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
