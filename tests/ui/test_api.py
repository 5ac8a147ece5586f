"""docs/api.md is what the app says of itself, and the calls in it are calls of today."""

import re
import runpy

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from vqzoo.analysis.examples import examples
from vqzoo.analysis.photograph import reconstruct
from vqzoo.files.images import load_image
from vqzoo.hub.registry import load
from vqzoo.ui.app import build_app

from .conftest import ROOT

TEXT = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def test_the_description_is_that_of_the_app():
    made = runpy.run_path(str(ROOT / "docs" / "make_api.py"))["api_text"]()
    assert made == TEXT, "python docs/make_api.py"


def test_every_public_call_says_what_it_does_and_is_a_tool_of_its_own_name():
    app, _ = build_app()
    for function in app.fns.values():
        if function.api_visibility == "public":
            assert function.fn is not None and (function.fn.__doc__ or "").strip(), function.api_name
            assert function.fn.__name__ == function.api_name


def test_a_default_is_of_the_type_that_is_described():
    """Gradio describes a choice among numbers as one among texts, which its server then refuses."""
    kinds = {"integer": int, "number": (int, float), "string": str, "boolean": bool, "array": list, "object": dict}
    app, _ = build_app()
    compared = 0
    for name, endpoint in app.get_api_info()["named_endpoints"].items():
        for parameter in endpoint["parameters"]:
            described, default = parameter["type"], parameter["parameter_default"]
            if default is not None and isinstance(described.get("type"), str):
                assert isinstance(default, kinds[described["type"]]), f"{name}: {parameter}"
                assert default in described.get("enum", [default]), f"{name}: {parameter}"
                compared += 1
    assert compared > 10


def test_twins_come_as_files_and_records(app_url):
    pictures, patches = Client(app_url, verbose=False).predict(api_name="/position")
    assert pictures[0]["caption"].startswith("original") and "dB" in pictures[1]["caption"]
    assert {np.asarray(Image.open(each["image"])).shape for each in pictures} == {(256, 256, 3)}
    differences = [patch["difference"] for patch in patches]
    assert differences == sorted(differences, reverse=True) and {patch["side"] for patch in patches} == {32}


def test_a_call_of_it_works(app_url):
    example = re.search(r'client\.predict\(\n[^)]*?api_name="/lookup_costs",\n\)', TEXT)
    assert example is not None
    client = Client(app_url, verbose=False)
    assert eval(example[0], {"client": client})


def test_a_comparison_takes_its_models_as_one_list(app_url):
    client = Client(app_url, verbose=False)
    asked = {"photograph": handle_file(next(iter(examples().values()))), "longest": 32, "api_name": "/compare"}
    wanted = ["cifar10-vq-1024x128", "flowers-vqgan-1024x256"]
    records = client.predict(models=wanted, codecs=True, **asked)
    models = {record["name"]: record for record in records if record["kind"] == "model"}
    assert set(models) == set(wanted) and {record["kind"] for record in records} == {"model", "codec", "PCA"}
    original = load_image(next(iter(examples().values())), longest=32).pixels
    expected = reconstruct(load(wanted[0]), original)
    assert np.array_equal(np.array(Image.open(models[wanted[0]]["png"])), expected.pixels), "a file of lossless pixels"
    assert models[wanted[0]]["psnr"] == pytest.approx(expected.metrics["psnr"], abs=1e-4)
    assert models[wanted[0]]["bits_per_image"] == 640 and models[wanted[0]]["quality"] is None
    assert "arXiv:1711.00937" in models[wanted[0]]["about"]
    for record in records:
        texts = {"name", "kind", "about", "png"}
        assert all(value is None or type(value) in (int, float) for key, value in record.items() if key not in texts)
    with pytest.raises(AppError, match="cifar10-vq-1024x129"):
        client.predict(models=["cifar10-vq-1024x129"], **asked)
