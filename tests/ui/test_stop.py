"""What is said of a comparison that was stopped is of what is on the page."""

from vqzoo.ui.app import build_app
from vqzoo.views.comparison import Comparison

LINE = '<div data-kind="{}">'


def test_a_step_that_comes_in_after_the_stop_is_told_of_too():
    app, _ = build_app()
    end = next(function for function in app.fns.values() if function.name == "_on_end")
    now, before = Comparison("photograph.png", 64, ("a", "b", "c", "d")), Comparison("other.png", 64, ("z",))

    def on_end(asked, now, line, *on_page):
        told = end.fn(asked, now, before, LINE.format(line), [[name] for name in on_page])
        return [told[output] for output in end.outputs]

    kept, listed, shown, line = on_end(True, now, "running", "b", "a")
    assert listed == shown == Comparison("photograph.png", 64, ("a", "b")), "the third and fourth were not on the page"
    assert "Stopped after 2 models" in line
    kept, listed, shown, line = on_end(kept, listed, "stopped", "c", "b", "a")
    assert listed == shown == Comparison("photograph.png", 64, ("a", "b", "c")) and "Stopped after 3 models" in line
    asked = app.blocks[end.outputs[0]._id]
    assert end.fn(kept, listed, shown, LINE.format("done"), []) == {asked: False}, "the next comparison has ended"
    for other in (False, kept):
        nothing = end.fn(other, now, before, LINE.format("running"), [])
        assert nothing == {"__type__": "update"}, "nobody has stopped this one yet"
