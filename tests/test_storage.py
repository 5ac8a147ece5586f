"""Tokenizers on disk: what is whole comes back exactly, what is not is refused with the key that is wrong."""

import json
import pickle
import resource
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file

from vqzoo.autoencoders import build_autoencoder, build_position
from vqzoo.files.storage import read_json, write_json, write_text
from vqzoo.files.weights import load_weights, save_weights
from vqzoo.quantizers import QUANTIZERS, build
from vqzoo.tokenizer import Tokenizer

DIM = 32


def make(name: str = "ema", position: str = "learned") -> Tokenizer:
    autoencoder = build_autoencoder("conv", latent_dim=DIM, width=8, residual_width=4, residual_blocks=1)
    grid = {} if position == "none" else {"grid": 8}
    tokenizer = Tokenizer(autoencoder, build(name, dim=DIM), build_position(position, dim=DIM, **grid), 32)
    tokenizer.train()(torch.rand(2, 3, 32, 32))
    return tokenizer.eval()


@pytest.fixture
def folder(tmp_path):
    """A whole checkpoint."""
    make().save_pretrained(tmp_path)
    return tmp_path


def edit_config(folder, edit) -> None:
    config = json.loads((folder / "config.json").read_text())
    edit(config)
    (folder / "config.json").write_text(json.dumps(config))


def edit_weights(folder, edit) -> None:
    state = load_file(folder / "model.safetensors")
    edit(state)
    save_file(state, folder / "model.safetensors")


@pytest.mark.parametrize("name", QUANTIZERS)
def test_saved_and_loaded_it_is_the_same(name, tmp_path):
    tokenizer = make(name)
    tokenizer.save_pretrained(tmp_path)
    loaded = Tokenizer.from_pretrained(tmp_path)
    assert loaded.config == tokenizer.config and not loaded.training
    before, after = tokenizer.state_dict(), loaded.state_dict()
    assert before.keys() == after.keys()
    for key in before:
        assert torch.equal(before[key], after[key]) and before[key].dtype == after[key].dtype, key
    images = torch.rand(1, 3, 30, 17) * 2 - 1
    assert torch.equal(loaded(images).images, tokenizer(images).images)


def test_both_files_and_a_card_are_written_and_a_string_is_a_path(tmp_path):
    make().save_pretrained(str(tmp_path / "new" / "folder"))
    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert names == ["README.md", "config.json", "model.safetensors"]
    Tokenizer.from_pretrained(str(tmp_path / "new" / "folder"))


def test_what_was_loaded_can_be_trained_further(folder):
    tokenizer = Tokenizer.from_pretrained(folder).train()
    out = tokenizer(torch.rand(1, 3, 32, 32))
    (out.images.square().mean() + out.losses["commitment"]).backward()
    assert all(parameter.grad is not None for parameter in tokenizer.parameters())
    torch.optim.SGD(tokenizer.parameters(), 0.1).step()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_on_disk_is_float32_in_memory(folder, dtype):
    whole = Tokenizer.from_pretrained(folder)
    size = (folder / "model.safetensors").stat().st_size
    whole.save(folder, dtype)
    assert (folder / "model.safetensors").stat().st_size < 0.6 * size
    halved = Tokenizer.from_pretrained(folder)
    for key, tensor in whole.state_dict().items():
        expected = tensor.to(dtype).float() if tensor.is_floating_point() and tensor.ndim > 1 else tensor
        assert torch.equal(halved.state_dict()[key], expected) and halved.state_dict()[key].dtype == tensor.dtype, key
    assert halved(torch.rand(1, 3, 32, 32)).images.dtype == torch.float32


def test_int8_on_disk_is_near_and_a_quarter_of_the_size(folder):
    whole = Tokenizer.from_pretrained(folder)
    size = (folder / "model.safetensors").stat().st_size
    whole.save(folder, torch.int8)
    assert (folder / "model.safetensors").stat().st_size < 0.35 * size
    narrow = Tokenizer.from_pretrained(folder)
    for key, tensor in whole.state_dict().items():
        loaded = narrow.state_dict()[key]
        assert loaded.dtype == tensor.dtype, key
        if tensor.is_floating_point() and tensor.ndim > 1:
            rows, errors = tensor.flatten(1), (loaded - tensor).flatten(1).abs()
            half_a_step = rows.abs().amax(1, keepdim=True) / 254
            assert (errors <= half_a_step * (1 + 1e-4)).all() and errors.any(), key
        else:
            assert torch.equal(loaded, tensor), key


def test_int8_by_hand(tmp_path):
    """Rows of different width, one of zeros, and numbers half-way between two steps."""
    model = torch.nn.Linear(4, 3)
    model.weight.data = torch.tensor([[0.5, -0.25, 0.127, 0.0], [-254.0, 3.0, 4.9, 254.0], [0.0, 0.0, 0.0, 0.0]])
    save_weights(model, tmp_path / "model.safetensors", torch.int8)
    stored = load_file(tmp_path / "model.safetensors")
    assert stored["weight"].tolist() == [[127, -64, 32, 0], [-127, 2, 2, 127], [0, 0, 0, 0]]
    torch.testing.assert_close(stored["weight.scale"], torch.tensor([0.5 / 127, 2.0, 0.0]))
    assert torch.equal(stored["bias"], model.bias) and stored.keys() == {"weight", "weight.scale", "bias"}
    load_weights(model, tmp_path / "model.safetensors")
    torch.testing.assert_close(
        model.weight.data,
        torch.tensor([[0.5, -32 / 127, 16 / 127, 0.0], [-254.0, 4.0, 4.0, 254.0], [0.0, 0.0, 0.0, 0.0]]),
    )


@pytest.mark.parametrize(("columns", "bytes_a_row"), [(1, 2), (2, 4), (3, 6), (4, 8), (5, 9)])
def test_int8_is_never_longer_than_float16(tmp_path, columns, bytes_a_row):
    model = torch.nn.Embedding(1000, columns)
    save_weights(model, tmp_path / "model.safetensors", torch.int8)
    stored = load_file(tmp_path / "model.safetensors")
    assert sum(tensor.nbytes for tensor in stored.values()) == 1000 * bytes_a_row
    expected = model.weight.detach().clone()
    load_weights(model, tmp_path / "model.safetensors")
    torch.testing.assert_close(model.weight.detach(), expected, atol=0.02, rtol=0)


@pytest.mark.parametrize(("size", "stored"), [(4095, torch.float32), (4096, torch.float16)])
def test_counts_of_a_large_codebook_are_as_narrow_as_its_codevectors(tmp_path, size, stored):
    model = build("ema", dim=2, codebook_size=size)
    model.codebook.counts.copy_(torch.arange(size))
    path = tmp_path / "model.safetensors"
    save_weights(model, path, torch.int8)
    assert load_file(path)["codebook.counts"].dtype == stored
    again = build("ema", dim=2, codebook_size=size)
    load_weights(again, path)
    assert again.codebook.counts.dtype == torch.float32
    torch.testing.assert_close(again.codebook.counts, model.codebook.counts, rtol=1e-3, atol=0)
    save_weights(model, path)
    assert load_file(path)["codebook.counts"].dtype == torch.float32


@pytest.mark.parametrize("name", QUANTIZERS)
def test_what_was_stored_as_int8_is_stored_the_same_again_and_decodes_what_it_encodes(name, tmp_path):
    make(name).save(tmp_path, torch.int8)
    loaded = Tokenizer.from_pretrained(tmp_path)
    images = torch.rand(1, 3, 30, 17) * 2 - 1
    assert torch.equal(loaded.decode(loaded.encode(images)), loaded(images).images)
    loaded.save(tmp_path, torch.int8)
    again = Tokenizer.from_pretrained(tmp_path)
    for key, tensor in loaded.state_dict().items():
        torch.testing.assert_close(again.state_dict()[key], tensor, msg=key)


KEY = "autoencoder.encoder.0.weight"
TENSORS = {
    "missing": (lambda s: s.pop(KEY), f"tensor '{KEY}' is missing"),
    "missing buffer": (lambda s: s.pop("quantizer.codebook.counts"), "tensor 'quantizer.codebook.counts' is missing"),
    "unknown": (lambda s: s.update(extra=torch.ones(2)), "tensor 'extra' is unknown"),
    "renamed": (lambda s: s.update({"module." + KEY: s.pop(KEY)}), f"tensor '{KEY}' is missing"),
    "transposed": (
        lambda s: s.update({KEY: s[KEY].transpose(0, 1).contiguous()}),
        rf"tensor '{KEY}' has shape \(3, 4, 4, 4\); the configuration needs \(4, 3, 4, 4\)",
    ),
    "flattened": (lambda s: s.update({KEY: s[KEY].flatten()}), rf"tensor '{KEY}' has shape \(192,\)"),
    "whole numbers": (lambda s: s.update({KEY: s[KEY].long()}), f"tensor '{KEY}' has type I64; .* needs torch.float32"),
    "bytes": (lambda s: s.update({KEY: s[KEY].to(torch.uint8)}), f"tensor '{KEY}' has type U8"),
    "eight bits": (lambda s: s.update({KEY: s[KEY].to(torch.float8_e4m3fn)}), f"tensor '{KEY}' has type F8_E4M3"),
    "number for a flag": (
        lambda s: s.update({"quantizer.codebook.started": torch.tensor(1.0)}),
        "tensor 'quantizer.codebook.started' has type F32; .* needs torch.bool",
    ),
    "nothing": (lambda s: s.clear(), "is missing; the configuration needs it"),
}


@pytest.mark.parametrize("case", TENSORS)
def test_tensors_that_do_not_fit_are_refused_by_name(folder, case):
    edit, message = TENSORS[case]
    edit_weights(folder, edit)
    with pytest.raises(ValueError, match=message):
        Tokenizer.from_pretrained(folder)


SCALE = KEY + ".scale"
SCALES = {
    "missing": (lambda s: s.pop(SCALE), f"tensor '{SCALE}' is missing; int8 '{KEY}' needs it"),
    "of other rows": (
        lambda s: s.update({SCALE: s[SCALE][:1].clone()}),
        rf"tensor '{SCALE}' has type F32 and shape \(1,\); int8 '{KEY}' needs F32 and \(4,\), one number a row",
    ),
    "no row": (lambda s: s.update({SCALE: s[SCALE][:0].clone()}), rf"tensor '{SCALE}' has type F32 and shape \(0,\)"),
    "one number": (lambda s: s.update({SCALE: torch.tensor(1.0)}), rf"tensor '{SCALE}' has type F32 and shape \(\)"),
    "a column": (lambda s: s.update({SCALE: s[SCALE][:, None]}), rf"tensor '{SCALE}' .* shape \(4, 1\)"),
    "half": (lambda s: s.update({SCALE: s[SCALE].half()}), f"tensor '{SCALE}' has type F16"),
    "whole numbers": (lambda s: s.update({SCALE: s[SCALE].long()}), f"tensor '{SCALE}' has type I64"),
    "int8": (lambda s: s.update({SCALE: s[SCALE].to(torch.int8)}), f"tensor '{SCALE}' has type I8"),
    "of a tensor that is stored whole": (
        lambda s: s.update({KEY: s[KEY].float()}),
        f"tensor '{SCALE}' is unknown to the configuration",
    ),
    "of nothing": (lambda s: s.update({"extra.scale": torch.ones(2)}), "tensor 'extra.scale' is unknown"),
    "of a scale": (lambda s: s.update({SCALE + ".scale": s[SCALE].clone()}), f"tensor '{SCALE}.scale' is unknown"),
    "an int8 tensor of another shape": (
        lambda s: s.update({KEY: s[KEY].flatten(1)}),
        rf"tensor '{KEY}' has shape \(4, 48\); the configuration needs \(4, 3, 4, 4\)",
    ),
    "unsigned": (lambda s: s.update({KEY: s[KEY].to(torch.uint8)}), f"tensor '{SCALE}' is unknown"),
    "an int8 vector": (
        lambda s: s.update({"autoencoder.encoder.0.bias": torch.ones(4, dtype=torch.int8)}),
        "tensor 'autoencoder.encoder.0.bias' has type I8; the configuration needs torch.float32",
    ),
    "an int8 count": (
        lambda s: s.update({"quantizer.codebook.counts": s["quantizer.codebook.counts"].to(torch.int8)}),
        "tensor 'quantizer.codebook.counts' has type I8",
    ),
}


@pytest.mark.parametrize("case", SCALES)
def test_scales_that_do_not_fit_are_refused_by_name(folder, case):
    Tokenizer.from_pretrained(folder).save(folder, torch.int8)
    edit, message = SCALES[case]
    edit_weights(folder, edit)
    with pytest.raises(ValueError, match=message):
        Tokenizer.from_pretrained(folder)


def cut(path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


BROKEN = {
    "cut in the tensors": lambda p: cut(p, 3000),
    "cut by one byte": lambda p: cut(p, p.stat().st_size - 1),
    "cut in the header": lambda p: cut(p, 100),
    "cut in the header's length": lambda p: cut(p, 5),
    "empty": lambda p: p.write_bytes(b""),
    "a byte too long": lambda p: p.write_bytes(p.read_bytes() + b"\0"),
    "text": lambda p: p.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
    "a pickle": lambda p: torch.save({"weight": torch.ones(2)}, p),
    "a header without end": lambda p: p.write_bytes(struct.pack("<Q", 2**60) + b"{}"),
    "a header that is no JSON": lambda p: p.write_bytes(struct.pack("<Q", 8) + b"nonsense"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_is_not_whole_safetensors_is_refused(folder, case):
    BROKEN[case](folder / "model.safetensors")
    with pytest.raises(ValueError, match=f"model.safetensors of {folder.name} is cut short or no safetensors file"):
        Tokenizer.from_pretrained(folder)


def test_safetensors_of_something_else_are_refused(folder):
    save_file({"wte.weight": torch.ones(4, 4)}, folder / "model.safetensors")
    with pytest.raises(ValueError, match="tensor 'autoencoder.* is missing"):
        Tokenizer.from_pretrained(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(ValueError, match=f"there is no {name}"):
        Tokenizer.from_pretrained(folder)


CONFIGS = {
    "unknown key": (lambda c: c.update(quantiser={}), "config key='quantiser': did you mean 'quantizer'"),
    "missing part": (lambda c: c.pop("position"), "config: 'position' is missing"),
    "missing resolution": (lambda c: c.pop("resolution"), "config: 'resolution' is missing"),
    "missing format": (lambda c: c.pop("format"), "config: 'format' is missing"),
    "newer format": (lambda c: c.update(format=2), "format=2: this version of vqzoo reads format 1"),
    "format as text": (lambda c: c.update(format="1"), "format='1': this version"),
    "format as bool": (lambda c: c.update(format=True), "format=True: this version"),
    "part as text": (lambda c: c.update(quantizer="vq"), "quantizer='vq': expected an object with a 'name'"),
    "part as list": (lambda c: c.update(quantizer=["vq"]), "quantizer='vq': expected an object with a 'name'"),
    "part as null": (lambda c: c.update(position=None), "position=None: expected an object with a 'name'"),
    "part without name": (lambda c: c["quantizer"].pop("name"), "expected an object with a 'name'"),
    "name as number": (lambda c: c["quantizer"].update(name=5), "quantizer=5: known: none, vq"),
    "name as list": (lambda c: c["quantizer"].update(name=["vq"]), "did you mean 'vq'"),
    "unknown name": (lambda c: c["quantizer"].update(name="emma"), "quantizer='emma': did you mean 'ema'"),
    "unknown setting": (lambda c: c["quantizer"].update(decai=1), "setting of quantizer 'ema'='decai'"),
    "missing setting": (lambda c: c["quantizer"].pop("dim"), "missing a required argument: 'dim'"),
    "absurd codebook": (lambda c: c["quantizer"].update(codebook_size=10**9), "codebook_size=1000000000: expected"),
    "absurd grid": (lambda c: c["position"].update(grid=10**9), "grid=1000000000: expected"),
    "absurd width": (lambda c: c["autoencoder"].update(width=10**9), "width=1000000000: expected"),
    "negative": (lambda c: c["quantizer"].update(codebook_size=-1), "codebook_size=-1: expected a whole number"),
    "bool for a number": (lambda c: c["quantizer"].update(codebook_size=True), "codebook_size=True: expected"),
    "bool for channels": (lambda c: c["autoencoder"].update(channels=True), "channels=True: expected 1"),
    "bool for resolution": (lambda c: c.update(resolution=True), "resolution=True: expected a whole number"),
    "fraction": (lambda c: c["quantizer"].update(codebook_size=1024.0), "codebook_size=1024.0: expected"),
    "text for a number": (lambda c: c["quantizer"].update(codebook_size="1024"), "codebook_size='1024': expected"),
    "text for the stride": (lambda c: c["autoencoder"].update(stride="4"), "stride='4': expected one of 2, 4, 8"),
    "list for a number": (lambda c: c["quantizer"].update(codebook_size=[4]), r"codebook_size=\[4\]: expected"),
    "null for a number": (lambda c: c["autoencoder"].update(width=None), "width=None: expected"),
    "infinity": (lambda c: c.update(resolution=float("inf")), "resolution=inf: expected a whole number"),
    "unknown metric": (lambda c: c["quantizer"].update(metric="l3"), "metric='l3': .*known: l2, cosine"),
    "parts that do not fit": (
        lambda c: c["quantizer"].update(dim=16),
        "quantizer dim=16: the autoencoder's latent_dim",
    ),
    "another size": (lambda c: c["quantizer"].update(codebook_size=512), "tensor 'quantizer.codebook.* has shape"),
    "another quantizer": (
        lambda c: c.update(quantizer={"name": "vq", "dim": DIM}),
        "tensor 'quantizer.codebook.* is unknown",
    ),
    "a setting of another quantizer": (lambda c: c["quantizer"].update(name="vq"), "setting of quantizer 'vq'='decay'"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_a_configuration_that_does_not_fit_is_refused_by_key(folder, case):
    edit, message = CONFIGS[case]
    edit_config(folder, edit)
    with pytest.raises(ValueError, match=message):
        Tokenizer.from_pretrained(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "config.json of .* is not valid JSON"),
        (b'{"format": 1,', "is not valid JSON: .*line 1"),
        (b"\xff\xfe\x00", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
        (b'{"format": ' + b"1" * 10_000 + b"}", "is not valid JSON"),
        (b"[1, 2]", "expected a JSON object, not a list"),
        (b'"vq"', "expected a JSON object, not a str"),
        (b"null", "expected a JSON object, not a NoneType"),
    ],
)
def test_a_configuration_that_is_no_json_object_is_refused(folder, text, message):
    (folder / "config.json").write_bytes(text)
    with pytest.raises(ValueError, match=message):
        Tokenizer.from_pretrained(folder)


@pytest.mark.parametrize("dtype", [torch.float32, torch.int8])
def test_shapes_are_compared_before_memory_is_taken(folder, dtype):
    """The configuration asks for a codebook of 4 GiB; peak memory is in KiB here."""
    Tokenizer.from_pretrained(folder).save(folder, dtype)
    edit_config(folder, lambda c: c["quantizer"].update(codebook_size=2**20))
    edit_config(folder, lambda c: [c[part].update({key: 1024}) for part, key in DIMS])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match="has shape"):
        Tokenizer.from_pretrained(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**18


DIMS = [("autoencoder", "latent_dim"), ("quantizer", "dim"), ("position", "dim")]


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("whole", [True, False])
def test_a_pickle_is_never_read(folder, whole):
    sprung = folder / "sprung"
    for name in ("pytorch_model.bin", "model.pt", "best.pt", "config.pkl"):
        (folder / name).write_bytes(pickle.dumps(Trap(str(sprung))))
    if whole:
        Tokenizer.from_pretrained(folder)
    else:
        (folder / "model.safetensors").write_bytes(pickle.dumps(Trap(str(sprung))))
        with pytest.raises(ValueError, match="no safetensors file"):
            Tokenizer.from_pretrained(folder)
    assert not sprung.exists()


def test_json_files_round_trip(tmp_path):
    value = {"name": "größe [\n 1 ]", "numbers": [1, 2.5, None], "nested": {"deep": [[1], [True, "x [ 1 ]"], []]}}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    assert '\n  "numbers": [1, 2.5, null],\n' in (tmp_path / "a.json").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="there is no b.json"):
        read_json(tmp_path / "b.json")


def test_a_text_that_cannot_be_written_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "one\ntwo\r\nä")
    assert path.read_bytes() == "one\ntwo\r\nä".encode()
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "half a character: \ud800")
    assert path.read_bytes() == "one\ntwo\r\nä".encode() and list(tmp_path.iterdir()) == [path]


def test_json_files_over_a_megabyte_are_not_read(tmp_path):
    (tmp_path / "a.json").write_bytes(b'{"a": "' + b"x" * (2**20 - 9) + b'"}')
    read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_bytes(b'{"a": "' + b"x" * (2**20 - 8) + b'"}')
    with pytest.raises(ValueError, match="a.json of .* has 1,048,577 bytes; at most 1,048,576 bytes are read"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_weights_that_are_no_numbers_are_refused_by_name(folder, value, dtype):
    tokenizer = Tokenizer.from_pretrained(folder)
    tokenizer.state_dict()["autoencoder.encoder.0.bias"][-1] = value
    tokenizer.save(folder, dtype)
    with pytest.raises(ValueError, match="tensor 'autoencoder.encoder.0.bias' holds NaN or infinity"):
        Tokenizer.from_pretrained(folder)
