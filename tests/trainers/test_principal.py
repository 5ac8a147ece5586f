"""The start of a linear path, against scikit-learn's PCA of the same blocks."""

import itertools

import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA

from trainers.baselines.principal import BLOCKS_A_NUMBER, principal_components
from trainers.data.open import open_feed
from trainers.loop.options import Options
from trainers.loop.session import Session
from vqzoo.ops.pixels import from_bytes

PATCH = {"name": "patch", "stem": 2, "widths": (8, 8), "blocks": 1}


def blocks_of(feed, stride: int, batches: int) -> torch.Tensor:
    images = torch.cat([from_bytes(pixels) for pixels in itertools.islice(feed.batches(0), batches)])
    return F.pixel_unshuffle(images, stride).permute(0, 2, 3, 1).flatten(0, 2)


def test_components_are_those_of_scikit_learn(data, tiny):
    feed, _ = open_feed(tiny(), str(data))
    mean, basis, variances = principal_components(feed, 4, 48)
    batches = -(-BLOCKS_A_NUMBER * 48 // (8 * 16))
    blocks = blocks_of(feed, 4, batches).double()
    reference = PCA().fit(blocks.numpy())
    torch.testing.assert_close(mean, torch.from_numpy(reference.mean_), rtol=0, atol=1e-6)
    expected = torch.from_numpy(reference.explained_variance_) * (len(blocks) - 1) / len(blocks)
    torch.testing.assert_close(variances, expected, rtol=1e-4, atol=1e-5)
    alignment = (basis[:6] * torch.from_numpy(reference.components_[:6])).sum(1).abs()
    torch.testing.assert_close(alignment, torch.ones(6).double(), rtol=0, atol=1e-4)


def test_a_run_starts_as_pca_and_a_borrowed_start_stays_what_it_is(data, tiny, tmp_path, forget_accelerator):
    """As good as the best linear map of so few numbers, before the first step."""
    recipe = tiny("none", autoencoder=PATCH, latent_dim=12, weights={"reconstruction": 1.0})
    session = Session(recipe, Options(str(data), tmp_path / "runs", tmp_path / "cards"))
    tokenizer = session.parts.tokenizer
    images = from_bytes(session.held_out)
    with torch.no_grad():
        error = (tokenizer(images).images - images).square().mean().item()
    blocks = F.pixel_unshuffle(images, 4).permute(0, 2, 3, 1).flatten(0, 2).double().numpy()
    reference = PCA(12).fit(blocks_of(session.feed, 4, 6).double().numpy())
    linear = ((reference.inverse_transform(reference.transform(blocks)) - blocks) ** 2).mean()
    assert abs(error - linear) < 1e-4 * max(linear, 1e-2)

    folder = tmp_path / "given"
    folder.mkdir()
    with torch.no_grad():
        tokenizer.autoencoder.encoder.linear.weight.mul_(2)
    tokenizer.save(folder)
    forget_accelerator()
    borrowed = Session(
        tiny("none", autoencoder=PATCH, latent_dim=12, weights={"reconstruction": 1.0}, start_from=str(folder)),
        Options(str(data), tmp_path / "again", tmp_path / "cards"),
    )
    for name, value in borrowed.parts.tokenizer.state_dict().items():
        assert torch.equal(value, tokenizer.state_dict()[name]), name
