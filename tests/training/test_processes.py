"""Two processes with half a batch each train with the adversary that one has with all of it.

pytest runs the tests; the tests run this file as a script, once a process.
"""

import functools
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn

from vqzoo.training import (
    ADVERSARIES,
    LeCam,
    PatchDiscriminator,
    adaptive_weight,
    discriminate,
    discriminator_loss,
    generator_loss,
)

WORLD = 2
STEPS = 3
PATIENCE = 100
"""Seconds that a process waits for the other one; where they do not exchange the same things, that is for ever."""


def run(kind: str, rank: int, world: int) -> dict[str, Any]:
    """What this process has of one adversarial step after the other, with its share of every batch.

    "local" are means over the share; everything else is said to be that of all processes.
    """
    torch.manual_seed(0)
    generator, discriminator, regulariser = nn.Conv2d(3, 3, 3, padding=1), PatchDiscriminator(width=4), LeCam(0.5)
    data = torch.Generator().manual_seed(1)
    weights, local = [], []
    for step in range(STEPS):
        # Halves that differ, and pull in different directions.
        images = torch.randn(4, 3, 32, 32, generator=data) * torch.tensor([1.0, 0.2, 3, 1])[:, None, None, None] + step
        images = images.tensor_split(world)[rank]
        restored = generator(images)
        logits = discriminator(restored)
        main, adversarial = (restored - images).abs().mean(), generator_loss(logits, kind)
        weights.append(adaptive_weight(main, adversarial, generator.weight))
        real_logits, fake_logits = discriminate(discriminator, images, restored)
        loss = discriminator_loss(real_logits, fake_logits, kind)
        penalty = regulariser(real_logits, fake_logits)
        gradients = torch.autograd.grad(loss + penalty, list(discriminator.parameters()))
        gradient = torch.cat([each.flatten() for each in gradients])
        local.append({"adversarial": adversarial, "discriminator": loss, "lecam": penalty, "gradient": gradient})
    detached: dict[str, Tensor] = {key: torch.stack([each[key].detach() for each in local]) for key in local[0]}
    return {"weights": torch.stack(weights), "averages": regulariser.state_dict(), "local": detached}


def main(folder: Path, rank: int) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder / 'meeting'}"
    dist.init_process_group("gloo", meeting, timedelta(seconds=PATIENCE), rank=rank, world_size=WORLD)
    torch.save({kind: run(kind, rank, WORLD) for kind in ADVERSARIES}, folder / f"{rank}.pt")
    dist.destroy_process_group()


@functools.cache
def together() -> tuple[str, list[dict[str, Any]]]:
    """What `run` gives of each kind, process by process, or what went wrong."""
    with tempfile.TemporaryDirectory() as name:
        processes = [
            subprocess.Popen([sys.executable, __file__, name, str(rank)], stderr=subprocess.PIPE, text=True)
            for rank in range(WORLD)
        ]
        errors = [process.communicate()[1] for process in processes]
        if any(process.returncode for process in processes):
            return "\n".join(errors), []
        return "", [torch.load(Path(name, f"{rank}.pt"), weights_only=True) for rank in range(WORLD)]


@pytest.fixture(params=ADVERSARIES)
def three(request) -> tuple[dict, dict, dict]:
    """Of one process alone, and of the first and the second of two."""
    errors, runs = together()
    assert not errors, errors
    first, second = (each[request.param] for each in runs)
    return run(request.param, 0, 1), first, second


@pytest.mark.trap("T28")
def test_the_adaptive_weight_is_that_of_the_joint_batch(three):
    alone, first, second = (each["weights"] for each in three)
    assert torch.equal(first, second)
    torch.testing.assert_close(first, alone, rtol=1e-4, atol=0)


def test_lecam_averages_the_logits_of_everybody(three):
    alone, first, second = (each["averages"] for each in three)
    for key, value in alone.items():
        assert torch.equal(first[key], second[key])
        torch.testing.assert_close(first[key], value, rtol=1e-4, atol=1e-6)


def test_losses_and_gradients_average_to_those_of_one_process(three):
    """Trap: batch normalisation, or a regulariser that compares with one's own averages only."""
    alone, first, second = (each["local"] for each in three)
    for key, value in alone.items():
        assert not torch.allclose(first[key], second[key], rtol=0.01), "halves that differ, or this tests nothing"
        torch.testing.assert_close((first[key] + second[key]) / 2, value, rtol=1e-3, atol=1e-5)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
