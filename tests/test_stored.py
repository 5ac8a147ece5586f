"""What three small models compute, kept on disk: a change of the code that changes a bit of it is seen.

`python tests/test_stored.py` writes the files anew, after a change that is meant to change the numbers.
"""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from trainers.recipes.recipe import Recipe
from trainers.step import build_parts, train_step
from vqzoo.ops.pixels import from_bytes

FOLDER = Path(__file__).with_name("stored")
QUANTIZERS = {
    "vq": {"name": "vq", "codebook_size": 64},
    "rvq": {"name": "rvq", "levels": 3, "codebook_size": 16},
    "looc": {"name": "looc", "codebook_size": 32, "segments": 4},
}


def _machine() -> dict[str, str]:
    """Return what decides the last bits of a float."""
    return {"torch": torch.__version__.partition("+")[0], "cpu": torch.backends.cpu.get_cpu_capability()}


def _outputs(name: str) -> dict[str, Tensor]:
    """Return a small model's losses in three updates, and then its latents, tokens and reconstructions."""
    torch.manual_seed(0)
    recipe = Recipe(
        name=f"stored-{name}",
        dataset="none",
        quantizer=QUANTIZERS[name],
        autoencoder={"name": "conv", "width": 16, "residual_width": 8},
        latent_dim=16,
        resolution=16,
        weights={"reconstruction": 1.0, "codebook": 1.0, "commitment": 0.25},
        optimizer="muon",
        learning_rate=0.005,
        steps=3,
        batch_size=8,
    )
    tokenizer = recipe.build().to(memory_format=torch.channels_last)
    pixels = torch.randint(256, (8, 3, 16, 16), dtype=torch.uint8)
    parts = build_parts(recipe, tokenizer)
    outputs = {}
    for step in range(recipe.steps):
        for term, value in train_step(parts, [pixels], step).terms.items():
            outputs[f"step{step}.{term}"] = value.detach().cpu()
    tokenizer.eval()
    with torch.no_grad():
        images = from_bytes(pixels.to(parts.accelerator.device)).contiguous(memory_format=torch.channels_last)
        out = tokenizer(images)
        outputs["images"] = out.images
        outputs["latents"] = tokenizer.quantizer.decode(out.tokens.grids[0])
        outputs["tokens"] = out.tokens.grids[0]
        outputs |= {f"loss.{term}": value for term, value in out.losses.items()}
    return {key: value.cpu().contiguous() for key, value in outputs.items()}


@pytest.mark.parametrize("name", QUANTIZERS)
def test_small_models_compute_what_they_computed(name: str) -> None:
    if torch.cuda.is_available():
        pytest.skip("the stored outputs are a CPU's")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    new = _outputs(name)
    torch.set_num_threads(threads)
    with safe_open(FOLDER / f"{name}.safetensors", "pt") as file:
        machine = json.loads(file.metadata()["machine"])
        old = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    assert old.keys() == new.keys()
    exact = machine == _machine()
    for key, value in old.items():
        if exact or not value.is_floating_point():
            assert torch.equal(new[key], value), key
        else:  # another processor or torch adds in another order
            torch.testing.assert_close(new[key], value, rtol=1e-3, atol=1e-4)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in QUANTIZERS:
        save_file(_outputs(name), FOLDER / f"{name}.safetensors", {"machine": json.dumps(_machine())})
