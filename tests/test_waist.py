"""Above the waist nobody asks what class a quantizer is; nowhere does anybody reach for another's private names."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BELOW = {"quantizers", "autoencoders", "training", "ops", "metrics", "images", "files"}
"""Rooms of the package that the tokenizer stands on."""
FILES = sorted(path for folder in ("vqzoo", "trainers", "docs") for path in (ROOT / folder).rglob("*.py"))
ABOVE = [path for path in FILES if path.relative_to(ROOT).parts[1] not in BELOW]
PUBLIC = {"_asdict", "_replace", "_exit", "_foreach_lerp_", "_id", "_get_theme_css"}
"""Documented in spite of the underscore: namedtuple's and os's; and torch's and Gradio's that have no other name."""

parsed = cache(ast.parse)


def classes_asked_for(source: str) -> Iterator[str]:
    """Names imported from vqzoo.quantizers, but for the contract's own, that a file matches an object's class with."""
    tree = parsed(source)
    imported = {
        alias.asname or alias.name.split(".")[0]
        for node in ast.walk(tree)
        for alias in getattr(node, "names", [])
        if (isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("vqzoo.quantizers."))
        or (isinstance(node, ast.Import) and alias.asname and alias.name.startswith("vqzoo.quantizers"))
    }
    for node in ast.walk(tree) if imported else ():
        asked: list[ast.expr] = []
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass"):
            asked = node.args[1:]
        elif isinstance(node, ast.MatchClass):
            asked = [node.cls]
        elif isinstance(node, ast.Compare) and "type(" in ast.unparse(node.left):
            asked = node.comparators
        elif isinstance(node, ast.FunctionDef) and ".register" in "".join(map(ast.unparse, node.decorator_list)):
            asked = [*node.decorator_list, *(each.annotation for each in node.args.args if each.annotation)]
        names = {each.id for expression in asked for each in ast.walk(expression) if isinstance(each, ast.Name)}
        yield from sorted(names & imported - {"Quantizer"})


def private_names(source: str) -> Iterator[str]:
    """Attributes that begin with one underscore, of anything but the object, its class or what that inherits."""
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            if ast.unparse(node.value) not in ("self", "cls", "super()") and node.attr not in PUBLIC:
                yield ast.unparse(node)


def test_nobody_above_the_waist_asks_for_the_class_of_a_quantizer():
    actual = {path.relative_to(ROOT).as_posix(): [*classes_asked_for(path.read_text("utf-8"))] for path in ABOVE}
    assert not {path: names for path, names in actual.items() if names}, "make it a property of the contract"


def test_nobody_reaches_for_the_private_names_of_another():
    actual = {path.relative_to(ROOT).as_posix(): [*private_names(path.read_text("utf-8"))] for path in FILES}
    assert not {path: names for path, names in actual.items() if names}, "make it public, or ask for something else"


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("isinstance(q, HVQ)", ["HVQ"]),
        ("isinstance(q, (Quantizer, Smooth))", ["Smooth"]),
        ("isinstance(q, HVQ | int)", ["HVQ"]),
        ("type(q) is HVQ", ["HVQ"]),
        ("isinstance(q, table.Product)", ["table"]),
        ("match q:\n    case HVQ(lower=x) | int():\n        pass", ["HVQ"]),
        ("@f.register\ndef _(q: HVQ): ...", ["HVQ"]),
        ("@f.register(HVQ)\ndef _(q): ...", ["HVQ"]),
        ("isinstance(q, Quantizer) and isinstance(q, list) and HVQ(q)", []),
    ],
)
def test_classes_are_found_however_they_are_asked_for(code, names):
    imports = "from vqzoo.quantizers import Quantizer\nfrom vqzoo.quantizers.hvq import HVQ\n"
    imports += "from vqzoo.quantizers.smoothed import Smoothed as Smooth\nimport vqzoo.quantizers.table as table\n"
    assert [*classes_asked_for(imports + code)] == names


def test_private_names_are_found():
    code = "self._a, cls._b, super()._c(), x.__dict__, row._asdict()\nother._d, self.part._e(), cls._last._f"
    assert {*private_names(code)} == {"other._d", "self.part._e", "cls._last._f"}
