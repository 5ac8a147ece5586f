"""The zoo as a table, for the README: drawn from each model's metrics.json."""

from collections.abc import Sequence

from vqzoo.hub.card import show
from vqzoo.hub.registry import Model

_COLUMNS = {
    "bits_per_image": "true bits",
    "share_of_raw": "of raw",
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "lpips": "LPIPS",
    "usage": "usage",
}


def zoo_table(models: Sequence[Model]) -> str:
    """A Markdown table, cheapest model of each data set first."""
    ranked = sorted(models, key=lambda m: (m.metrics["dataset"], m.metrics["metrics"]["bits_per_image"], m.name))
    lines = ["| model | " + " | ".join(_COLUMNS.values()) + " | trained |", "| --- |" + " --: |" * (len(_COLUMNS) + 1)]
    for model in ranked:
        metrics, training = model.metrics["metrics"], model.metrics["training"]
        values = [_value(metric, metrics[metric]) for metric in _COLUMNS]
        share = training["images"] / training["full_budget_images"]
        link = f"[{model.name}](model_cards/{model.name}/README.md)"
        lines.append(f"| {link} | {' | '.join(values)} | {'in full' if share >= 1 else f'{share:.1%}'} |")
    return "\n".join(lines)


def _value(metric: str, value: float | None) -> str:
    return "no codebook" if metric == "usage" and value is None else show(metric, value)
