"""The zoo as a table, for the README: drawn from each model's metrics.json."""

from collections.abc import Sequence

from vqzoo.hub.card import show, show_trained, show_usage
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
        metrics = model.metrics["metrics"]
        values = [show_usage(metrics[m]) if m == "usage" else show(m, metrics[m]) for m in _COLUMNS]
        link = f"[{model.name}](model_cards/{model.name}/README.md)"
        lines.append(f"| {link} | {' | '.join(values)} | {show_trained(model.metrics)} |")
    return "\n".join(lines)
