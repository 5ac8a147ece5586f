"""What a user gets wrong when building: the message names the argument, its value and what would be right."""

import pytest

from vqzoo.quantizers import QUANTIZERS, build

WRONG = [
    # How latents are cut
    ("pq", {"segments": 5}, r"segments=5: dim=32 cannot be cut into that many; possible: \[1, 2, 4, 8, 16, 32\]"),
    ("looc", {"segments": 5}, r"segments=5: dim=32 cannot be cut into that many; possible: \[1, 2, 4, 8, 16, 32\]"),
    ("adaptive", {"heads": 3}, r"heads=3: dim=32 cannot be cut into that many; possible: \[1, 2, 4, 8, 16, 32\]"),
    ("adaptive", {"heads": 33}, r"heads=33: expected a whole number from 1 to 32"),
    ("pq", {"segments": 0}, r"segments=0: expected a whole number from 1"),
    ("pq", {"segments": 8.0}, r"segments=8.0: expected a whole number from 1"),
    # Sizes
    ("fsq", {"levels": [8, 1]}, r"levels=1: expected a whole number from 2"),
    ("fsq", {"levels": [8, 5.0]}, r"levels=5.0: expected a whole number from 2"),
    ("fsq", {"levels": [True, 5]}, r"levels=True: expected a whole number from 2"),
    ("fsq", {"levels": []}, r"levels=\[\]: expected a list of whole numbers, one a channel, such as \[8, 5, 5, 5\]"),
    ("fsq", {"levels": 1000}, r"levels=1000: expected a list of whole numbers"),
    ("fsq", {"levels": "8555"}, r"levels='8555': expected a list of whole numbers"),
    ("fsq", {"levels": [2] * 63}, r"their product is 9223372036854775808; expected at most 2\^62"),
    ("uniform", {"levels": 0}, r"levels=0: expected a whole number from 1 to 65536"),
    ("uniform", {"levels": [4] * 31 + [8.0]}, r"levels=8.0: expected a whole number from 1 to 65536"),
    ("uniform", {"levels": "16"}, r"levels='16': expected a whole number from 1 to 65536"),
    ("uniform", {"levels": [4, 4]}, r"levels=\[4, 4\]: 2 of them; expected a whole number, or one for each of 32"),
    ("lfq", {"bits": 0}, r"bits=0: expected a whole number from 1 to 62"),
    ("lfq", {"bits": 63}, r"bits=63: expected a whole number from 1 to 62"),
    ("bsq", {"bits": 0}, r"bits=0: expected a whole number from 1 to 62"),
    ("bsq", {"bits": 63}, r"bits=63: expected a whole number from 1 to 62"),
    ("bsq", {"bits": "18"}, r"bits='18': expected a whole number from 1 to 62"),
    ("rvq", {"levels": 0}, r"levels=0: expected a whole number from 1 to 256"),
    ("rq", {"levels": 0}, r"levels=0: expected a whole number from 1 to 256"),
    ("rq", {"levels": 257}, r"levels=257: expected a whole number from 1 to 256"),
    ("factorized", {"code_dim": 0}, r"code_dim=0: expected a whole number from 1"),
    ("looc", {"factor": 5}, r"factor=5: expected a whole number from 1 to 4"),
    ("looc", {"factor": 5, "grouping": "subpixels"}, r"factor=5: expected a whole number from 1 to 4"),
    ("pq", {"budget": "total", "codebook_size": 100}, r"codebook_size=100: 8 segments .* expected a multiple of 8"),
    ("pq", {"budget": "total", "codebook_size": 4}, r"codebook_size=4: expected a whole number from 8"),
    ("adaptive", {"capacity": 100}, r"capacity=100: expected a multiple of 128"),
    ("adaptive", {"capacity": 0}, r"capacity=0: expected a whole number from 1 to 1048576"),
    ("adaptive", {"capacity": 2**21}, r"capacity=2097152: expected a whole number from 1 to 1048576"),
    ("adaptive", {"codebooks": 0}, r"codebooks=0: expected a whole number from 1 to 16"),
    ("adaptive", {"codebooks": 17}, r"codebooks=17: expected a whole number from 1 to 16"),
    ("multiscale", {"scales": []}, r"scales=\[\]: expected a list of whole numbers, such as \[1, 2, 4, 8\]"),
    ("multiscale", {"scales": 8}, r"scales=8: expected a list of whole numbers"),
    ("multiscale", {"scales": "1248"}, r"scales='1248': expected a list of whole numbers"),
    ("multiscale", {"scales": [4, 2, 1]}, r"scales=\[4, 2, 1\]: expected each to be larger than the one before"),
    ("multiscale", {"scales": [1, 2, 2]}, r"scales=\[1, 2, 2\]: expected each to be larger than the one before"),
    ("multiscale", {"scales": [0, 1]}, r"scales=0: expected a whole number from 1 to 256"),
    ("multiscale", {"scales": [1, 2.0]}, r"scales=2.0: expected a whole number from 1 to 256"),
    ("hvq", {"levels": 1}, r"levels=1: expected a whole number from 2 to 8"),
    ("hvq", {"stride": 1}, r"stride=1: expected a whole number from 2 to 16"),
    ("hvq", {"width": 0}, r"width=0: expected a whole number from 1 to 4096"),
    ("hvq", {"rule": "emma"}, r"rule='emma': did you mean 'ema'\?"),
    # Numbers
    ("lfq", {"temperature": 0}, r"temperature=0: expected a finite number above 0"),
    ("lfq", {"temperature": -0.01}, r"temperature=-0.01: expected a finite number above 0"),
    ("bsq", {"temperature": 0.0}, r"temperature=0.0: expected a finite number above 0"),
    ("gumbel", {"temperature": 0.0}, r"temperature=0.0: expected a finite number above 0"),
    ("gumbel", {"last_temperature": 0.0}, r"last_temperature=0.0: expected a finite number above 0"),
    ("gumbel", {"anneal_steps": 0}, r"anneal_steps=0: expected a whole number from 1"),
    ("sq", {"temperature": -1}, r"temperature=-1: expected a finite number above 0"),
    ("sq", {"last_temperature": "0.3"}, r"last_temperature='0.3': expected a finite number above 0"),
    ("sq", {"anneal_steps": 1e5}, r"anneal_steps=100000.0: expected a whole number from 1"),
    ("sq", {"variance": 0}, r"variance=0: expected a finite number above 0"),
    ("sq", {"variance_floor": -1.0}, r"variance_floor=-1.0: expected a finite number at least 0"),
    ("adaptive", {"last_temperature": 0}, r"last_temperature=0: expected a finite number above 0"),
    ("adaptive", {"anneal_steps": -1}, r"anneal_steps=-1: expected a whole number from 1"),
    ("ema", {"decay": 1.0}, r"decay=1.0: expected a number from 0 up to, and not including, 1"),
    ("ema", {"decay": -0.1}, r"decay=-0.1: expected a number from 0 up to, and not including, 1"),
    ("gumbel", {"hard": 1}, r"hard=1: expected True or False"),
    ("simvq", {"bias": 1}, r"bias=1: expected True or False"),
    ("simvq", {"bias": "no"}, r"bias='no': expected True or False"),
    # Names
    ("cvq", {"anchors": "nearest"}, r"anchors='nearest': .*known: closest, random, probrandom"),
    ("cvq", {"anchors": "closets"}, r"anchors='closets': did you mean 'closest'"),
    ("sq", {"kind": "gausian"}, r"kind='gausian': did you mean 'gaussian'\? known: gaussian, vmf"),
    ("pq", {"budget": "totals"}, r"budget='totals': did you mean 'total'\? known: each, total"),
    ("looc", {"grouping": "channel"}, r"grouping='channel': did you mean 'channels'.*known: channels, subpixels"),
    (
        "factorized",
        {"through": "normalized"},
        r"through='normalized': did you mean 'normalised'\? known: normalised, raw",
    ),
]
TAKEN_BY_MANY = [
    ("codebook_size", 0, r"codebook_size=0: expected a whole number from 1 to 1048576"),
    ("codebook_size", 2**20 + 1, r"codebook_size=1048577: expected a whole number from 1 to 1048576"),
    ("codebook_size", 64.0, r"codebook_size=64.0: expected a whole number"),
    ("dim", 0, r"^dim=0: expected a whole number from 1 to 4096"),
    ("dim", "32", r"^dim='32': expected a whole number from 1 to 4096"),
    ("dim", 4097, r"^dim=4097: expected a whole number from 1 to 4096"),
    ("metric", "cosin", r"metric='cosin': did you mean 'cosine'\? known: l2, cosine"),
    ("estimator", "rotate", r"estimator='rotate': did you mean 'rotation'.*known: straight-through, rotation"),
    ("estimator", "straight_through", r"estimator='straight_through': did you mean 'straight-through'"),
    ("start", "k-means", r"start='k-means': did you mean 'kmeans'.*known: uniform, normal, latents, kmeans"),
    ("revival", "restarts", r"revival='restarts': did you mean 'restart'.*known: none, restart, closest, random"),
    ("rule", "gradients", r"rule='gradients': did you mean 'gradient'.*known: gradient, ema"),
    ("entropy_temperature", -1.0, r"entropy_temperature=-1.0: expected a finite number at least 0"),
    ("entropy_temperature", float("nan"), r"entropy_temperature=nan: expected a finite number at least 0"),
]


def takes(name: str, setting: str) -> bool:
    return setting in QUANTIZERS[name].__code__.co_varnames[: QUANTIZERS[name].__code__.co_argcount]


EVERY = WRONG + [
    (name, {setting: value}, message)
    for setting, value, message in TAKEN_BY_MANY
    for name in QUANTIZERS
    if takes(name, setting)
]


@pytest.mark.parametrize(("name", "settings", "message"), EVERY, ids=[f"{row[0]}-{row[1]}" for row in EVERY])
def test_wrong_settings_are_refused_with_what_is_right(name, settings, message):
    with pytest.raises(ValueError, match=message):
        build(name, **{"dim": 32, **settings})


@pytest.mark.parametrize("name", QUANTIZERS)
def test_every_setting_has_a_wrong_value_here(name):
    settings = QUANTIZERS[name].__code__.co_varnames[: QUANTIZERS[name].__code__.co_argcount]
    refused = {setting for row in EVERY for setting in row[1]}
    assert refused >= set(settings)


@pytest.mark.parametrize("name", QUANTIZERS)
def test_unknown_settings_are_refused_with_those_that_are_near(name):
    with pytest.raises(ValueError, match=rf"setting of quantizer '{name}'='dims': did you mean 'dim'"):
        build(name, dims=32)
