"""Methods described in one line, and the groups of models by rate."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from vqzoo.hub.registry import list_models
from vqzoo.quantizers import QUANTIZERS
from vqzoo.views.methods import about, by_rate, method

ROOT = Path(__file__).parents[2]


def test_the_line_on_a_method_is_its_builders_first():
    for model in list_models():
        assert method(model) == (QUANTIZERS[model.config["quantizer"]["name"]].__doc__ or "").splitlines()[0]
        assert about(model).startswith(method(model)) and "bits a pixel" in about(model)


def test_models_are_grouped_by_bits_a_pixel():
    models = {model.name: model for model in list_models()}
    foreign = replace(models["cifar10-vq-1024x128"], name="other", metrics={})
    groups = by_rate([*models.values(), foreign])
    names = {label: [model.name for model in group] for label, group in groups.items()}
    # 8 x 8 indices of 10 bits for 32 x 32 pixels are 0.625 bits a pixel, 32 segments of 8 bits are 16.
    assert "cifar10-vq-1024x128" in names["0.25 to 1 bits a pixel"]
    assert names["4 to 24 bits a pixel"] == ["cifar10-looc-256x4", "cifar10-looc-32x4"]
    assert names["rate not measured"] == ["other"] and list(names)[-1] == "rate not measured"
    assert sum(map(len, names.values())) == len(models) + 1


def test_torch_is_not_needed():
    code = (
        "import sys; from vqzoo.hub.registry import list_models; from vqzoo.views.methods import about\n"
        "print(all(map(about, list_models())), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["True", "False"]
