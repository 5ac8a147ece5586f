"""What a Space does not do for a visitor, in words; a machine of one's own has no limits."""

from dataclasses import replace

import gradio as gr
import pytest

from vqzoo.files import images
from vqzoo.hub.model import Damaged
from vqzoo.hub.registry import list_models
from vqzoo.ui import app
from vqzoo.ui.limits import SPACE, Limits, image_limits, limits_here


def test_only_a_space_has_limits(monkeypatch):
    monkeypatch.delenv("SYSTEM", raising=False)
    assert limits_here() is None and image_limits() is images.OWN_MACHINE
    monkeypatch.setenv("SYSTEM", "spaces")
    monkeypatch.setenv("SPACE_ID", "owner/vqzoo")
    assert limits_here() is SPACE and image_limits() is images.SPACE


def test_more_than_the_limit_is_refused_with_what_to_do():
    limits = Limits(models=2, side=256)
    limits.check(["a", "b"], 256)
    with pytest.raises(gr.Error, match=r"3 models .* takes 2 .* untick some"):
        limits.check(["a", "b", "c"], 256)
    with pytest.raises(gr.Error, match="at most 256 pixels a side"):
        limits.check(["a"], 512)


def test_a_visitor_has_one_turn_at_a_time():
    limits = Limits(models=2, side=256)
    with limits.turn("one"), limits.turn("two"), limits.turn(None), limits.turn(None):
        with pytest.raises(gr.Error, match="still running"), limits.turn("one"):
            pass
        with pytest.raises(gr.Error, match="still running"), limits.turn("one"):
            pass
    with pytest.raises(ZeroDivisionError), limits.turn("one"):
        raise ZeroDivisionError
    with limits.turn("one"):
        pass


def test_published_models_are_offered_on_request_alone(monkeypatch, capsys):
    local = list_models()[0]
    published = replace(local, name="zzz", source=None, origin="snapshot", repo_id="owner/zzz")
    again = replace(published, name=local.name)
    monkeypatch.setattr(
        app, "local_models", lambda: ([local], [Damaged("bad", "config.json of bad is not valid JSON")])
    )
    monkeypatch.setattr(app, "shipped_models", lambda: [published, again])
    monkeypatch.delenv(app.HUB_VARIABLE, raising=False)
    assert app.offered() == [local]
    monkeypatch.setenv(app.HUB_VARIABLE, "0")
    assert app.offered() == [local]
    monkeypatch.setenv(app.HUB_VARIABLE, "1")
    assert app.offered() == [local, published], "one of each name, and what is here first"
    assert capsys.readouterr().err == "left out: config.json of bad is not valid JSON\n" * 3
