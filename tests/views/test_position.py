"""What the page of positional encodings shows, without a browser."""

import base64
import dataclasses
import io
from collections.abc import Iterable

import numpy as np
import pytest
import torch
from PIL import Image

from vqzoo.hub.registry import Model, list_models, load
from vqzoo.ops.pixels import from_bytes, to_bytes
from vqzoo.views import compute
from vqzoo.views.comparison import Comparison
from vqzoo.views.engine import Engine
from vqzoo.views.pictures import Difference, Picture, viewer_value
from vqzoo.views.position import cases, curves, show_case

PLAIN, SINUSOIDAL, LEARNED = (f"cifar10-cvq-1024x128{ending}" for ending in ("", "-sinusoidal", "-learned"))


@pytest.fixture
def shown(path) -> Comparison:
    return Comparison(path, 32, ())


def case(engine: Engine, *names: str) -> tuple[Model, ...]:
    return tuple(engine.models[name] for name in names)


def last(engine: Engine, shown: Comparison, *names: str) -> dict:
    return viewers(show_case(engine, shown, case(engine, *names)))[-1]


def viewers(steps: Iterable[dict]) -> list[dict]:
    return [step["viewer"] for step in steps if "viewer" in step]


def titles(value: dict) -> list[str]:
    return [picture["name"] for picture in value["pictures"]]


def pixels(value: dict, number: int) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(base64.b64decode(value["pictures"][number]["uri"].split(",")[1]))))


def test_a_difference_is_of_bytes_and_says_its_mean():
    one, two = (Picture(str(value), np.full((2, 3, 3), value, np.uint8)) for value in (250, 10))
    two.pixels[0, 0] = 250, 250, 4
    picture = Difference("both", one, two)
    # 16 of 18 bytes differ, 15 by 240 and one by 246.
    assert picture.caption == "mean 213.67 / 255 · at most 246"
    assert Difference("back", two, one).caption == picture.caption
    assert viewer_value([one, two, picture])["pictures"][2] == {
        "name": "both",
        "caption": picture.caption,
        "of": [0, 1],
    }


def test_twins_are_shown_with_their_difference_and_the_encoding_switched_off(engine, shown):
    value = last(engine, shown, PLAIN, SINUSOIDAL)
    assert titles(value) == [
        "original",
        "no encoding",
        "sinusoidal",
        "difference of the two",
        "sinusoidal, switched off",
        "sinusoidal, on minus off",
    ]
    assert [picture.get("of") for picture in value["pictures"]] == [None, None, None, [1, 2], None, [2, 4]]
    original = engine.photo(shown.photo, shown.side).pixels
    assert np.array_equal(pixels(value, 0), original)
    images = from_bytes(torch.from_numpy(original).permute(2, 0, 1)[None])
    with torch.inference_mode():
        for number, name, position in [(1, PLAIN, True), (2, SINUSOIDAL, True), (4, SINUSOIDAL, False)]:
            expected = to_bytes(load(name)(images, position=position).images)[0].permute(1, 2, 0).numpy()
            assert np.array_equal(pixels(value, number), expected), number
    mean = np.abs(pixels(value, 1).astype(float) - pixels(value, 2)).mean()
    assert value["pictures"][3]["caption"].startswith(f"mean {mean:.2f} / 255")


def test_captions_carry_quality_and_bits(engine, shown, monkeypatch):
    result = engine.run(SINUSOIDAL, engine.photo(shown.photo, shown.side))
    caption = last(engine, shown, PLAIN, SINUSOIDAL)["pictures"][2]["caption"]
    assert caption.startswith(f"{result.metrics['psnr']:.2f} dB · SSIM {result.metrics['ssim']:.4f}")
    assert caption.endswith("0.625 bits / pixel")
    assert ("LPIPS" in caption) == (result.metrics["lpips"] is not None)
    monkeypatch.setattr(compute, "perceptual", lambda net: None)
    assert "LPIPS" not in last(Engine(list_models()), shown, PLAIN, SINUSOIDAL)["pictures"][2]["caption"]


def test_of_two_encodings_each_is_switched_off(engine, shown):
    value = last(engine, shown, LEARNED, SINUSOIDAL)
    assert titles(value)[4:] == [
        "learned, switched off",
        "learned, on minus off",
        "sinusoidal, switched off",
        "sinusoidal, on minus off",
    ]
    assert [picture.get("of") for picture in value["pictures"]][3:] == [[1, 2], None, [1, 4], None, [2, 6]]


def test_a_model_without_a_twin_is_shown_on_and_off(engine, shown):
    value = last(engine, shown, SINUSOIDAL)
    assert titles(value) == ["original", "sinusoidal", "sinusoidal, switched off", "sinusoidal, on minus off"]
    assert "no twin" in value["note"]


def test_pictures_come_as_they_are_made_and_nothing_is_computed_twice(shown, monkeypatch):
    calls = []
    real = compute.reconstruct

    def counted(*args):
        calls.append(args)
        return real(*args)

    monkeypatch.setattr(compute, "reconstruct", counted)
    engine = Engine(list_models())
    twins = case(engine, PLAIN, SINUSOIDAL)
    assert [len(value["pictures"]) for value in viewers(show_case(engine, shown, twins))] == [2, 3, 6]
    assert [len(value["pictures"]) for value in viewers(show_case(engine, shown, twins))] == [2, 3, 6]
    assert len(calls) == 3


def test_the_note_tells_what_is_compared_and_how_long_it_was_trained(engine, shown):
    full, short = engine.models[PLAIN], engine.models[SINUSOIDAL]
    training = short.metrics["training"] | {"images": 63, "full_budget_images": 1000}
    both = dataclasses.replace(
        short,
        config=full.config | {"position": {"name": "sinusoidal", "place": "both"}},
        metrics=short.metrics | {"training": training},
    )
    *_, value = viewers(show_case(engine, shown, (full, both)))
    assert f"{PLAIN}: no encoding, trained in full." in value["note"]
    assert "added to what its encoder gives and to what its decoder gets, trained for 6.3% of" in value["note"]
    assert titles(value)[2] == "sinusoidal at both ends"


def test_there_is_a_choice_for_every_pair_and_for_every_encoding_without_a_twin():
    models = {model.name: model for model in list_models()}
    stranger = dataclasses.replace(
        models[SINUSOIDAL], name="flowers-x-sinusoidal", metrics=models[SINUSOIDAL].metrics | {"dataset": "flowers"}
    )
    offered = cases([*(models[name] for name in (PLAIN, SINUSOIDAL, LEARNED, "cifar10-vq-1024x128")), stranger])
    assert {label: tuple(model.name for model in case) for label, case in offered.items()} == {
        f"{PLAIN} and …-learned": (PLAIN, LEARNED),
        f"{PLAIN} and …-sinusoidal": (PLAIN, SINUSOIDAL),
        f"{LEARNED} and …-sinusoidal": (LEARNED, SINUSOIDAL),
        "flowers-x-sinusoidal, without a twin": ("flowers-x-sinusoidal",),
    }


def test_what_goes_wrong_is_said(engine, shown, monkeypatch):
    def fails(*_):
        raise ValueError("model.safetensors is damaged")

    monkeypatch.setattr(compute, "reconstruct", fails)
    with pytest.raises(ValueError, match="is damaged"):
        list(show_case(Engine(list_models()), shown, case(engine, PLAIN, SINUSOIDAL)))


def test_close_ups_are_of_the_case(engine, shown):
    *_, last = show_case(engine, shown, case(engine, PLAIN, SINUSOIDAL))
    names = ("original", "no encoding", "sinusoidal", "sinusoidal, switched off")
    assert last["closeups"]
    for patch in last["closeups"]:
        assert tuple(picture.name for picture in patch.pictures) == names


def test_curves_of_twins_are_laid_over_each_other_and_what_was_not_kept_is_said(engine):
    stored = ("step", "reconstruction")
    sparse = [
        dataclasses.replace(model, metrics=model.metrics | {"curves": {"train": {}, "held_out": held_out}})
        for model in case(engine, PLAIN, SINUSOIDAL)
        if (held_out := {name: model.metrics["curves"]["held_out"][name][:3] for name in stored})
    ]
    actual, table, message = curves(sparse)
    assert [panel.title for panel in actual] == ["reconstruction"]
    assert [trace.name for trace in actual[0].figure.data] == [f"{PLAIN}, held out", f"{SINUSOIDAL}, held out"]
    recorded = sparse[1].metrics["curves"]["held_out"]
    assert list(actual[0].figure.data[1].x) == recorded["step"]
    assert list(actual[0].figure.data[1].y) == pytest.approx(recorded["reconstruction"], rel=1e-4)
    assert PLAIN in table and SINUSOIDAL in table
    assert message == f"Of {PLAIN} and {SINUSOIDAL} the points on held-out images alone were kept: 3 and 3 of them."
    whole = case(engine, "flowers-vqgan-1024x256", "flowers-vqgan-1024x256-sinusoidal")
    actual, _, message = curves(whole)
    assert {"loss", "l1", "perceptual"} <= {panel.title for panel in actual} and not message
    assert not {"learning rate", "gradient gap"} & {panel.title for panel in actual}, "no loss"
    none = dataclasses.replace(whole[0], metrics=whole[0].metrics | {"curves": {}})
    assert curves([none])[0] == [] and curves([none])[2] == f"Of {none.name} no curves are known."
