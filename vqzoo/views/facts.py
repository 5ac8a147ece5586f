"""The facts and the card of one model as HTML, with all text from its files escaped."""

from collections.abc import Sequence
from html import escape
from typing import Any

from vqzoo.hub.card import behind_sentence, labelled, training_facts
from vqzoo.hub.model import Model
from vqzoo.hub.registry import usage_damage
from vqzoo.views.markdown import safe_html
from vqzoo.views.zoo import ORIGINS, Shown, megabytes

NOTHING_CHOSEN = '<p class="zoo-empty">Choose a model in the table to see what it is and to load it.</p>'

_Facts = Sequence[tuple[str, str]]


def facts_html(shown: Shown, offered_as: str | None) -> str:
    """Return a heading and a list of facts per topic; `offered_as` is the model's name on the other pages."""
    model = shown.model
    offer = f"Offered on every page as {offered_as}." if offered_as else "Not loaded: the other pages do not offer it."
    head = f'<h3>{escape(model.name)}</h3><p class="zoo-offer">{escape(offer)}</p>'
    topics: list[tuple[str, _Facts]] = [("Where", _where(shown)), ("Settings", _settings(model))]
    metrics = model.metrics.get("metrics", {})
    if metrics:
        topics.append(("Measured", [*_protocol(model), *labelled(metrics), *_behind(model)]))
    if model.trained:
        topics.append(("Trained", training_facts(model.metrics)))
    missing = "" if metrics else '<p class="zoo-offer">Not measured: it comes without a metrics.json.</p>'
    return head + missing + "".join(_topic(title, facts) for title, facts in topics)


def card_html(shown: Shown) -> str:
    """Return the model card, or a sentence that explains its absence."""
    if shown.card is not None:
        return f'<article aria-label="model card">{safe_html(shown.card)}</article>'
    return f'<p class="zoo-empty">{escape(shown.note or "It comes without a model card (README.md).")}</p>'


def _topic(title: str, facts: _Facts) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return f"<section><h4>{escape(title)}</h4><dl>{rows}</dl></section>"


def _where(shown: Shown) -> _Facts:
    model = shown.model
    facts = []
    if model.source is not None:
        files = [path for path in sorted(model.source.iterdir()) if path.is_file()]
        facts += [("folder", f"{model.source.parent.name}/{model.source.name}")]
        facts += [(path.name, megabytes(path.stat().st_size)) for path in files]
        if damage := usage_damage(model):
            facts += [("damaged", damage)]
    if model.repo_id is not None:
        facts += [("repository", model.repo_id), ("commit", str(model.revision))]
    if model.source is None and model.size is not None:
        facts += [("model.safetensors", megabytes(model.size))]
    for other in shown.entry.others:
        at = f"{other.repo_id} at {str(other.revision)[:7]}"
        facts += [(f"of this name, {ORIGINS[other.origin]}", at)]
    for each in shown.entry.cached:
        facts += [("downloaded", f"{each.repo_id}, {megabytes(each.size)}")]
    return facts


def _settings(model: Model) -> _Facts:
    return [(key, _words(value)) for key, value in model.config.items()]


def _protocol(model: Model) -> _Facts:
    record, metrics = model.metrics, model.metrics["metrics"]
    facts = []
    if metrics.get("num_images") is not None:  # the Hub's list of models lacks it
        facts = [("on", f"{metrics['num_images']:,} images of {record.get('dataset')} {record.get('split')}")]
    if metrics.get("protocol") is not None:
        facts += [("protocol", metrics["protocol"])]
    return facts


def _behind(model: Model) -> _Facts:
    sentence = behind_sentence(model.metrics)
    return [("against baselines", sentence)] if sentence else []


def _words(value: Any) -> str:
    """Return a setting as text, with long lists shortened."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(each)}" for key, each in value.items())
    if isinstance(value, list):
        more = f", … {len(value)} in all" if len(value) > 8 else ""
        return f"[{', '.join(map(_words, value[:8]))}{more}]"
    return str(value)
