"""The texts of tooltips, without a browser."""

from vqzoo.hub.registry import list_models
from vqzoo.views.priors import COLUMNS as PRIOR_COLUMNS
from vqzoo.views.rate_against import AGAINST_COLUMNS
from vqzoo.views.rate_costs import COST_COLUMNS, ENTROPY_COLUMNS
from vqzoo.views.rate_figure import TABLE_COLUMNS
from vqzoo.views.rate_photo import PHOTO_COLUMNS
from vqzoo.views.studies import COLUMNS as STUDY_COLUMNS
from vqzoo.views.tips import HEADS, tips
from vqzoo.views.zoo import COLUMNS as ZOO_COLUMNS


def test_every_heading_and_every_model_is_explained():
    tables = (TABLE_COLUMNS, COST_COLUMNS, ENTROPY_COLUMNS, PHOTO_COLUMNS, AGAINST_COLUMNS, STUDY_COLUMNS, ZOO_COLUMNS)
    tables += (PRIOR_COLUMNS,)
    missing = {head for table in tables for head in table if not HEADS.get(head)}
    assert not missing
    models = list_models()
    texts = tips(models)["models"]
    assert set(texts) == {model.name for model in models} and all(texts.values())
    assert "arXiv:1711.00937" in texts["cifar10-vq-1024x128"]
