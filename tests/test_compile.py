"""A tokenizer in evaluation mode is one graph for torch.compile, and the graph gives what eager mode gives."""

from typing import Any

import pytest
import torch

from vqzoo.autoencoders import AUTOENCODERS, build_autoencoder, build_position
from vqzoo.quantizers import QUANTIZERS, build
from vqzoo.tokenizer import Tokenizer

DIM = 16
# Loops over levels and parts are unrolled, so there are few of them.
SMALL: dict[str, dict[str, Any]] = {
    "pq": {"segments": 2},
    "rvq": {"levels": 2},
    "rq": {"levels": 2},
    "looc": {"segments": 4, "factor": 2},
    "adaptive": {"capacity": 32, "codebooks": 2},
    "fsq": {"levels": (5, 4)},
    "lfq": {"bits": 4},
    "bsq": {"bits": 4},
    "multiscale": {"scales": (1, 2)},
    "hvq": {"width": 8},
}
MORE: list[dict[str, Any]] = [
    {"name": "vq", "metric": "cosine", "estimator": "rotation", "entropy_temperature": 0.5, "revival": "restart"},
    {"name": "sq", "kind": "vmf"},
    {"name": "looc", "segments": 4, "factor": 2, "grouping": "subpixels"},
]
CONV: dict[str, Any] = {"stride": 2, "width": 4, "residual_width": 2, "residual_blocks": 0}
VQGAN: dict[str, Any] = {"width": 4, "multipliers": (1, 2), "blocks": 1, "attention": (2,)}
NETWORKS: dict[str, dict[str, Any]] = {
    "conv": CONV,
    "vqgan": VQGAN,
    "vqgan-study": VQGAN,
    "movq": VQGAN,
    "magvit2": {"width": 4, "multipliers": (1, 2), "blocks": 1},
    "vit": {"stride": 2, "width": 8, "depth": 1, "heads": 2, "mlp": 8},
    "hierarchical": CONV,
    "squeeze": {"halvings": 2, "width": 8},
    "pca": {"stride": 4},
    "patch": {"widths": (8, 8), "blocks": 1},
}
CASES = [*({"name": name, **SMALL.get(name, {})} for name in QUANTIZERS), *MORE]


@pytest.fixture(autouse=True)
def afresh():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def make(case: dict[str, Any], position: str = "none", network: str = "conv") -> Tokenizer:
    autoencoder = build_autoencoder(network, latent_dim=DIM, **NETWORKS[network])
    grid = {} if position == "none" else {"grid": 4}
    levels = [build(dim=DIM, **case) for _ in autoencoder.strides]
    quantizer = levels if len(levels) > 1 else levels[0]
    tokenizer = Tokenizer(autoencoder, quantizer, build_position(position, dim=DIM, **grid), 8)
    tokenizer.train()(photos(8, 8))  # what starts from data has started
    return tokenizer.eval()


def photos(*size: int) -> torch.Tensor:
    return torch.rand(2, 3, *size) * 2 - 1


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case.values())))
def test_the_tokenizer_is_one_graph_and_exact(case):
    tokenizer = make(case)
    compiled = torch.compile(tokenizer, fullgraph=True, backend="eager")
    encode = torch.compile(tokenizer.encode, fullgraph=True, backend="eager")
    decode = torch.compile(tokenizer.decode, fullgraph=True, backend="eager")
    images = photos(7, 12)  # padded and cropped on the way
    expected = tokenizer(images)
    out = compiled(images)
    assert out.images.shape == images.shape
    assert torch.equal(out.images, expected.images)
    assert torch.equal(out.tokens.grids[0], expected.tokens.grids[0]) and out.tokens.size == (7, 12)
    assert out.losses.keys() == expected.losses.keys()
    assert all(torch.equal(out.losses[name], loss) for name, loss in expected.losses.items())
    tokens = encode(images)
    assert torch.equal(tokens.grids[0], expected.tokens.grids[0])
    assert torch.equal(decode(tokens), expected.images)


@pytest.mark.parametrize("network", AUTOENCODERS)
def test_so_it_is_with_any_autoencoder(network):
    tokenizer = make({"name": "vq"}, network=network)
    images = photos(7, 12)
    out, expected = torch.compile(tokenizer, fullgraph=True, backend="eager")(images), tokenizer(images)
    assert torch.equal(out.images, expected.images)
    assert all(torch.equal(*grids) for grids in zip(out.tokens.grids, expected.tokens.grids, strict=True))


@pytest.mark.parametrize("position", ["sinusoidal", "learned"])
def test_positions_of_another_grid_are_in_the_graph(position):
    tokenizer = make({"name": "vq"}, position)
    images = photos(7, 12)
    compiled = torch.compile(tokenizer, fullgraph=True, backend="eager")
    assert torch.equal(compiled(images).images, tokenizer(images).images)
    assert torch.equal(compiled(images, position=False).images, tokenizer(images, position=False).images)


def test_a_graph_for_one_size_gives_way_to_one_for_all():
    tokenizer = make({"name": "vq"})
    compiled = torch.compile(tokenizer, fullgraph=True, backend="eager")
    for size in ((8, 8), (9, 5)):
        images = photos(*size)
        assert torch.equal(compiled(images).images, tokenizer(images).images), size


@pytest.mark.parametrize("name", ["vq", "fsq"])
def test_the_graph_has_a_gradient_and_its_operations_are_traced(name):
    tokenizer = make({"name": name, **SMALL.get(name, {})})
    compiled = torch.compile(tokenizer, fullgraph=True, backend="aot_eager")
    images = photos(8, 8)
    gradients = []
    for each in (tokenizer, compiled):
        images.grad = None
        out = each(images.requires_grad_())
        out.images.square().sum().backward()
        gradients.append(images.grad)
    torch.testing.assert_close(gradients[1], gradients[0])
    assert gradients[0].any()
