"""On ZeroGPU: one call for a GPU a click, of what a pickle can carry, and never the visitor's quota for nothing."""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from vqzoo.hub.registry import list_models
from vqzoo.ui import limits, zerogpu
from vqzoo.ui.zerogpu import ZeroGpuEngine, seconds
from vqzoo.views.comparison import Comparison, compare, device_line
from vqzoo.views.engine import Engine
from vqzoo.views.job import Job
from vqzoo.views.opening import opened
from vqzoo.views.position import show_case

from .conftest import ROOT

NAMES = ["cifar10-vq-1024x128", "cifar10-looc-256x4"]
TWINS = ["cifar10-cvq-1024x128", "cifar10-cvq-1024x128-sinusoidal"]


class Lender:
    """`spaces.GPU`, which starts no process and has no GPU, and otherwise does what ZeroGPU does with a generator."""

    def __init__(self):
        self.asked: list[tuple[int, tuple]] = []
        self.results: list[object] = []
        self.closed = 0

    def __call__(self, task, *, duration):
        def lent(*arguments) -> Iterator[object]:
            self.asked.append((duration(*arguments), arguments))
            try:
                for result in task(*pickle.loads(pickle.dumps(arguments))):
                    self.results.append(pickle.loads(pickle.dumps(result)))
                    yield self.results[-1]
            finally:
                self.closed += 1

        return lent


@pytest.fixture
def lender(monkeypatch) -> Lender:
    lender = Lender()
    monkeypatch.setattr(zerogpu.spaces, "GPU", lender)
    # There is no "cuda" here: what is moved there stays.
    to = torch.nn.Module.to
    monkeypatch.setattr(
        torch.nn.Module, "to", lambda self, device=None, **more: self if device == "cuda" else to(self, device, **more)
    )
    return lender


@pytest.fixture
def engine(lender) -> ZeroGpuEngine:
    engine = ZeroGpuEngine([model for model in list_models() if model.name in NAMES + TWINS])
    engine.pack()
    return engine


def tensors(value: object) -> bool:
    if isinstance(value, torch.Tensor):
        return True
    if isinstance(value, (list, tuple)):
        return any(map(tensors, value))
    return any(map(tensors, vars(value).values())) if hasattr(value, "__dict__") else False


def test_a_click_is_one_call(engine, lender, path):
    steps = list(compare(engine, path, 32, NAMES, codecs=True))
    assert len(lender.asked) == lender.closed == 1
    requested, (jobs, pixels, part) = lender.asked[0]
    assert jobs == tuple(map(Job, NAMES)), "codecs need no GPU"
    assert pixels.shape == (32, 32, 3) and part is None and requested == seconds(jobs, pixels)
    assert [len(step["table"]) for step in steps][:3] == [0, 1, 2], "one by one all the same"
    assert not any(map(tensors, lender.results)), "a tensor would be shared memory of a process that may be gone"


def test_what_comes_back_is_what_any_engine_computes(engine, path):
    usual = Engine(list_models())
    photo = engine.photo(path, 32)
    jobs = [Job(TWINS[1]), Job(NAMES[0]), Job(TWINS[1], position=False), Job(NAMES[0])]
    for job, result in zip(jobs, engine.run_all(jobs, photo), strict=True):
        expected = usual.run(job.name, photo, job.position)
        assert np.array_equal(result.pixels, expected.pixels), job
        assert result.metrics["psnr"] == expected.metrics["psnr"]
        assert [column.tolist() for column in result.counts] == [column.tolist() for column in expected.counts]


def test_a_prior_computes_on_the_cpu_and_asks_for_no_gpu(engine, lender):
    with engine.alone() as device:
        assert device.type == "cpu"
    assert not lender.asked


def test_what_is_remembered_needs_no_call(engine, lender, path):
    *_, last = compare(engine, path, 32, NAMES)
    engine.recall(NAMES[:1], engine.photo(path, 32))
    list(compare(engine, path, 32, NAMES[::-1]))
    assert len(lender.asked) == 1
    list(compare(engine, path, 32, [*NAMES, TWINS[0]]))
    assert [asked[1][0] for asked in lender.asked[1:]] == [(Job(TWINS[0]),)], "what is new alone"
    engine.recall(NAMES, engine.photo(path, 24))
    engine.recall([NAMES[0], NAMES[0]], engine.photo(path, 16))
    assert [len(asked[1][0]) for asked in lender.asked[2:]] == [2, 1]


def test_twins_and_their_encodings_switched_off_are_one_call(engine, lender, path):
    list(show_case(engine, Comparison(path, 32, ()), [engine.models[name] for name in TWINS]))
    assert [asked[1][0] for asked in lender.asked] == [(Job(TWINS[0]), Job(TWINS[1]), Job(TWINS[1], position=False))]


def test_the_page_opens_without_a_gpu_and_its_times_are_not_taken_for_those_of_one(lender, path):
    engine = ZeroGpuEngine([model for model in list_models() if model.name in NAMES])
    *_, opened = compare(engine, path, 32, NAMES)
    assert "CPU" in device_line(engine)
    engine.pack()
    assert not lender.asked
    engine.recall(NAMES, engine.photo(opened["shown"].photo, opened["shown"].side))
    assert not lender.asked, "pixels are pixels"
    *_, last = compare(engine, path, 32, NAMES)
    assert len(lender.asked) == 1, "times are not"
    assert last["device"] == "A GPU lent by ZeroGPU at every click"


def test_of_the_shipped_opening_nothing_is_computed(lender):
    engine = ZeroGpuEngine(list_models())
    last = opened(engine)
    engine.pack()
    path, side, names = last["shown"].photo, last["shown"].side, last["shown"].models
    assert engine.recall(names, engine.photo(path, side))[0].metrics["encode_ms"] is None
    assert not lender.asked


def test_a_visitor_who_stops_gives_the_gpu_back(engine, lender, path):
    steps = compare(engine, path, 32, NAMES)
    assert not next(steps)["table"] and not lender.asked, "what is told before the first asks for nothing"
    next(steps)
    steps.close()
    assert lender.closed == 1 and len(lender.results) == 1


@pytest.mark.parametrize(
    ("error", "says"), [(ValueError("is damaged"), "is damaged"), (torch.OutOfMemoryError(), "choose a smaller side")]
)
def test_what_goes_wrong_there_is_told_here(engine, lender, path, monkeypatch, error, says):
    def fails(*_):
        raise error

    monkeypatch.setattr(zerogpu, "run", fails)
    with pytest.raises(ValueError, match=says):
        list(engine.run_all([*map(Job, NAMES)], engine.photo(path, 32)))
    assert lender.closed == 1
    monkeypatch.undo()
    assert len(engine._results._values) == 0, "a failure is not remembered"


def test_more_work_asks_for_more_seconds_up_to_a_limit():
    small, large = np.zeros((32, 32, 3), np.uint8), np.zeros((512, 512, 3), np.uint8)
    one, many = [Job("a")], [Job("a")] * 12
    assert seconds(one, small) < seconds(many, small) < seconds(many, large) <= 30, "of an anonymous visitor's 120"
    assert seconds(many * 100, large) == 60


def test_elsewhere_nothing_is_lent():
    import spaces

    assert not limits.on_zerogpu()
    assert spaces.GPU(seconds, duration=3) is seconds


def test_spaces_is_imported_before_what_it_changes():
    """The library of that name, and not the folder; with the app's own modules left out."""
    code = (
        "import sys, types, app\n"
        "fake, known = types.ModuleType('vqzoo.ui.app'), sys.modules\n"
        "fake.launch = lambda *_: print({'spaces', 'gradio', 'torch'} & known.keys(), known['spaces'].GPU)\n"
        "sys.modules['vqzoo.ui.app'] = fake\n"
        "app.start()"
    )
    environment = os.environ | {"SPACE_ID": "owner/vqzoo"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=ROOT)
    assert done.stdout.startswith("{'spaces'} <function GPU"), done.stderr


def test_a_model_that_is_added_is_computed_without_the_gpu(engine, lender, path):
    added, *_ = [model for model in list_models() if model.name not in NAMES + TWINS]
    engine.add(added)
    *_, last = compare(engine, path, 32, [*NAMES, added.name])
    assert {row[0] for row in last["table"]} == {*NAMES, added.name}
    ((_, (jobs, *_)),) = lender.asked
    assert {job.name for job in jobs} == set(NAMES)
