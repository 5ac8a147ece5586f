"""What the benchmarks compare with computes the same, or a faster time would mean nothing."""

import sys
from pathlib import Path

import pytest
import torch

from vqzoo.quantizers import build

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    yield
    for name in ("peers", "side_by_side"):
        sys.modules.pop(name, None)


def test_the_sorting_cvq_learns_what_ours_learns():
    from peers import SortedCVQ

    ours, peer = build("cvq", dim=8, codebook_size=16).train(), SortedCVQ(16, 8)
    peer.weight.data.copy_(ours.codebook.weight.data)
    for _ in range(3):
        latents = torch.randn(4, 5, 5, 8)
        out = ours(latents)
        restored, indices, loss = peer(latents)
        assert torch.equal(out.indices.view(-1), indices)
        torch.testing.assert_close(out.latents, restored)
        torch.testing.assert_close(0.25 * out.losses["commitment"] + out.losses["codebook"], loss)
        torch.testing.assert_close(ours.codebook.weight, peer.weight)


def test_the_ratio_says_how_many_times_longer_the_peer_takes(monkeypatch):
    import side_by_side

    clock = [0.0]
    monkeypatch.setattr(side_by_side.time, "perf_counter", lambda: clock[0])

    def takes(seconds: float):
        return lambda: clock.__setitem__(0, clock[0] + seconds)

    result = side_by_side.compare(takes(0.001), takes(0.03), rounds=5, slow=0.01)
    assert result.ratio == pytest.approx(30) and result.ours == pytest.approx(1) and result.peer == pytest.approx(30)
    assert result.row().startswith("1 ms | 30 ms | **30x**")
    assert side_by_side.milliseconds(takes(0.002)) == pytest.approx(2)
