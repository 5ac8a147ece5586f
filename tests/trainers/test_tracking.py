"""What is logged lands in trackio's store on this machine, and nothing leaves it."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from PIL import Image

from trainers.loop.tracking import _by_rank, log_samples, log_use, start

needs_trackio = pytest.mark.skipif(find_spec("trackio") is None, reason="trackio, which is optional, is not installed")

SCRIPT = """
import json, sys
reached = []
def look(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        reached.append([event, repr(arguments[-1] if event == "socket.connect" else arguments)])
sys.addaudithook(look)

from pathlib import Path
import torch
from accelerate import Accelerator
from trainers.loop.tracking import log_samples, log_use, start

accelerator = Accelerator(cpu=True, log_with="trackio")
for resume in (False, True):
    start(accelerator, "some-run", {"steps": 8, "betas": [0.9, 0.999]}, resume)
    accelerator.log({"loss": 0.5}, step=2 + 2 * resume)
    log_samples(accelerator, Path(sys.argv[1]), 2 + 2 * resume)
    log_use(accelerator, [torch.tensor([0, 6, 2]), torch.tensor([0, 0])], 2 + 2 * resume)
    log_use(accelerator, [], 2 + 2 * resume)
    accelerator.end_training()
    accelerator.trackers.clear()
print(json.dumps(reached), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """(trackio's folder, the PNG that was logged, the connections that were tried) after a run and its resumption, by
    somebody who is logged in at the Hub."""
    root = tmp_path_factory.mktemp("tracked")
    Image.new("RGB", (6, 4), (200, 30, 10)).save(root / "step-00000002.png")
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    environment |= {
        "TRACKIO_DIR": str(root / "store"),
        "HF_TOKEN": "hf_not_a_token",
        "HF_ENDPOINT": "http://127.0.0.1:9",
    }
    command = [sys.executable, "-c", SCRIPT, str(root / "step-00000002.png")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return root / "store", root / "step-00000002.png", json.loads(done.stderr.splitlines()[-1])


@needs_trackio
def test_nothing_contacts_a_network(tracked):
    assert tracked[2] == []


@needs_trackio
def test_what_is_logged_is_in_the_store(tracked):
    store, png, _ = tracked
    with contextlib.closing(sqlite3.connect(store / "vqzoo.db")) as database:
        rows = database.execute("select run_name, step, metrics from metrics order by id").fetchall()
        configs = database.execute("select config from configs").fetchall()
    assert [(name, step) for name, step, _ in rows] == [("some-run", step) for step in (2, 2, 2, 4, 4, 4)]
    scalars, samples, use = (json.loads(values) for _, _, values in rows[:3])
    assert scalars == {"loss": 0.5}
    assert samples["samples"]["caption"] == "step 2"
    assert (store / "media" / samples["samples"]["file_path"]).read_bytes() == png.read_bytes()
    assert use == {"use/0": {"_type": "trackio.histogram", "bins": [0, 1, 2, 3], "values": [0.75, 0.25, 0.0]}}
    assert [json.loads(config)["steps"] for (config,) in configs] == [8]


@pytest.mark.parametrize("size", [1, 3, 64, 65, 1000])
def test_bins_hold_all_codevectors_and_all_choices(size):
    counts = torch.randint(0, 50, (size,), generator=torch.Generator().manual_seed(size)) + 1
    shares, edges = _by_rank(counts)
    assert (edges[0], edges[-1], len(shares)) == (0, size, min(64, size))
    ranked = sorted((counts / counts.sum()).tolist(), reverse=True)
    expected = [sum(ranked[low:high]) for low, high in zip(edges, edges[1:], strict=False)]
    assert shares == pytest.approx(expected, abs=1e-6)
    assert sum(shares) == pytest.approx(1)


def test_nothing_happens_where_nothing_is_tracked(monkeypatch):
    monkeypatch.setenv("TRACKIO_SPACE_ID", "somebody/space")
    accelerator = Accelerator(cpu=True)
    start(accelerator, "some-run", {}, False)
    log_samples(accelerator, Path("no such file.png"), 1)
    log_use(accelerator, [torch.ones(3)], 1)
    assert accelerator.trackers == []


@needs_trackio
@pytest.mark.parametrize("variable", ["TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL"])
def test_an_environment_that_sends_runs_elsewhere_is_refused(variable, monkeypatch):
    monkeypatch.setenv(variable, "somebody/space")
    with pytest.raises(ValueError, match=f"unset {variable}"):
        start(Accelerator(cpu=True, log_with="trackio"), "some-run", {}, False)
