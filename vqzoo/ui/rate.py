"""The page of rate and distortion: what a bit buys, on every axis that it can be counted by."""

from typing import Any

import gradio as gr

from vqzoo.ui.context import Context
from vqzoo.ui.errors import show_errors
from vqzoo.ui.panels.photo_rates import Photograph
from vqzoo.ui.panels.rates import Costs, Entropy, Law, Models, choices_with
from vqzoo.views.rate import Rates
from vqzoo.views.rate_costs import COST_COLUMNS, ENTROPY_COLUMNS, cost_table, entropy_table
from vqzoo.views.rate_figure import TABLE_COLUMNS, rate_table, story
from vqzoo.views.rate_fit import law_of

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
        parts = [kind(context, rates, dataset) for kind in (Models, Law, Costs, Entropy)]
        photograph = Photograph(context, rates)
    for part in (*parts, photograph):
        part.watch()
    _api(rates)


def _api(rates: Rates) -> None:
    """Register the contents of the tabs as API endpoints."""

    def rate_distortion(dataset: str, metric: str = "psnr", axis: str = "bits per image") -> dict[str, Any]:
        """Return the models of a data set as a table, with a summary of a metric against an axis of rate or cost."""
        with show_errors():
            text = story(rates, dataset, axis, metric)
            return {"columns": TABLE_COLUMNS, "rows": rate_table(rates, dataset), "story": text}

    def bits_for_psnr(dataset: str, psnr: float, group: str = "models with codevectors") -> dict[str, Any]:
        """Predict the bits per image for a PSNR in dB by a power law: bits, 95 % interval, exponent of the law."""
        from vqzoo.analysis.powerlaw import distortion

        with show_errors():
            _, law = law_of(rates, dataset, group)
            bits, low, high = law.bits(distortion(psnr))
        return {"bits": bits, "interval": [low, high], "exponent": law.exponent, "points": law.number}

    def lookup_costs(dataset: str) -> dict[str, Any]:
        """Return codebook storage and lookup multiplications of each model for a test image."""
        with show_errors():
            return {"columns": COST_COLUMNS, "rows": cost_table(rates, dataset)}

    def entropy_coding(dataset: str) -> dict[str, Any]:
        """Return fixed-length and ideally entropy-coded bits of a test image for each model with index counts."""
        with show_errors():
            return {"columns": ENTROPY_COLUMNS, "rows": entropy_table(rates, dataset)}

    for function in (rate_distortion, bits_for_psnr, lookup_costs, entropy_coding):
        gr.api(function, api_name=function.__name__)
