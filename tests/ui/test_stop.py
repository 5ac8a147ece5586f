"""A run ends when its visitor stops it or asks for another, and what is told of it is what is on the page."""

from collections.abc import Iterator
from typing import Any

import pytest

from vqzoo.ui.app import build_app
from vqzoo.ui.compare import Turn
from vqzoo.views.comparison import FIRST_SORT, Comparison

NAMES = ("cifar10-vq-1024x128", "cifar10-rvq-8x256", "cifar10-looc-256x4")  # by their bits
PARTS = ("viewer", "table", "usage", "shown", "listed", "device", "status")


@pytest.fixture(scope="module")
def start():
    """A run at 32 pixels, whose steps hold the new values of the page's parts by name."""
    app, _ = build_app()
    change = next(each for each in app.fns.values() if each.name == "_on_change" and len(each.outputs) == len(PARTS))
    names = dict(zip(change.outputs, PARTS, strict=True))

    def steps(turn: Turn, stamp: float, path: str) -> Iterator[dict[str, Any]]:
        for step in change.fn(
            None, turn, stamp, path, 32, False, None, {"chosen": list(NAMES)}, False, FIRST_SORT, False
        ):
            yield {names[part]: value for part, value in step.items() if part in names}

    return steps


def test_a_stop_is_told_of_what_is_on_the_page(start, path):
    turn = Turn()
    run = start(turn, 5, path)
    first = next(run)
    assert first["viewer"]["waiting"] == list(NAMES) and 'data-kind="running"' in first["status"]
    next(run)
    turn.stopped = 5
    *_, last = run
    on_page = [picture["name"] for picture in last["viewer"]["pictures"][1:]]
    assert on_page == [row[0] for row in last["table"]["rows"]] == [NAMES[0]] and not last["viewer"]["waiting"]
    assert last["listed"] == last["shown"] == Comparison(path, 32, NAMES[:1])
    assert 'data-kind="stopped"' in last["status"] and "Stopped after 1 model:" in last["status"]


def test_a_later_question_ends_a_run_and_the_stop_of_an_earlier_one_does_not(start, path):
    turn = Turn(asked=5, stopped=4)
    run = start(turn, 5, path)
    next(run)
    turn.asked = 6
    assert list(run) == [], "nothing more of the first"
    *_, last = start(turn, 6, path)
    assert last["shown"].models == NAMES and 'data-kind="done" data-stamp="6"' in last["status"]
    assert list(start(turn, 5, path)) == [{}], "one that waited for longer than it was wanted"
