"""The model card: written from the numbers, never by hand."""

from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

CARD = "README.md"
METRICS = "metrics.json"
USAGE = "usage.json"

_ROWS = {
    "psnr": ("PSNR, dB", "{:.2f}"),
    "ssim": ("SSIM", "{:.4f}"),
    "lpips": ("LPIPS", "{:.4f}"),
    "l1": ("L1 on [0, 1]", "{:.4f}"),
    "bits_per_image": ("true bits per image", "{:,.0f}"),
    "bits_per_pixel": ("bits per pixel", "{:.3f}"),
    "share_of_raw": ("share of raw 8-bit pixels", "{:.1%}"),
    "usage": ("codebook usage", "{:.1%}"),
    "perplexity": ("perplexity", "{:.1f}"),
    "dead": ("dead codevectors", "{:d}"),
}
"""Metric -> (label, format), in the order in which tables show them."""


def show(metric: str, value: float | None) -> str:
    """A metric's value as text, "not available" for None."""
    return "not available" if value is None else _ROWS[metric][1].format(value)


def show_usage(usage: float | None) -> str:
    """Usage as text; None is that of a tokenizer whose indices are not counted."""
    return "no codebook" if usage is None else show("usage", usage)


def show_trained(record: dict[str, Any]) -> str:
    """How much of its recipe's full budget a checkpoint was trained for, from its metrics.json."""
    seen, full = record["training"]["images"], record["training"]["full_budget_images"]
    return "in full" if seen >= full else f"{seen / full:.1%}"


def model_card(record: dict[str, Any], config: dict[str, Any]) -> str:
    """README.md of a checkpoint, front matter with model-index included, from its metrics.json and config.json."""
    name, metrics, training = record["name"], record["metrics"], record["training"]
    quantizer = config["quantizer"]["name"]
    results = [
        EvalResult(
            task_type="image-reconstruction",
            dataset_type=record["hub_id"],
            dataset_name=record["dataset"],
            dataset_split=record["split"],
            metric_type=metric,
            metric_name=label,
            metric_value=metrics[metric],
        )
        for metric, (label, _) in _ROWS.items()
        if metrics[metric] is not None
    ]
    data = ModelCardData(
        library_name="vqzoo",
        license="apache-2.0",
        tags=["vqzoo", "image-tokenizer", f"quantizer:{quantizer}", f"pe:{config['position']['name']}"],
        datasets=[record["hub_id"]],
        model_name=name,
        eval_results=results,
    )
    table = "\n".join(f"| {label} | {show(metric, metrics[metric])} |" for metric, (label, _) in _ROWS.items())
    if "selection" in metrics:
        chosen = ", ".join(f"{shape}: {share:.1%}" for shape, share in metrics["selection"].items())
        table += f"\n| chosen codebook | {chosen} |"
    lpips = f" LPIPS is {metrics['lpips_network']}." if metrics["lpips"] is not None else ""
    text = f"""# {name}

An image tokenizer of vqzoo: quantizer `{quantizer}`, autoencoder `{config["autoencoder"]["name"]}`, positional
encoding `{config["position"]["name"]}`.

```python
import vqzoo

tokenizer = vqzoo.load("{name}")
tokens = tokenizer.encode(images)  # images: float (b, {config["autoencoder"]["channels"]}, H, W) in [-1, 1]
images = tokenizer.decode(tokens)
```

## Measured

On the {metrics["num_images"]:,} images of the {record["split"]} split of {record["dataset"]}, with the weights
as they are stored ({record["stored_as"]}). Protocol `{metrics["protocol"]}`: reconstructions rounded to bytes, nothing
resized or compressed, each metric per image and then averaged.{lpips}

| | |
| --- | --- |
{table}

## Trained

{_budget(training)} {training["seconds"] / 60:.0f} minutes on {training["device"]}; the checkpoint
is that of step {training["best_step"]:,} of {training["steps"]:,}, the best by squared error on
{training["recipe"]["held_out"]:,} images held out of the train split. Settings are in metrics.json.

The full training: `accelerate launch trainers/train.py {name}`
"""
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{text}"))


def _budget(training: dict[str, Any]) -> str:
    seen, full = training["images"], training["full_budget_images"]
    if seen >= full:
        return f"On {seen:,} images, the full budget."
    return f"**A short training**: on {seen:,} images, {seen / full:.1%} of the full budget of {full:,}."
