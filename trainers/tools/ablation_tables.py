"""Write the tables of docs/training_fast.md from its CSV: `python -m trainers.tools.ablation_tables`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean

from trainers.tools.ablation import SMALL_IMAGES, VARIANTS, Variant
from trainers.tools.ablation_lines import psnr_by_seed, read_lines
from vqzoo.ops.text import table_of, with_table

TARGET = Path(__file__).parents[2] / "docs" / "training_fast.md"


def page() -> str:
    """Return the page with new tables and its text unchanged."""
    lines = read_lines()
    text = TARGET.read_text(encoding="utf-8")
    text = with_table(text, "ablation", ablation_table(lines))
    text = with_table(text, "photographs", photographs_table(lines))
    return with_table(text, "usage", usage_table(lines))


def ablation_table(lines: Sequence[Mapping[str, str]]) -> str:
    """Return the held-out PSNR of the base, and the differences of all other settings from it, a quantizer a column.

    Values are means over the seeds that both have, followed by the largest deviation from the mean if there are
    several seeds.
    """
    psnr = psnr_by_seed(lines)
    rows = [["**base**", "", *(_base(psnr.get((quantizer, "base", "base"), {})) for quantizer in SMALL_IMAGES)]]
    for variant in _of_small_images()[1:]:
        cells = [
            _difference(
                psnr.get((quantizer, variant.factor, variant.setting), {}), psnr.get((quantizer, "base", "base"), {})
            )
            for quantizer in SMALL_IMAGES
        ]
        if any(cells):
            rows.append([variant.factor, variant.setting, *cells])
    return table_of(["changed", "to", *SMALL_IMAGES], rows, texts=2)


def photographs_table(lines: Sequence[Mapping[str, str]]) -> str:
    """Return PSNR, LPIPS and seconds of the runs on photographs, a setting a row."""
    rows = []
    for line in lines:
        if line["quantizer"].startswith("photographs"):
            quantizer = line["quantizer"].removeprefix("photographs").removeprefix(", ") or "none"
            numbers = [f"{float(line['psnr']):.2f}", line["lpips"], f"{float(line['seconds']):.0f}"]
            rows.append([quantizer, line["factor"], line["setting"], *numbers])
    return table_of(["quantizer", "changed", "to", "PSNR, dB", "LPIPS", "seconds"], rows, texts=3)


def usage_table(lines: Sequence[Mapping[str, str]]) -> str:
    """Return the usage of codebooks at the settings that affect it."""
    quantizers = [name for name in SMALL_IMAGES if any(line["quantizer"] == name and line["usage"] for line in lines)]
    factors = ("base", "start", "revival", "estimator", "optimizer")
    rows = []
    for variant in _of_small_images():
        values: dict[str, list[float]] = {name: [] for name in quantizers}
        for line in lines:
            if (line["factor"], line["setting"]) == (variant.factor, variant.setting) and line["usage"]:
                values[line["quantizer"]].append(float(line["usage"]))
        if variant.factor in factors and any(values.values()):
            rows.append([variant.factor, variant.setting, *(f"{mean(v):.0%}" if v else "" for v in values.values())])
    return table_of(["changed", "to", *quantizers], rows, texts=2)


def _of_small_images() -> list[Variant]:
    return [variant for variant in VARIANTS if set(variant.quantizers) <= set(SMALL_IMAGES)]


def _base(by_seed: Mapping[str, float]) -> str:
    return _with_spread(list(by_seed.values()), "{:.2f}") if by_seed else ""


def _difference(by_seed: Mapping[str, float], base: Mapping[str, float]) -> str:
    differences = [psnr - base[seed] for seed, psnr in by_seed.items() if seed in base]
    return _with_spread(differences, "{:+.2f}") if differences else ""


def _with_spread(values: Sequence[float], form: str) -> str:
    middle = mean(values)
    spread = f" ± {max(abs(value - middle) for value in values):.2f}" if len(values) > 1 else ""
    return form.format(middle) + spread


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
