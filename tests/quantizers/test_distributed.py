"""Two processes train as one does on both their batches (trap: statistics that every process keeps for itself).

pytest runs the tests; the tests run this file as a script, once a process.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from vqzoo.quantizers import build

STEPS = 4
WORLD = 2


def run(case: dict[str, Any], rank: int, world: int) -> dict[str, Tensor]:
    """State after some steps of gradient descent, this process having its share of every batch."""
    torch.manual_seed(0)
    quantizer = build(**case).train()
    for parameter in quantizer.parameters():  # apart from one another, so that nothing hangs on how a sum was rounded
        parameter.data.normal_()
    data = torch.Generator().manual_seed(1)
    for _ in range(STEPS):
        latents = torch.randn(2, 3, 4, case["dim"], generator=data).tensor_split(world)[rank]
        out = quantizer(latents)
        parameters = list(quantizer.parameters())
        if parameters:
            gradients = torch.autograd.grad(torch.stack(list(out.losses.values())).sum(), parameters)
            with torch.no_grad():
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    if world > 1:
                        dist.all_reduce(gradient)
                    parameter.sub_(gradient / world)
    return quantizer.state_dict()


def main(folder: Path, rank: int) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=WORLD)
    cases = json.loads((folder / "cases.json").read_text())
    torch.save([run(case, rank, WORLD) for case in cases], folder / f"{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_learn_what_one_learns_from_both_batches(cases, tmp_path):
    cases = [{**case, "codebook_size": 8} if case["name"] != "none" else case for case in cases]
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    processes = [
        subprocess.Popen([sys.executable, __file__, str(tmp_path), str(rank)], stderr=subprocess.PIPE, text=True)
        for rank in range(WORLD)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    states = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(WORLD)]
    for case, first, second in zip(cases, *states, strict=True):
        alone = run(case, 0, 1)
        for key, value in alone.items():
            assert torch.equal(first[key], second[key]), f"{case}: {key} differs between the processes"
            torch.testing.assert_close(
                first[key], value, rtol=1e-4, atol=1e-5, msg=lambda m, c=case, k=key: f"{c} {k}: {m}"
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
