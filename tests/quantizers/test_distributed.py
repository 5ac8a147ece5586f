"""Two processes train as one does on both their batches (trap: statistics that every process keeps for itself).

pytest runs the tests; the tests run this file as a script, once a process. Every quantizer of the table is held to it.
"""

import functools
import inspect
import json
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from vqzoo.metrics.codebook import codebook_stats, count_indices
from vqzoo.quantizers import QUANTIZERS, Quantizer, build
from vqzoo.quantizers.codebook import Codebook

STEPS = 20
WORLD = 2
LEARNING_RATE = 0.002
PATIENCE = 100
"""Seconds that a process waits for the other one; where they do not exchange the same things, that is for ever."""
SMALL = {"segments": 4, "code_dim": 4, "capacity": 128, "codebooks": 3, "scales": [1, 2, 4], "bits": 6, "width": 4}
"""Settings that a case leaves open; with few numbers to a latent, codevectors are apart enough for rounding."""

OTHERS: list[dict[str, Any]] = [
    {"name": "vq", "start": "latents", "revival": "random"},
    {"name": "vq", "metric": "cosine", "revival": "probrandom"},
    {"name": "ema", "revival": "probrandom"},
    {"name": "ema", "revival": "closest", "start": "latents"},
    {"name": "pq", "start": "kmeans", "revival": "restart"},
    {"name": "rvq", "start": "kmeans", "revival": "random"},
    {"name": "rq", "start": "kmeans", "revival": "probrandom"},
    {"name": "looc", "factor": 2, "revival": "random"},
    {"name": "adaptive", "revival": "restart"},
    {"name": "multiscale", "start": "kmeans", "revival": "restart"},
    {"name": "multiscale", "revival": "probrandom"},
    {"name": "hvq", "start": "kmeans", "revival": "probrandom"},
]
"""More pairs of a quantizer and what revives its codevectors than conftest.py has."""


def small(case: dict[str, Any]) -> dict[str, Any]:
    known = inspect.signature(QUANTIZERS[case["name"]]).parameters
    settings = {**SMALL, **case, "dim": 16, "codebook_size": 8}
    settings["segments"] = min(settings["segments"], 4)
    if case["name"] == "uniform" and "levels" in case:
        settings["levels"] = case["levels"][:16]
    return {key: value for key, value in settings.items() if key == "name" or key in known}


def run(case: dict[str, Any], rank: int, world: int) -> dict[str, Any]:
    """State, losses of the last step and counts of indices, this process having its share of every batch.

    Some codevectors fall out of use every few steps, so that those who revive them have something to do.
    """
    torch.manual_seed(0)
    quantizer = build(**case).train()
    parameters = list(quantizer.parameters())
    for parameter in parameters:  # apart from one another, so that nothing hangs on how a sum was rounded
        parameter.data.normal_(std=1 if parameter.ndim == 2 else 0.1)
    data = torch.Generator().manual_seed(1)
    height, width = (4, 6) if quantizer.multiple == 1 else (quantizer.multiple, 2 * quantizer.multiple)
    for step in range(STEPS):
        latents = torch.randn(2, height, width, case["dim"], generator=data).tensor_split(world)[rank]
        wish = torch.randn(2, height, width, case["dim"], generator=data).tensor_split(world)[rank]
        if step % 5 == 0:
            for module in quantizer.modules():
                if isinstance(module, Codebook) and module.revival != "none":
                    module.usage[:2] = 0
        out = quantizer(latents)
        if parameters:
            objective = torch.stack([*out.losses.values(), (out.latents * wish).mean()]).sum()
            gradient = torch.cat([each.flatten() for each in torch.autograd.grad(objective, parameters)])
            if world > 1:
                dist.all_reduce(gradient)
            moved = torch.nn.utils.parameters_to_vector(parameters) - LEARNING_RATE * gradient / world
            torch.nn.utils.vector_to_parameters(moved.detach(), parameters)
    losses = {name: loss.detach() for name, loss in out.losses.items()}
    counts = count_indices(out.indices, quantizer.index_sizes)
    return {"state": quantizer.state_dict(), "losses": losses, "counts": counts}


def main(folder: Path, rank: int) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder / 'meeting'}"
    dist.init_process_group("gloo", meeting, timedelta(seconds=PATIENCE), rank=rank, world_size=WORLD)
    cases = json.loads((folder / "cases.json").read_text())
    torch.save([run(case, rank, WORLD) for case in cases], folder / f"{rank}.pt")
    dist.destroy_process_group()


@functools.cache
def alone(case: str) -> dict[str, Any]:
    """What `run` gives for a case (JSON) with one process."""
    return run(json.loads(case), 0, 1)


@functools.cache
def together(cases: tuple[str, ...]) -> tuple[str, list[list[dict[str, Any]]]]:
    """What `run` gives for each of the cases, process by process, or what went wrong.

    Two processes are started once for them all. One that waits for the other in vain gives up by itself.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "cases.json").write_text(f"[{','.join(cases)}]")
        processes = [
            subprocess.Popen([sys.executable, __file__, name, str(rank)], stderr=subprocess.PIPE, text=True)
            for rank in range(WORLD)
        ]
        errors = [process.communicate()[1] for process in processes]
        if any(process.returncode for process in processes):
            return "\n".join(errors), []
        return "", [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(WORLD)]


def three_runs(case: dict[str, Any], cases: list[dict[str, Any]]) -> tuple[dict, dict, dict]:
    """The case run by one process alone, and by the first and the second of two."""
    every = [json.dumps(small(each)) for each in (*cases, *OTHERS)]
    settings = json.dumps(small(case))
    errors, states = together(tuple(every))
    assert not errors, errors
    position, (first, second) = every.index(settings), states
    return alone(settings), first[position], second[position]


@pytest.fixture
def three(case: dict[str, Any], cases: list[dict[str, Any]]) -> tuple[dict, dict, dict]:
    return three_runs(case, cases)


def assert_same_states(one: dict[str, Tensor], first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    for key, value in one.items():
        assert torch.equal(first[key], second[key]), f"{key} differs between the processes"
        torch.testing.assert_close(first[key], value, rtol=1e-4, atol=1e-5, msg=lambda m, k=key: f"{k}: {m}")


@pytest.mark.trap("T9")
def test_two_processes_learn_what_one_learns_from_both_batches(three):
    assert_same_states(*(each["state"] for each in three))


@pytest.mark.trap("T9")
@pytest.mark.parametrize("settings", OTHERS, ids=lambda settings: "-".join(map(str, settings.values())))
def test_two_processes_revive_the_codevectors_that_one_revives(settings, cases):
    assert_same_states(*(each["state"] for each in three_runs(settings, cases)))


@pytest.mark.trap("T10", "vq", "factorized", "lfq", "bsq", "simvq", "ibq")
def test_losses_of_two_processes_are_those_of_one_and_the_entropy_counts_everybodys_latents(three):
    """Trap: a sum over processes that is computed and dropped."""
    alone, first, second = (each["losses"] for each in three)
    for name, loss in alone.items():
        torch.testing.assert_close((first[name] + second[name]) / 2, loss, rtol=1e-3, atol=1e-5)
        if name == "entropy_deficit":
            assert torch.equal(first[name], second[name])


@pytest.mark.trap("T24")
def test_usage_is_that_of_all_indices_however_many_processes_counted(three, case):
    if three[0]["counts"] is None:
        pytest.skip("an alphabet too large to count")
    alone, first, second = (each["counts"] for each in three)
    together = [one + other for one, other in zip(first, second, strict=True)]
    assert all(torch.equal(one, other) for one, other in zip(together, alone, strict=True))
    quantizer: Quantizer = build(**small(case))
    assert codebook_stats(together, quantizer.codebook_of) == codebook_stats(alone, quantizer.codebook_of)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
