"""metrics.jsonl survives a kill and a resumed run."""

from trainers.loop.log import Log
from vqzoo.analysis.log import read


def test_rows_come_back_and_a_fresh_run_starts_with_none(tmp_path):
    path = tmp_path / "metrics.jsonl"
    log = Log(path, 0)
    assert read(path) == []
    rows = [{"step": 1, "loss": 0.5}, {"step": 2, "held_out": 1e-9}]
    for row in rows:
        log.write(row)
    assert read(path) == rows
    Log(path, 0)
    assert read(path) == []


def test_a_line_cut_short_is_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3, "lo')
    assert read(path) == [{"step": 1}, {"step": 2}]


def test_resuming_drops_the_rows_that_will_be_written_again(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 2}\n{"step": 4, "a": 1}\n{"step": 4, "b": 1}\n{"step": 5}\n{"st')
    Log(path, 4).write({"step": 5, "again": 1})
    assert read(path) == [{"step": 2}, {"step": 4, "a": 1}, {"step": 4, "b": 1}, {"step": 5, "again": 1}]
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.jsonl"]
