"""Checkpoints are whole or not there, whatever happens while they are written."""

import math
from pathlib import Path

import pytest
import torch

from trainers.loop import checkpoint


def test_what_is_read_is_what_was_written(tmp_path):
    state = {"model": {"a": torch.randn(2, 3)}, "step": 3, "best": math.inf, "rng": torch.get_rng_state()}
    checkpoint.write(tmp_path / "new" / "best.pt", state)
    read = checkpoint.read(tmp_path / "new" / "best.pt")
    assert torch.equal(read["model"]["a"], state["model"]["a"]) and torch.equal(read["rng"], state["rng"])
    assert (read["step"], read["best"]) == (3, math.inf)


def test_the_newest_two_are_kept(tmp_path):
    assert checkpoint.read_latest(tmp_path) is None
    for step in (8, 9, 10, 100):
        checkpoint.write_step(tmp_path, step, {"step": step})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000010.pt", "step-00000100.pt"]
    assert checkpoint.read_latest(tmp_path) == {"step": 100}


def test_dying_in_the_middle_of_a_write_leaves_the_earlier_one(tmp_path, monkeypatch):
    checkpoint.write_step(tmp_path, 1, {"step": 1, "weight": torch.ones(3)})
    checkpoint.write(tmp_path / "best.pt", {"step": 1})

    def half(state, file):
        file.write(b"half a file")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", half)
        for attempt in (
            lambda: checkpoint.write_step(tmp_path, 2, {"step": 2}),
            lambda: checkpoint.write(tmp_path / "best.pt", {"step": 2}),
        ):
            with pytest.raises(OSError, match="No space"):
                attempt()
    assert checkpoint.read_latest(tmp_path)["step"] == 1
    assert checkpoint.read(tmp_path / "best.pt")["step"] == 1
    checkpoint.write_step(tmp_path, 2, {"step": 2})  # and what the dead one left is in nobody's way
    assert checkpoint.read_latest(tmp_path)["step"] == 2


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_nothing_that_is_not_finite_is_written(tmp_path, bad):
    checkpoint.write_step(tmp_path, 1, {"step": 1})
    state = {"model": {"decoder": torch.ones(3)}, "optimizer": {"state": {0: {"exp_avg": torch.tensor([0.0, bad])}}}}
    with pytest.raises(FloatingPointError, match=r"optimizer\.state\.0\.exp_avg"):
        checkpoint.write_step(tmp_path, 2, state)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001.pt"]


def damages(whole: bytes) -> list[bytes]:
    """Nothing, something else, half of it, and one bit in the middle of a tensor another."""
    position = len(whole) // 2
    return [
        b"",
        b"nothing of the kind",
        whole[:position],
        whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :],
    ]


def test_a_damaged_file_is_named_and_the_one_before_is_used(tmp_path, capsys):
    checkpoint.write_step(tmp_path, 1, {"step": 1, "weight": torch.ones(1000)})
    checkpoint.write_step(tmp_path, 2, {"step": 2, "weight": torch.ones(1000)})
    for damaged in damages((tmp_path / "step-00000002.pt").read_bytes()):
        (tmp_path / "step-00000002.pt").write_bytes(damaged)
        with pytest.raises(ValueError, match="step-00000002.pt is damaged"):
            checkpoint.read(tmp_path / "step-00000002.pt")
        assert checkpoint.read_latest(tmp_path)["step"] == 1
        assert capsys.readouterr().out.startswith(f"passed over: {tmp_path / 'step-00000002.pt'} is damaged (")


def test_where_all_are_damaged_nothing_starts_afresh_in_silence(tmp_path):
    for step in (1, 2):
        (tmp_path / f"step-0000000{step}.pt").write_bytes(b"")
    with pytest.raises(ValueError, match=f"every checkpoint in {tmp_path} is damaged; delete the folder to start"):
        checkpoint.read_latest(tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here, a device that is always full")
def test_a_device_without_space(tmp_path):
    """The kernel's own error, at the first write and where only the flush meets it."""
    checkpoint.write_step(tmp_path, 1, {"step": 1})
    for weight in (torch.ones(10), torch.ones(10**6)):
        (tmp_path / "step-00000002.partial").symlink_to("/dev/full")
        with pytest.raises(OSError, match="could not be written .*No space left.*checkpoints are kept"):
            checkpoint.write_step(tmp_path, 2, {"step": 2, "weight": weight})
        assert [path.name for path in tmp_path.iterdir()] == ["step-00000001.pt"]
