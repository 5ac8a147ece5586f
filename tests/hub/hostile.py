"""Repositories made by somebody who means harm: a good one with something done to it, hundreds of ways.

Run as a program it loads every one of them and prints, as JSON, what each was answered with, how much memory that took
at most, and what else happened.
"""

import json
import os
import pickle
import shutil
import struct
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch

from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.hub.model import read_model
from vqzoo.hub.registry import Model, usage_counts
from vqzoo.quantizers import build
from vqzoo.tokenizer import Tokenizer

NAME = "good"
Case = Callable[[Path], Any]


def make_good(folder: Path) -> None:
    """A whole model folder that is not hostile."""
    torch.manual_seed(0)
    autoencoder = build_autoencoder("conv", latent_dim=8, width=4, residual_width=2, residual_blocks=1)
    position = build_position("learned", dim=8, grid=4)
    Tokenizer(autoencoder, build("ema", dim=8, codebook_size=16), position, 32).save(folder)
    metrics = {"bits_per_image": 256.0, "psnr": 20.5, "usage": 1.0}
    training = {"images": 1, "full_budget_images": 4, "recipe": {"name": NAME}}
    record = {"name": NAME, "dataset": "cifar10", "hub_id": None, "split": "test", "metrics": metrics}
    (folder / "metrics.json").write_text(json.dumps({**record, "training": training}))
    (folder / "usage.json").write_text('{"counts": [[1, 2]]}')


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path):
        self.path = str(path)

    def __reduce__(self) -> Any:
        return open, (self.path, "w")


def cases(canary: Path) -> dict[str, Case]:
    """Name -> what is done to a good folder; a name begins with the file that it is about."""
    return {
        **_pickles(canary),
        **_headers(),
        **_tensors(),
        **_texts(),
        **_configs(),
        **_metrics(),
        **_usage(),
        **_links(),
    }


def read(folder: Path, case: str) -> Any:
    """What is done with the file that a case is about."""
    about = case.split(":")[0]
    if about == "metrics":
        return read_model(folder)
    if about == "usage":
        return usage_counts(Model(NAME, folder, {}, {"training": {}}))
    return Tokenizer.from_pretrained(folder)


# Weights.


def _pickles(canary: Path) -> dict[str, Case]:
    bomb = pickle.dumps(Bomb(canary))

    def torch_save(folder: Path) -> None:
        torch.save({"weight": torch.ones(2), "bomb": Bomb(canary)}, folder / "model.safetensors")

    def only(name: str) -> Case:
        def edit(folder: Path) -> None:
            (folder / "model.safetensors").unlink()
            (folder / name).write_bytes(bomb)

        return edit

    def code(name: str) -> Case:
        def edit(folder: Path) -> None:
            (folder / name).write_text(f"open({str(canary)!r}, 'w')\n")
            config = _config(folder)
            config["auto_map"] = {"AutoModel": name.replace(".py", ".Model")}
            (folder / "config.json").write_text(json.dumps(config))

        return edit

    names = ("pytorch_model.bin", "model.pt", "model.ckpt", "model.pkl", "model.safetensors.index.json")
    return {
        "weights: a pickle": lambda folder: (folder / "model.safetensors").write_bytes(bomb),
        "weights: torch.save": torch_save,
        "weights: a pickle in the header": _raw(struct.pack("<Q", len(bomb)) + bomb),
        **{f"weights: only {name}": only(name) for name in names},
        **{f"config: code in {name}": code(name) for name in ("modeling.py", "tokenizer.py", "__init__.py")},
    }


def _raw(data: bytes) -> Case:
    return lambda folder: (folder / "model.safetensors").write_bytes(data)


def _split(folder: Path) -> tuple[dict[str, Any], bytes]:
    data = (folder / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def _write(folder: Path, header: bytes, body: bytes, length: int | None = None) -> None:
    start = struct.pack("<Q", len(header) if length is None else length)
    (folder / "model.safetensors").write_bytes(start + header + body)


def _headers() -> dict[str, Case]:
    actual: dict[str, Case] = {
        "weights: empty": _raw(b""),
        "weights: seven bytes": _raw(b"\0" * 7),
        "weights: zeros": _raw(b"\0" * 4096),
        "weights: noise": _raw(bytes((i * i * 7919 >> 3) & 255 for i in range(5000))),
        "weights: HTML": _raw(b"<!doctype html><html><script>alert(1)</script></html>"),
        "weights: a pointer": _raw(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"),
        "weights: a GGUF": _raw(b"GGUF" + b"\3\0\0\0" * 20),
        "weights: a zip": _raw(b"PK\3\4" + b"\0" * 100),
        "weights: a directory": _directory,
        "weights: gone": lambda folder: (folder / "model.safetensors").unlink(),
        "weights: three gigabytes of nothing": lambda folder: os.truncate(folder / "model.safetensors", 3 * 2**30),
        "weights: one gigabyte of nothing behind": lambda folder: os.truncate(folder / "model.safetensors", 2**30),
    }

    for length in (0, 1, 2**20, 2**21 + 1, 2**31, 2**32, 2**40, 2**60, 2**63, 2**64 - 1):

        def lied(folder: Path, length: int = length) -> None:
            header, body = _split(folder)
            _write(folder, json.dumps(header).encode(), body, length)

        actual[f"weights: a header said to have {length} bytes"] = lied
    for share in (0.001, 0.1, 0.5, 0.9, 0.999):

        def cut(folder: Path, share: float = share) -> None:
            path = folder / "model.safetensors"
            os.truncate(path, int(path.stat().st_size * share))

        actual[f"weights: cut to {share}"] = cut
    texts = {
        "an array": b"[]",
        "null": b"null",
        "a number": b"5",
        "a text": b'"x"',
        "nothing in it": b"{}",
        "deep arrays": b"[" * 300_000,
        "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "a little deep": b'{"a":' + b"[" * 200 + b"]" * 200 + b"}",
        "not UTF-8": b'{"\xff": 1}',
        "UTF-16": '{"a": 1}'.encode("utf-16"),
        "a long number": b'{"a": ' + b"9" * 20_000 + b"}",
        "many arrays": b"[" + b"[]," * 600_000 + b"[]]",
        "many objects": b"[" + b"{}," * 600_000 + b"{}]",
        "many keys": b"{" + b",".join(b'"%d":0' % i for i in range(150_000)) + b"}",
        "many tensors": json.dumps(
            {str(i): {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for i in range(17_000)}
        ).encode(),
        "NaN": b'{"a": NaN}',
        "code": b"__import__('os').system('true')",
        "a long key": b'{"' + b"k" * 500_000 + b'": 1}',
    }
    for name, text in texts.items():
        actual[f"weights: header of {name}"] = lambda folder, text=text: _write(folder, text, b"")

    def twice(folder: Path) -> None:
        header, body = _split(folder)
        key = next(key for key in header if key != "__metadata__")
        text = json.dumps(header)[:-1] + f", {json.dumps(key)}: {json.dumps(header[key])}}}"
        _write(folder, text.encode(), body)

    actual["weights: a key twice"] = twice
    return actual


def _directory(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()


def _tensors() -> dict[str, Case]:
    """Every lie about one tensor of a header that is otherwise right."""
    key = "autoencoder.encoder.0.weight"

    def entry(edit: Callable[[dict[str, Any]], Any]) -> Case:
        def apply(folder: Path) -> None:
            header, body = _split(folder)
            edit(header[key])
            _write(folder, json.dumps(header).encode(), body)

        return apply

    def whole(edit: Callable[[dict[str, Any]], Any]) -> Case:
        def apply(folder: Path) -> None:
            header, body = _split(folder)
            edit(header)
            _write(folder, json.dumps(header).encode(), body)

        return apply

    actual: dict[str, Case] = {}
    shapes: list[Any] = [[], [0], [4, 3, 4], [4, 3, 4, 5], [4, 3, 4, 0], [-4, 3, 4, -4], [4.0, 3, 4, 4], ["4", 3, 4, 4]]
    shapes += [[True, 3, 4, 4], [2**40, 2**40], [2**63, 2], [10**30], [1] * 40 + [192], None, 192]
    shapes += ["4,3,4,4", {"0": 4}, [[4, 3, 4, 4]], [float("inf")], [4, 3, 16], [3, 4, 4, 4], [192]]
    for shape in shapes:
        actual[f"weights: shape {shape}"] = entry(lambda e, shape=shape: e.update(shape=shape))
    offsets: list[Any] = [[0, 0], [0, 1], [0], [], [0, 1, 2], [-8, 8], [0, 2**62], [2**62, 2**63], [5, 1], [0.0, 768.0]]
    offsets += [["0", "768"], None, 768, {"0": 1}, [10**30, 10**30 + 768], [True, False]]
    for pair in offsets:
        actual[f"weights: offsets {pair}"] = entry(lambda e, pair=pair: e.update(data_offsets=pair))
    for shift in (1, -1, 4, 768, -768):
        actual[f"weights: offsets moved by {shift}"] = entry(
            lambda e, shift=shift: e.update(data_offsets=[n + shift for n in e["data_offsets"]])
        )
    types: list[Any] = [
        "F16",
        "BF16",
        "F64",
        "I64",
        "I32",
        "U8",
        "I8",
        "BOOL",
        "F8_E4M3",
        "C64",
        "F4",
        "f32",
        "",
        None,
        5,
    ]
    types += [["F32"], "F32\0", "object", "<script>", "O" * 5000]
    for dtype in types:
        actual[f"weights: type {str(dtype)[:30]}"] = entry(lambda e, dtype=dtype: e.update(dtype=dtype))
        if isinstance(dtype, str) and dtype in ("F16", "BF16", "F64", "I32", "U8", "I8", "BOOL"):
            width = {"F16": 2, "BF16": 2, "F64": 8, "I32": 4}.get(dtype, 1)
            actual[f"weights: type {dtype} of fewer numbers"] = entry(
                lambda e, dtype=dtype, width=width: e.update(dtype=dtype, shape=[768 // width])
            )
    actual["weights: an entry without a type"] = entry(lambda e: e.pop("dtype"))
    actual["weights: an entry with more"] = entry(lambda e: e.update(exec="boom"))
    for value in (None, 5, [], "x", {}):
        actual[f"weights: an entry that is {value!r}"] = whole(lambda h, value=value: h.update({key: value}))
    actual["weights: two on the same bytes"] = whole(lambda h: h.update(extra=dict(h[key])))
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    actual["weights: an empty one more"] = whole(lambda h: h.update(extra=empty))
    actual["weights: one less"] = whole(lambda h: h.pop(key))
    names = ("../../evil", "/etc/passwd", "a" * 5000, "<img src=x onerror=alert(1)>", "\n\x1b[31mred", "", "__class__")
    for name in names:
        actual[f"weights: named {name[:20]!r}"] = whole(lambda h, name=name: h.update({name: h.pop(key)}))

    def numbers(value: float, where: str, dtype: torch.dtype = torch.float32) -> Case:
        def apply(folder: Path) -> None:
            tokenizer = Tokenizer.from_pretrained(folder)
            state = tokenizer.state_dict()
            state[where].view(-1)[-1] = value
            tokenizer.save(folder, dtype)

        return apply

    for value in (float("nan"), float("inf"), -float("inf")):
        for where in (key, "autoencoder.encoder.0.bias", "quantizer.codebook.weight", "position.table"):
            actual[f"weights: {value} in {where}"] = numbers(value, where)
        actual[f"weights: {value} in half precision"] = numbers(value, key, torch.float16)
        actual[f"weights: {value} in int8"] = numbers(value, key, torch.int8)
    actual["weights: too large for float32"] = _too_large
    return actual


def _too_large(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(folder / "model.safetensors")
    state["autoencoder.encoder.0.bias"] = torch.full((2,), 1e300, dtype=torch.float64)
    save_file(state, folder / "model.safetensors")


# JSON.


def _texts() -> dict[str, Case]:
    texts = {
        "empty": b"",
        "cut": b'{"format": 1, "resolution',
        "HTML": b"<html><script>alert(1)</script></html>",
        "an array": b"[1]",
        "null": b"null",
        "a text": b'"vq"',
        "deep arrays": b"[" * 200_000,
        "deep and closed": b"[" * 400 + b"]" * 400,
        "deep objects": b'{"a":' * 500 + b"1" + b"}" * 500,
        "deep inside": b'{"format": 1, "quantizer": ' + b"[" * 60 + b"]" * 60 + b"}",
        "two megabytes": b'{"a": "' + b"x" * 2**21 + b'"}',
        "a megabyte of arrays": b'{"a": [' + b"[]," * 340_000 + b"[]]}",
        "a megabyte of objects": b'{"a": [' + b"{}," * 340_000 + b"{}]}",
        "a megabyte of keys": b"{" + b",".join(b'"%d":0' % i for i in range(90_000)) + b"}",
        "a long number": b'{"format": ' + b"7" * 5000 + b"}",
        "not UTF-8": b'{"format": "\xff\xfe"}',
        "a null byte": b'{"format": 1}\0',
        "keys twice": b'{"format": 1, "format": 1}',
        "keys twice inside": b'{"format": 1, "quantizer": {"name": "vq", "name": "ema"}}',
        "a comment": b'{"format": 1 /* one */}',
        "YAML": b"!!python/object/apply:os.system [true]",
        "a cycle by name": b'{"$ref": "#"}',
        "a prototype": b'{"__proto__": {"x": 1}, "constructor": 1}',
    }
    actual: dict[str, Case] = {}
    for about, file in (("config", "config.json"), ("metrics", "metrics.json"), ("usage", "usage.json")):
        for name, text in texts.items():
            if about == "usage" and name == "a cycle by name":
                continue
            actual[f"{about}: {name}"] = lambda folder, file=file, text=text: (folder / file).write_bytes(text)
        actual[f"{about}: gone"] = lambda folder, file=file: (folder / file).unlink()
        actual[f"{about}: a directory"] = lambda folder, file=file: ((folder / file).unlink(), (folder / file).mkdir())
        actual[f"{about}: a pipe"] = lambda folder, file=file: ((folder / file).unlink(), os.mkfifo(folder / file))
        actual[f"{about}: ten gigabytes of nothing"] = lambda folder, file=file: os.truncate(folder / file, 10 * 2**30)
    return actual


def _config(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "config.json").read_text())


def _configs() -> dict[str, Case]:
    def edit(change: Callable[[dict[str, Any]], Any]) -> Case:
        def apply(folder: Path) -> None:
            config = _config(folder)
            change(config)
            (folder / "config.json").write_text(json.dumps(config))

        return apply

    actual: dict[str, Case] = {}
    values: list[Any] = [-1, 1.5, True, None, "64", [64], {"a": 1}, 10**9, 10**4000, float("nan"), float("inf")]
    values += ["<script>alert(1)</script>", "../../etc/passwd", "x" * 100_000]
    places = [("resolution",), ("format",), ("autoencoder",), ("quantizer",), ("position",)]
    places += [("autoencoder", key) for key in ("name", "channels", "latent_dim", "stride", "width", "residual_blocks")]
    places += [("quantizer", key) for key in ("name", "dim", "codebook_size", "metric", "decay", "start", "revival")]
    places += [("position", key) for key in ("name", "dim", "grid", "place")]
    for place in places:
        for number, value in enumerate(values):

            def put(config: dict[str, Any], place: tuple[str, ...] = place, value: Any = value) -> None:
                *parents, last = place
                for parent in parents:
                    config = config[parent]
                config[last] = value

            actual[f"config: {'.'.join(place)} = value {number}"] = edit(put)

    def part(where: str, **settings: Any) -> Case:
        return edit(lambda config: config.update({where: settings}))

    vqgan = {"name": "vqgan", "latent_dim": 8, "multipliers": [64] * 8, "attention": [2**i for i in range(8)]}
    giants: dict[str, Case] = {
        "4 TB of codebook": edit(
            lambda c: [c["quantizer"].update(dim=4096, codebook_size=2**20), c["autoencoder"].update(latent_dim=4096)]
        ),
        "4 TB of convolutions": part("autoencoder", **{**vqgan, "width": 4096, "blocks": 64}),
        "thousands of small layers": part(
            "autoencoder", **{**vqgan, "multipliers": [1] * 8, "width": 32, "blocks": 64}
        ),
        "4096 codebooks": edit(
            lambda c: [
                c.update(quantizer={"name": "pq", "dim": 4096, "segments": 4096, "codebook_size": 2}),
                c["autoencoder"].update(latent_dim=4096),
            ]
        ),
        "256 levels": part("quantizer", name="rvq", dim=8, levels=256, codebook_size=2**20),
        "five million columns": part("quantizer", name="multiscale", dim=8, scales=list(range(1, 257))),
        "a deep transformer": part("autoencoder", name="vit", latent_dim=8, depth=64, width=4096, mlp=65536, stride=64),
        "ten thousand quantizers": edit(lambda c: c.update(quantizer=[c["quantizer"]] * 9000)),
        "no quantizers": edit(lambda c: c.update(quantizer=[])),
        "a huge position": edit(lambda c: c["position"].update(grid=1024)),
        "a million attentions": part("autoencoder", **{**vqgan, "width": 32, "attention": [1] * 100_000}),
        "a million levels": part("quantizer", name="fsq", dim=8, levels=[2] * 100_000),
        "huge levels": part("quantizer", name="uniform", dim=8, levels=10**300),
        "levels that are an object": part("quantizer", name="uniform", dim=8, levels={str(i): 1 for i in range(8)}),
        "levels that are a text": part("quantizer", name="fsq", dim=8, levels="8555"),
        "scales that are a number": part("quantizer", name="multiscale", dim=8, scales=5),
        "unlike scales": part("quantizer", name="multiscale", dim=8, scales=[1, "2", None]),
        "a temperature beyond floats": part("quantizer", name="lfq", dim=8, bits=8, temperature=10**400),
        "a variance beyond floats": part("quantizer", name="sq", dim=8, variance=10**400),
        "a decay beyond floats": edit(lambda c: c["quantizer"].update(decay=10**400)),
        "many heads": part("quantizer", name="adaptive", dim=8, heads=7, capacity=256, codebooks=8),
        "a selector of nothing": part("quantizer", name="adaptive", dim=8, heads=0),
        "a capacity of one": part("quantizer", name="adaptive", dim=8, capacity=1, codebooks=16),
        "segments of text": part("quantizer", name="looc", dim=8, segments="8"),
        "a factor of a fraction": part("quantizer", name="looc", dim=8, segments=8, factor=1.5),
        "a factor in sub-pixels": part("quantizer", name="looc", dim=8, segments=3, factor=4, grouping="subpixels"),
        "HVQ of one layer": part("quantizer", name="hvq", dim=8, levels=1, stride=10**9),
        "components beyond pixels": part("autoencoder", name="pca", latent_dim=4096, stride=1),
        "blocks of a million pixels": part("autoencoder", name="pca", latent_dim=8, stride=10**6),
        "self": edit(lambda c: c["quantizer"].update(self=1)),
        "a setting of markup": edit(lambda c: c["quantizer"].update({"<b>x</b>": 1})),
        "a key of markup": edit(lambda c: c.update({"<script>": 1})),
        "a key of newlines": edit(lambda c: c.update({"a\n\x1b[31m\u202eb": 1})),
        "a class path": edit(lambda c: c["quantizer"].update(name="os.system")),
        "a dunder": edit(lambda c: c["quantizer"].update(name="__class__")),
        "a module to import": edit(lambda c: c.update(_target_="os.system", args=["true"])),
    }
    return actual | {f"config: {name}": case for name, case in giants.items()}


def _metrics() -> dict[str, Case]:
    def edit(change: Callable[[dict[str, Any]], Any], file: str = "metrics.json") -> Case:
        def apply(folder: Path) -> None:
            record = json.loads((folder / file).read_text())
            change(record)
            (folder / file).write_text(json.dumps(record))

        return apply

    actual: dict[str, Case] = {}
    markup = "<img src=x onerror=alert(1)>"
    for number, value in enumerate((float("nan"), float("inf"), 10**400, "20", [], {}, True, markup)):
        for metric in ("bits_per_image", "psnr", "usage"):
            actual[f"metrics: {metric} = value {number}"] = edit(
                lambda r, m=metric, v=value: r["metrics"].update({m: v})
            )
    for number, value in enumerate((None, 5, [], markup, "a\x1b[31m", "x" * 5000, {"a": 1})):
        actual[f"metrics: dataset = value {number}"] = edit(lambda r, v=value: r.update(dataset=v))
        actual[f"metrics: training = value {number}"] = edit(lambda r, v=value: r.update(training=v))
    for number, value in enumerate((0, -1, 1.5, None, "1", True, float("nan"))):
        actual[f"metrics: images = value {number}"] = edit(lambda r, v=value: r["training"].update(images=v))
    actual["metrics: a recipe of markup"] = edit(lambda r: r["training"]["recipe"].update(start_from=markup))
    actual["metrics: a key of markup"] = edit(lambda r: r["metrics"].update(selection={markup: 0.5}))
    actual["metrics: a quantizer of markup"] = edit(lambda c: c["quantizer"].update(name=markup), "config.json")
    actual["metrics: a position of markup"] = edit(lambda c: c["position"].update(name=markup), "config.json")
    actual["metrics: a resolution of text"] = edit(lambda c: c.update(resolution=markup), "config.json")
    return actual


def _usage() -> dict[str, Case]:
    values = (5, "x", {}, [5], [[-1]], [[1.5]], [["1"]], [[None]], [[True]], [[10**30]], [[[1]]], [{"a": 1}])
    sparse = {"size": 4, "at": [1], "counts": [2]}
    for wrong in (
        {"size": 2**62},
        {"size": -1},
        {"at": [9]},
        {"at": [-1]},
        {"at": [1, 1]},
        {"counts": [[1]]},
        {"counts": None},
    ):
        values += ([sparse | wrong],)
    return {
        f"usage: counts = value {number}": lambda folder, value=value: (folder / "usage.json").write_text(
            json.dumps({"counts": value})
        )
        for number, value in enumerate(values)
    }


def _links() -> dict[str, Case]:
    """Links out of the folder; what they point at is there and would be right."""

    def link(file: str, up: bool) -> Case:
        def edit(folder: Path) -> None:
            outside = folder.parent / f"outside-{file}"
            shutil.move(folder / file, outside)
            (folder / file).symlink_to(Path("..") / outside.name if up else outside)

        return edit

    def around(file: str) -> Case:
        def edit(folder: Path) -> None:
            (folder / file).unlink()
            (folder / file).symlink_to(file)

        return edit

    files = {"config": "config.json", "weights": "model.safetensors", "metrics": "metrics.json", "usage": "usage.json"}
    actual: dict[str, Case] = {}
    for about, file in files.items():
        actual[f"{about}: a link out"] = link(file, False)
        actual[f"{about}: a link up and out"] = link(file, True)
        actual[f"{about}: a link to itself"] = around(file)
        for target in ("/etc/passwd", "/dev/zero", "/proc/self/environ"):

            def out(folder: Path, file: str = file, target: str = target) -> None:
                (folder / file).unlink()
                (folder / file).symlink_to(target)

            actual[f"{about}: a link to {target}"] = out
    return actual


class Memory:
    """The most memory that this process held, watched from another thread."""

    def __init__(self) -> None:
        self.process = psutil.Process()
        self.most = self.process.memory_info().rss
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(0.001):
            self.most = max(self.most, self.process.memory_info().rss)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def main() -> None:
    torch.set_num_threads(1)
    root = Path(tempfile.mkdtemp(dir=sys.argv[1]))
    canary = root / "canary"
    good = root / "good-one" / NAME
    good.mkdir(parents=True)
    make_good(good)
    read_model(good)
    Tokenizer.from_pretrained(good)
    answers: dict[str, dict[str, Any]] = {}
    memory = Memory()
    idle = memory.most
    for number, (name, edit) in enumerate(cases(canary).items()):
        folder = root / str(number) / NAME
        shutil.copytree(good, folder)
        edit(folder)
        listed = sorted(path.name for path in folder.iterdir())
        start, before = time.monotonic(), memory.most
        answer: dict[str, Any]
        try:
            read(folder, name)
            answer = {"error": None}
        except Exception as error:
            answer = {"error": type(error).__name__, "text": str(error)}
            if not isinstance(error, ValueError):
                answer["trace"] = traceback.format_exc()[-1500:]
        answer |= {"seconds": time.monotonic() - start, "grown": memory.most - before}
        answer["written"] = sorted(path.name for path in folder.iterdir()) != listed
        answers[name] = answer
        shutil.rmtree(folder.parent)
    memory.stop()
    left = sorted(path.name for path in root.iterdir())
    print(json.dumps({"answers": answers, "grown": memory.most - idle, "canary": canary.exists(), "left": left}))


if __name__ == "__main__":
    main()
