"""The card of a prior, generated from its measurements."""

from typing import Any

PRIOR = "prior.json"
"""File of a prior's measurements, beside its config.json; tokenizers have metrics.json."""


def prior_card(record: dict[str, Any]) -> str:
    """Return the README.md of a prior's folder, given its prior.json."""
    training, recipe = record["training"], record["training"]["recipe"]
    belongs, kind = record["tokenizer"], recipe["prior"]["name"]
    return f"""---
library_name: vqzoo
tags:
- vqzoo
- image-generation
- prior:{kind}
---

# {record["name"]}

A prior of vqzoo: `{kind}`, {record["weights"]:,} weights, over the tokens of `{belongs["name"]}`, whose weights have
the SHA-256 `{belongs["sha256"]}`.

{_figures(record)}
± is 1.96 standard errors over images.

```python
import vqzoo

images = vqzoo.generate("{record["name"]}", 16, seed=1)  # (16, c, h, w) in [-1, 1]
```

## Training

{training["images"]:,} images in {training["steps"]:,} steps of {recipe["batch_size"]} took
{round(training["seconds"] / 60):,} minutes on {training["device"]}. The checkpoint is that of step
{training["best_step"]:,}, the best one on {recipe["held_out"]:,} images held out of the token set.
Settings are in {PRIOR}.
"""


def _figures(record: dict[str, Any]) -> str:
    measure, plus_minus = record["measure"], 1.96 * record["standard_error"]
    images = f"{record['split']}, {record['num_images']:,} images"
    if measure == "flow-matching loss":
        return f"""| | |
|---|--:|
| {measure}, {images} | {record["flow_matching_loss"]:.4f} ± {plus_minus:.4f} |

The network learned latents {record["latents"]}. The loss is the mean squared error of the predicted velocity, over
channels that are normalised, at random times; a prediction of 0 has 2. It is no likelihood of tokens.
"""
    saved = 1 - record["bits_per_image"] / record["uniform_bits"]
    order = ""
    if measure != "bits":
        order = """ The
order in which tokens become known is a random one: bits are an estimate of the average over all orders, an upper bound
of what the mixture of all orders needs."""
    return f"""| | |
|---|--:|
| bits an image, {images} | {record["bits_per_image"]:,.1f} ± {plus_minus:,.1f} |
| bits a pixel | {record["bits_per_pixel"]:.3f} |
| bits an image without a prior | {record["uniform_bits"]:,.1f} |
| saved | {saved:.1%} |

Bits are -log2 of the probability of an image's tokens, given its class where there are classes.{order}
"""
