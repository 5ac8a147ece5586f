"""The page of rate and distortion: what a bit buys, on every axis that it can be counted by."""

from typing import Any

import gradio as gr

from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.panels.photo_rates import Photograph
from vqzoo.ui.panels.rates import Bits, Costs, Entropy, Models, choices_with
from vqzoo.views.rate import Rates, front, placed
from vqzoo.views.rate_against import AGAINST_COLUMNS, against_codecs
from vqzoo.views.rate_answer import bits_for, describe, record
from vqzoo.views.rate_costs import COST_COLUMNS, ENTROPY_COLUMNS, cost_table, entropy_table
from vqzoo.views.rate_figure import TABLE_COLUMNS, rate_table, story
from vqzoo.views.table import records

NAME = "Rate"


def build(context: Context) -> None:
    """Lay the page out; each of its parts is computed when it is first looked at."""
    rates = Rates(context.engine)
    datasets = rates.datasets()
    if not datasets:
        gr.Markdown("No model here says what it was measured on.", elem_classes="hint")
        return
    dataset = gr.Radio(datasets, value=datasets[0], label="Measured on", elem_id="rate-dataset")
    context.when_offered(lambda now: choices_with([(each, each) for each in rates.datasets()], now), [dataset], dataset)
    with gr.Tabs(elem_id="rate-parts"):
        parts = [kind(context, rates, dataset) for kind in (Models, Bits, Costs, Entropy)]
        photograph = Photograph(context, rates)
    for part in (*parts, photograph):
        part.watch()
    _api(rates)


def _api(rates: Rates) -> None:
    """Register the contents of the tabs as API endpoints."""

    def rate_distortion(dataset: str, metric: str = "psnr", axis: str = "bits per pixel") -> dict[str, Any]:
        """Return the models and codecs of a data set, with a summary of a metric against an axis of rate or cost.

        dataset: a data set that models were measured on, such as "cifar10". metric: psnr, ssim, lpips, l1, mse or
        rfid_squeeze. Returns {"models": a record per model, "front": the names on the Pareto front, "against": bits at
        equal quality against each codec in percent, "story": the summary}.
        """
        with show_errors():
            text = story(rates, dataset, axis, metric)
            return {
                "models": records(TABLE_COLUMNS, rate_table(rates, dataset)),
                "front": [each.point.name for each in front(placed(rates.models(dataset), axis, metric), metric)],
                "against": records(AGAINST_COLUMNS, against_codecs(rates, dataset, metric)),
                "story": text,
            }

    def bits_for_quality(dataset: str, quality: float, metric: str = "psnr") -> dict[str, Any]:
        """Return how many bits per pixel a quality takes, as far as the models and codecs of a data set tell.

        dataset: as in /rate_distortion. quality: a value of the metric, such as 30 for a PSNR of 30 dB. Returns
        {"reached_by": the model with the fewest bits that has it, "missed_by": the best model with fewer bits,
        "codecs": each codec's bits per pixel, null where it was not measured, "answer": all as a sentence}.
        """
        with show_errors():
            answer = bits_for(rates, dataset, metric, quality)
            return {**record(answer), "answer": describe(answer)}

    def lookup_costs(dataset: str) -> list[dict[str, Any]]:
        """Return codebook storage and lookup multiplications of each model for a test image, a record per model."""
        with show_errors():
            return records(COST_COLUMNS, cost_table(rates, dataset))

    def entropy_coding(dataset: str) -> list[dict[str, Any]]:
        """Return fixed-length and ideally entropy-coded bits of a test image, a record per model with index counts."""
        with show_errors():
            return records(ENTROPY_COLUMNS, entropy_table(rates, dataset))

    for function in (rate_distortion, bits_for_quality, lookup_costs, entropy_coding):
        gr.api(function, api_name=function.__name__)
