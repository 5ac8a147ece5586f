"""Draw every model card, and the README's tables of models, anew from the numbers: python docs/draw.py"""

from pathlib import Path

from vqzoo.analysis.measured import measured_codecs
from vqzoo.files.remote import CARD
from vqzoo.files.storage import write_json
from vqzoo.hub.baseline import compared
from vqzoo.hub.card import METRICS, model_card
from vqzoo.hub.registry import list_models
from vqzoo.hub.table import zoo_table
from vqzoo.ops.text import with_table

README = Path(__file__).parents[1] / "README.md"


def with_tables(text: str) -> str:
    """`text` with the table of each data set in its place: the registry's models, and what was measured of codecs."""
    codecs = measured_codecs()
    for dataset in sorted({model.metrics["dataset"] for model in list_models()}):
        models = [model for model in list_models() if model.metrics["dataset"] == dataset]
        table = zoo_table(models, [row for row in codecs if row["dataset"] == dataset])
        text = with_table(text, dataset, table)
    return text


if __name__ == "__main__":
    models = list_models()
    for model in models:
        record = compared(model, models)
        write_json(model.source / METRICS, record)
        (model.source / CARD).write_text(model_card(record, model.config), encoding="utf-8")
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
