"""Write docs/quantizers.md from the table of quantizers and from their tests: `python docs/quantizers.py`.

Names, settings and equations come from the builders, figures from building each of them, traps from the markers
`@pytest.mark.trap("T5", "ema")` in tests/.
"""

import ast
import inspect
import math
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

import torch
from torch import Tensor

from vqzoo.ops import entropy, lookup
from vqzoo.ops.estimator import ESTIMATORS
from vqzoo.ops.flops import FlopCounterMode
from vqzoo.ops.text import table_of
from vqzoo.quantizers import PRESETS, QUANTIZERS, Quantizer, build, revival, start
from vqzoo.quantizers.cost import Cost
from vqzoo.quantizers.nearest import NearestCodevector

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "quantizers.md"
DIM = 128
SIDE = 8

TRAPS = {
    "T1": "the commitment's weight on the codebook's term",
    "T2": "the codebook loss taken behind the gradient estimator, where it is no loss any more",
    "T3": "n residual levels that multiply the decoder's gradient by n",
    "T4": "later residual levels whose commitment does not reach the encoder",
    "T5": "moving averages that throw codevectors far away in the first steps",
    "T6": "a start by k-means that the first moving average spoils",
    "T7": "a revived codevector that is overwritten in the same step",
    "T8": "unused codevectors that shrink to the origin",
    "T9": "codebooks that drift apart between processes",
    "T10": "an entropy over processes whose sum is computed and dropped",
    "T11": "a start from fewer latents than codevectors that leaves zeros or twins",
    "T12": "a loss that is a mean in one place and a sum over channels in another",
    "T13": "a choice by angle that leaves open which vector comes out",
    "T14": "bfloat16 and float16 distances that choose another codevector",
    "T15": "a small uniform start under bfloat16, where all latents choose one codevector",
    "T16": "indices computed in floating point, wrong when they are large",
    "T17": "finite scalars that are off centre, or miss a level",
    "T18": "the rotation trick at latents of no length",
    "T19": "decoding that leaves out a learnt map",
    "T20": "public methods that nobody ever called",
    "T21": "axes mixed up where height, width and channels differ",
    "T22": "an interpolated grid whose additional indices nobody counts",
    "T23": "a shared codebook that learns once a level, and not once a step",
    "T24": "a usage that depends on the batch size or on the number of processes",
    "T25": "evaluation that draws at random or changes something",
    "T26": "a positional encoding that is the same in every row, or in every column",
    "T27": "a discriminator's loss that reaches the tokenizer",
    "T28": "an adversarial weight that each process computes for itself",
    "T33": "methods compared at unequal rates",
    "T34": "state that a checkpoint does not hold",
    "T35": "an optimizer that drives a moved codevector off again",
    "T37": "all distances or probabilities in memory at once",
    "T38": "training steps that fail on large batches or on a newer torch",
    "T39": "choices that are soft in training and hard in evaluation, unsaid",
    "T40": "an entropy term of the wrong sign",
}
"""What is known to go wrong in vector quantizers, by the number that tests mark it with."""

_HEAD = """\
# Quantizers

<!-- Made by docs/quantizers.py; edit the docstrings in vqzoo/quantizers/ and run it. -->

`vqzoo.quantizers.build(name, dim=..., **settings)` builds any of these. The figures are for the default settings,
dim={dim} and a grid of {side} x {side} latents:

- *bits a latent*: true bits before entropy coding.
- *codebooks* and *other*: how many numbers are stored, in codebooks and elsewhere.
- *encode* and *decode*: multiply-adds for each latent in matrix products and convolutions. Looking up a codevector
  counts 0.
"""
_PARTS = """\
## Parts

Every method that chooses the nearest codevector can use these parts. Each one lists the methods that take it as a
setting.
"""
_PRESETS = """\
## Presets

`vqzoo.quantizers.preset(name, source)` returns what a publication used: settings for `build`, and the weights of the
losses. "paper" is what the text says; "paper_code" is what the public code does where that differs.
"""
_TRAPS = """\
## Traps

Faults that are known from public implementations of vector quantizers, and the tests against them. "all" means that
the tests run for every quantizer of the table.
"""


class Mark(NamedTuple):
    """One marker on one test: quantizers is empty where it is about all of them."""

    trap: str
    quantizers: tuple[str, ...]
    file: str
    test: str


class Facts(NamedTuple):
    """Figures of a quantizer in evaluation mode; tokens, encode and decode are per latent."""

    tokens: float
    bits: str
    codebooks: int
    other: int
    encode: int
    decode: int
    losses: tuple[str, ...]


# --- what the builders say --------------------------------------------------------------------------------------------


def described(builder: Callable[..., Quantizer]) -> dict[str, str]:
    """Return the docstring, cut into "Method", "Equation", "Learns" and "Collapses", each on one line."""
    doc = inspect.getdoc(builder) or ""
    first, _, rest = doc.partition("\n\n")
    parts = {"Method": " ".join(first.split())}
    for field, text in re.findall(r"^(Equation|Learns|Collapses): (.*?)(?=^[A-Z]\w+: |\Z)", rest, re.M | re.S):
        parts[field] = " ".join(text.split())
    return parts


def settings(builder: Callable[..., Quantizer]) -> list[tuple[str, str, str]]:
    """Name, default and possible values of every setting but dim."""
    rows = []
    for name, parameter in inspect.signature(builder).parameters.items():
        if name != "dim":
            default = parameter.default
            shown = f"{default:g}" if isinstance(default, float) else repr(default)
            rows.append((name, shown, _values(parameter.annotation)))
    return rows


def _values(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(map(repr, get_args(annotation)))
    if annotation is bool:
        return "True, False"
    return {int: "whole number", float: "number"}.get(annotation, "whole numbers")


# --- what they cost ---------------------------------------------------------------------------------------------------


def facts(name: str) -> Facts:
    """Return the figures of the quantizer with its default settings."""
    quantizer = build(name, dim=DIM).eval()
    latents = torch.randn(1, SIDE, SIDE, DIM, generator=torch.Generator().manual_seed(0))
    indices = quantizer.encode(latents)
    cost = quantizer.cost(SIDE**2)
    return Facts(
        cost.indices / SIDE**2,
        _bits(quantizer),
        cost.storage // 4,
        _other(quantizer, cost),
        _multiply_adds(lambda: quantizer.encode(latents)),
        _multiply_adds(lambda: quantizer.decode(indices)),
        tuple(quantizer(latents).losses),
    )


def _other(quantizer: Quantizer, cost: Cost) -> int:
    """Numbers that are stored beside codebooks: parameters, and what a fixed grid was fitted to."""
    books = Counter((book.size, book.code_dim) for book in cost.books if book.stored)
    parameters = Counter(tuple(parameter.shape) for parameter in quantizer.parameters())
    learnt = (parameters - books).elements()  # a codebook that learns by gradient is a parameter, of its own shape
    fixed = [part for part in quantizer.modules() if isinstance(part, Quantizer) and part.fixed]
    return sum(map(math.prod, learnt)) + sum(buffer.numel() for part in fixed for buffer in part.buffers())


def _bits(quantizer: Quantizer) -> str:
    cells = quantizer.index_cells(SIDE**2) / SIDE**2
    low, high = (cells * bits(quantizer.cell_bits) for bits in (min, max))
    return f"{low:,.4g} to {high:,.4g}" if low < high else f"{low:,.4g}"


def _multiply_adds(call: Callable[[], Tensor]) -> int:
    """Per latent."""
    with FlopCounterMode(display=False) as counter:
        call()
    return round(counter.get_total_flops() / 2 / SIDE**2)


# --- what their tests hold --------------------------------------------------------------------------------------------


def marks(tests: Path = ROOT / "tests") -> list[Mark]:
    """Every trap marker on a test function under `tests`, by file and line; nothing there is imported."""
    files = sorted(tests.rglob("test_*.py"))
    return [mark for file in files for mark in marks_in(file.read_text(encoding="utf-8"), file, tests)]


def marks_in(source: str, file: Path, tests: Path) -> Iterator[Mark]:
    """Return the markers in one file; their arguments may use lists that the same file defines."""
    tree = ast.parse(source)
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.trap":
                    trap, *names = _evaluated(ast.Tuple(decorator.args, ast.Load()), constants)
                    path = f"{tests.name}/{file.relative_to(tests).as_posix()}"
                    yield Mark(trap, tuple(dict.fromkeys(names)), path, node.name)


def _evaluated(node: ast.expr, constants: Mapping[str, ast.expr]) -> Any:
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and each.id in constants}
    known = {name: _evaluated(constants[name], constants) for name in names}
    known["QUANTIZERS"] = QUANTIZERS
    return eval(compile(ast.fix_missing_locations(ast.Expression(node)), "<marker>", "eval"), known)


# --- the page ---------------------------------------------------------------------------------------------------------


def page(all_marks: list[Mark]) -> str:
    """All of docs/quantizers.md."""
    known = {name: facts(name) for name in QUANTIZERS}
    head = _HEAD.format(dim=DIM, side=SIDE)
    sections = [_section(name, known[name], all_marks) for name in QUANTIZERS]
    return "\n".join([head, _overview(known), *sections, _parts(), _presets(), _traps(all_marks)])


def _overview(known: Mapping[str, Facts]) -> str:
    rows = []
    for name, fact in known.items():
        method = described(QUANTIZERS[name])["Method"]
        numbers = [f"{number:,}" for number in (fact.codebooks, fact.other, fact.encode, fact.decode)]
        rows.append([f"[{name}](#{name})", _linked(method.rstrip(".")), f"{fact.tokens:.4g}", fact.bits, *numbers])
    heads = ["name", "method", "tokens a latent", "bits a latent", "codebooks", "other", "encode", "decode"]
    return table_of(heads, rows, 2) + "\n"


def _section(name: str, fact: Facts, all_marks: list[Mark]) -> str:
    text = described(QUANTIZERS[name])
    lines = [f"## {name}\n", _paragraph(text["Method"]), f"```\n{text['Equation']}\n```\n"]
    lines += [_paragraph(f"**{field}:** {text[field]}") for field in ("Learns", "Collapses")]
    losses = f"Losses: {', '.join(fact.losses)}." if fact.losses else "There are no losses."
    lines += [_paragraph(losses)]
    rows = [[f"`{key}`", f"`{default}`", _code(values)] for key, default, values in settings(QUANTIZERS[name])]
    lines += [table_of(["setting", "default", "values"], rows, 3) + "\n"] if rows else []
    own = [mark for mark in all_marks if name in mark.quantizers]
    if own:
        lines += [f"Traps that its tests hold, besides those of [all](#traps):\n\n{_links(own)}\n"]
    return "\n".join(lines)


def _links(own: list[Mark]) -> str:
    lines: dict[str, dict[str, str]] = {}
    for mark in sorted(own, key=lambda mark: ([*TRAPS].index(mark.trap), mark.file)):
        files = lines.setdefault(mark.trap, {})
        files[mark.file] = f"[{Path(mark.file).name}](../{mark.file})"
    return "\n".join(f"- {trap}, {TRAPS[trap]}: {', '.join(files.values())}" for trap, files in lines.items())


def _parts() -> str:
    numbers = "a number of at least 0; 0 leaves it out"
    # What can be chosen, and what the code says of it.
    parts: dict[str, tuple[str, list[tuple[str, str]]]] = {
        "metric": (
            _quoted(lookup.METRICS),
            [("the choice", _told(lookup.nearest, '"l2"')), ("the value", _told(NearestCodevector, 'metric "cosine"'))],
        ),
        "estimator": (_quoted(ESTIMATORS), [(name, _told(function)) for name, function in ESTIMATORS.items()]),
        "start": (
            _quoted(start.STARTS),
            [
                ("drawn", _told(start.draw)),
                ("taken from the first batch", _told(start.from_data)),
                ("k-means", _told(start.kmeans)),
            ],
        ),
        "revival": (
            _quoted(revival.REVIVALS),
            [("how far a codevector is moved", _told(revival.pull)), ("where to", _told(revival.anchors))],
        ),
        "entropy_temperature": (
            numbers,
            [("what it adds", _told(NearestCodevector, "`entropy_temperature`")), ("what that is", _told(entropy))],
        ),
    }
    lines = [_PARTS]
    for part, (values, told) in parts.items():
        takers = [name for name in QUANTIZERS if part in inspect.signature(QUANTIZERS[name]).parameters]
        lines += [f"### {part}\n", _paragraph(f"Values: {values}. Taken by {', '.join(takers)}.")]
        lines += [_paragraph(f"*{label}:* {text}") for label, text in told]
    return "\n".join(lines)


def _presets() -> str:
    rows = []
    for name, sources in PRESETS.items():
        for source, preset in sources.items():
            quantizer, *rest = preset.settings.items()
            call = ", ".join([repr(quantizer[1]), *(f"{key}={value!r}" for key, value in rest)])
            weights = ", ".join(f"{key} {value:g}" for key, value in preset.weights.items()) or "no losses"
            rows.append([name, source, f"`build({call})`", weights])
    return _PRESETS + "\n" + table_of(["preset", "source", "settings", "weights"], rows, 4) + "\n"


def _traps(all_marks: list[Mark]) -> str:
    rows = []
    for trap, wrong in TRAPS.items():
        of_it = [mark for mark in all_marks if mark.trap == trap]
        named = {quantizer for mark in of_it for quantizer in mark.quantizers}
        everywhere = any(not mark.quantizers for mark in of_it)
        methods = "all" if everywhere else ", ".join(name for name in QUANTIZERS if name in named)
        tests = "<br>".join(
            f"[{mark.test}](../{mark.file})" for mark in dict.fromkeys(mark._replace(quantizers=()) for mark in of_it)
        )
        rows.append([trap, wrong, methods, tests])
    return _TRAPS + "\n" + table_of(["trap", "what goes wrong", "methods", "tests"], rows, 4) + "\n"


def _told(documented: object, about: str = "") -> str:
    """Return a docstring's sentences about something, or all of them, without the shapes that it may begin with."""
    text = " ".join((inspect.getdoc(documented) or "").split())
    sentences = [sentence for sentence in re.split(r"(?<=\.)\s+(?=\D)", text) if about in sentence]
    return re.sub(r"^\(K,( d)?\)( in \[0, 1\])?:? ", "", " ".join(sentences))


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name!r}`" for name in names)


def _linked(text: str) -> str:
    return re.sub(r"arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", text)


def _paragraph(text: str) -> str:
    return textwrap.fill(_linked(text), 120, break_long_words=False, break_on_hyphens=False) + "\n"


def _code(values: str) -> str:
    """Strings among possible values as code; words as words."""
    return ", ".join(f"`{value}`" if value[0] in "'TF" else value for value in values.split(", "))


if __name__ == "__main__":
    PAGE.write_text(page(marks()), encoding="utf-8")
