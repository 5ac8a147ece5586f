"""Strangers' text: one line of it, and JSON that says one thing."""

import pytest

from vqzoo.files.json import parse_json
from vqzoo.ops.text import brief, with_table


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("two\n lines\t here ", "two lines here"),
        ("red \x1b[31m and \u202eback", "red ?[31m and ?back"),
        ("a" * 30, "aaaaaaaaa ... aaaaaa"),
        ("x" * 20, "x" * 20),
    ],
)
def test_one_printable_line(text, line):
    assert brief(text, 20) == line


def test_json_is_what_it_says():
    assert parse_json('{"größe": [1, 2.5, null, true, {"a": []}]}'.encode()) == {
        "größe": [1, 2.5, None, True, {"a": []}]
    }
    assert parse_json(b"[" * 32 + b"]" * 32) and parse_json(b"[" + b"[]," * 60_000 + b"[]]")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"a": 1, "b": {"c": 1, "c": 1}}', "key 'c' is given twice"),
        (b"[" * 34 + b"]" * 34, "nested too deeply"),
        (b"[" * 50_000 + b"]" * 50_000, "nested too deeply|Expecting|too many"),
        (b"[" + b"[]," * 70_000 + b"[]]", "too many arrays and objects"),
        (b"[" + b"{}," * 70_000 + b"{}]", "too many arrays and objects"),
        (b'{"a": ' + b"1" * 5000 + b"}", "4300"),
        (b"\xff", "utf-8"),
        (b"{", "Expecting"),
    ],
)
def test_json_that_means_harm_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_json(text)


def test_a_table_is_put_in_its_place():
    text = "a\n<!-- table: one -->\nold\n<!-- end of table -->\nb\n<!-- table: two -->\nkept\n<!-- end of table -->\n"
    assert with_table(text, "one", "new") == text.replace("old", "new")
    assert with_table(text, "two", "new") == text.replace("kept", "new")
    with pytest.raises(ValueError):
        with_table(text, "three", "new")
