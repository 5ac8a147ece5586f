"""Model cards, generated from metrics.json and config.json."""

from typing import Any

from vqzoo.metrics.table import METRICS as ROWS
from vqzoo.metrics.table import names, present, show, show_of

METRICS = "metrics.json"
USAGE = "usage.json"

_STORED = {
    "int8": "matrices as int8, one scale a row",
    "float16": "matrices as float16",
    "float32": "float32",
}


def labelled(metrics: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (label, value as text) of every metric in a record, in the table's order, with intervals in brackets."""
    return [(ROWS[name].title, show_of(name, metrics) + _interval(name, metrics)) for name in present(metrics)]


def _interval(name: str, metrics: dict[str, Any]) -> str:
    bounds = (metrics.get("intervals") or {}).get(name)
    return f" ({show(name, bounds[0])} to {show(name, bounds[1])})" if bounds else ""


def trained_share(training: dict[str, Any]) -> float | None:
    """Return the share of its recipe's full budget that a checkpoint was trained for, at most 1; None without a budget.

    Runs on a user's own data, for example, have no full budget.
    """
    full = training.get("full_budget_images")
    return min(1.0, training["images"] / full) if full else None


def show_trained(record: dict[str, Any]) -> str:
    """Return the share of the full budget that a checkpoint was trained for, as text, from its metrics.json.

    For a run without a full budget this is the number of images, and for an empty record "not known".
    """
    if "training" not in record:
        return "not known"
    share = trained_share(record["training"])
    if share is None:
        return f"{record['training']['images']:,} images"
    return "in full" if share == 1 else f"{share:.1%}"


def show_images(record: dict[str, Any]) -> str:
    """Return the number of images of a checkpoint's training as text; "not known" for an empty metrics.json."""
    return f"{record['training']['images']:,}" if "training" in record else "not known"


def trained_clause(record: dict[str, Any]) -> str:
    """Return `show_trained` as the end of a sentence."""
    if "training" not in record:
        return "nobody says how long it was trained"
    share, shown = trained_share(record["training"]), show_trained(record)
    if share is None:
        return f"trained on {shown}"
    return "trained in full" if share == 1 else f"trained for {shown} of the full budget"


def training_facts(record: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (label, value as text) of the facts on training that a metrics.json holds."""
    training = record["training"]
    seen, full = training["images"], training.get("full_budget_images")
    facts = [("share of full budget", show_trained(record))] if full else []
    facts.append(("images", f"{seen:,} of {full:,}" if full else f"{seen:,}"))
    steps, best, seconds, device = (training.get(key) for key in ("steps", "best_step", "seconds", "device"))
    if steps is not None:
        facts.append(("steps", f"{steps:,}") if best is None else ("step kept", f"{best:,} of {steps:,}"))
    if seconds is not None:
        facts.append(("minutes", f"{seconds / 60:.0f}" + (f", on {device}" if device else "")))
    return facts


def behind_sentence(record: dict[str, Any]) -> str:
    """Return a sentence on the baseline that a model is behind, from its metrics.json; empty if there is none."""
    behind = record.get("behind")
    if not behind:
        return ""
    psnr, bits = show("psnr", behind["psnr"]), show("bits_per_image", behind["bits_per_image"])
    return f"Behind {behind['name']}, which needs no training and has {psnr} dB at {bits} bits on the same images."


def quantizer_names(config: dict[str, Any]) -> list[str]:
    """Return the name of each level's quantizer, coarsest first, from a tokenizer's config.json."""
    levels = config["quantizer"] if isinstance(config["quantizer"], list) else [config["quantizer"]]
    return [level["name"] for level in levels]


def model_card(record: dict[str, Any], config: dict[str, Any]) -> str:
    """Return a checkpoint's README.md, including front matter with model-index, from metrics.json and config.json."""
    from huggingface_hub import ModelCard  # takes seconds to import, and reading cards does not need it

    name, metrics, training = record["name"], record["metrics"], record.get("training")
    quantizers = quantizer_names(config)
    table = "\n".join(f"| {label} | {text} |" for label, text in labelled(metrics))
    table += _selection("chosen codebook", metrics)
    levels = metrics.get("levels") or []
    for number, level in enumerate(levels, 1):
        which = f"level {number} of {len(levels)}" + (", the coarsest" if number == 1 else "")
        used = ", ".join(f"{ROWS[name].title} {show(name, level[name])}" for name in names("usage"))
        table += f"\n| {which} | {used} |" + _selection(f"{which}: chosen codebook", level)
    text = f"""# {name}

An image tokenizer of vqzoo: quantizer {" and ".join(f"`{name}`" for name in quantizers)}, autoencoder
`{config["autoencoder"]["name"]}`, positional encoding `{config["position"]["name"]}`.

```python
import vqzoo

tokenizer = vqzoo.load("{name}")
tokens = tokenizer.encode(images)  # images: float (b, {config["autoencoder"]["channels"]}, H, W) in [-1, 1]
images = tokenizer.decode(tokens)
```

## Measured

On the {metrics["num_images"]:,} images of {_measured_on(record)}, with the weights
as they are stored ({_STORED[record["stored_as"]]}). Protocol `{metrics["protocol"]}`: reconstructions rounded to
bytes, nothing resized or compressed, each metric per image and then averaged.{_notes(metrics)}

| | |
| --- | --- |
{table}
{_paragraph(behind_sentence(record))}
## Trained

{_training_text(name, training, config)}
"""
    return str(ModelCard(f"---\n{_front_matter(record, config)}\n---\n\n{text}"))


def _front_matter(record: dict[str, Any], config: dict[str, Any]) -> str:
    """Return the YAML of the front matter: licence, tags and each metric as a result of the model."""
    import torch
    from huggingface_hub import EvalResult, ModelCardData

    from vqzoo.autoencoders import build_autoencoder
    from vqzoo.files.remote import hub_tags

    metrics = record["metrics"]
    with torch.device("meta"):
        strides = build_autoencoder(**config["autoencoder"]).strides
    results = [
        EvalResult(
            task_type="image-reconstruction",
            dataset_type=record["hub_id"] or record["dataset"],
            dataset_name=record["dataset"],
            dataset_split=record["split"],
            metric_type=metric,
            metric_name=ROWS[metric].title,
            metric_value=metrics[metric],
        )
        for metric in present(metrics)
        if metrics[metric] is not None
    ]
    return ModelCardData(
        library_name="vqzoo",
        license=record.get("license"),
        tags=[
            *hub_tags(quantizer_names(config), strides, config["position"]["name"]),
            f"dataset:{record['hub_id'] or record['dataset']}",
            f"bits:{metrics['bits_per_image']:.0f}",
        ],
        datasets=[record["hub_id"]] if record["hub_id"] else None,
        model_name=record["name"],
        eval_results=results,
    ).to_yaml()


def _paragraph(sentence: str) -> str:
    return f"\n{sentence}\n" if sentence else ""


def _training_text(name: str, training: dict[str, Any] | None, config: dict[str, Any]) -> str:
    if training is None:
        return "Not by vqzoo; these files do not say how, on what, or for how long."
    if "explained_variance" in training:
        return _components(name, training, config)
    return _centres(name, training) if training.get("fit") == "kmeans" else _trained(name, training)


_JUDGES = {"reconstruction": "squared error", "l1": "absolute error", "perceptual": "LPIPS"}
"""Terms of a recipe's loss that select its best checkpoint."""


def _trained(name: str, training: dict[str, Any]) -> str:
    recipe = training["recipe"]
    judged = " and ".join(label for term, label in _JUDGES.items() if recipe["weights"].get(term))
    # Older recipes lack these fields.
    crop = f" It saw random crops of {recipe['crop']} x {recipe['crop']} pixels." if recipe.get("crop") else ""
    start = f" It started from the weights of `{recipe['start_from']}`." if recipe.get("start_from") else ""
    text = f"""{_budget(training)} {_minutes(training["seconds"])} on {training["device"]}; the checkpoint
is that of step {training["best_step"]:,} of {training["steps"]:,}, the best by {judged} on
{recipe["held_out"]:,} images held out of the train split.{_fit(recipe)}{crop}{start} Settings are in metrics.json."""
    own = trained_share(training) is None
    command = training.get("full_command", None if own else f"accelerate launch trainers/train.py {name}")
    return f"{text}\n\n{'The training again' if own else 'The full training'}: `{command}`" if command else text


def _minutes(seconds: float) -> str:
    minutes = round(seconds / 60)
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


_FITS = {
    "crop": " Of images that are no squares it saw the centre.",
    "pad": " Images that are no squares had black put beside them.",
    "squash": " Images that are no squares had their proportions changed.",
}


def _fit(recipe: dict[str, Any]) -> str:
    return _FITS[recipe["fit"]] if "fit" in recipe else ""  # older recipes lack the field


def _components(name: str, training: dict[str, Any], config: dict[str, Any]) -> str:
    recipe, explained, levels = training["recipe"], training["explained_variance"], config["quantizer"]["levels"]
    side = recipe["stride"]
    kept, held = recipe["components"], {split: f"{shares[-1]:.2%}" for split, shares in explained.items()}
    return f"""Not trained but fitted: the principal components of blocks of {side} x {side} pixels of
{training["images"]:,} images, in {training["seconds"] / 60:.1f} minutes on {training["device"]}. The {kept} components
that are kept hold {held["train"]} of the variance of the images of the train split that they were fitted to, and
{held["test"]} of the test split's, which they have not seen. Each is rounded to an alphabet of its own, of
{min(levels)} to {max(levels)} values, chosen on the same images for the least squared error at
{recipe["bits"]:,} bits. Settings are in metrics.json.

Again: `python trainers/baselines/pca.py {name}`"""


def _centres(name: str, training: dict[str, Any]) -> str:
    recipe = training["recipe"]
    side = recipe["stride"]
    return f"""Not trained but fitted, and without a network: its codevectors are blocks of {side} x {side} pixels, the
{recipe["codebook_size"]:,} centres that mini-batch k-means found among those of {training["images"]:,} images, in
{training["seconds"] / 60:.1f} minutes on {training["device"]}; of a block the nearest one is stored. Settings are in
metrics.json.

Again: `python trainers/baselines/kmeans.py {name}`"""


def _selection(label: str, metrics: dict[str, Any]) -> str:
    if not metrics.get("selection"):
        return ""
    return f"\n| {label} | {', '.join(f'{shape}: {share:.1%}' for shape, share in metrics['selection'].items())} |"


def _measured_on(record: dict[str, Any]) -> str:
    """Return which images of which data set were measured, and how the data set was split."""
    data = record.get("data") or {}
    if "max_side" in data:
        part = _dataset(record) if record["split"] == "all" else f"the {record['split']} split of {_dataset(record)}"
        low, high = data["sides"]
        return (
            f"{part}, with sides from {low:,} to {high:,} pixels\n(longer ones than {data['max_side']:,} were shrunk)"
        )
    if not data.get("divided"):
        instead = "" if record["split"] == "test" or not data else ", which has no split called test"
        return f"the {record['split']} split of {_dataset(record)}{instead}"
    counts = data["images"]
    return (
        f"{_dataset(record)} that were set apart by a hash of their content\n({counts['train']:,} to learn from, "
        f"{counts['held_out']:,} held out, {counts['test']:,} to measure on)"
    )


def _dataset(record: dict[str, Any]) -> str:
    return record["dataset"] if record["hub_id"] else f"{record['dataset']} (a local data set, not one of the Hub)"


def _notes(metrics: dict[str, Any]) -> str:
    """Return notes on the networks behind the metrics, and on intervals."""
    text = f" LPIPS is {metrics['lpips_network']}." if metrics["lpips"] is not None else ""
    measured = [ROWS[name] for name in names("set") if metrics.get(name) is not None]
    text += "".join(f"\n{row.label} compares the {row.features:,} features of all images." for row in measured)
    number = metrics["num_images"]
    if any(number <= row.features for row in measured):
        text += f"\n{number:,} images are too few for that many: it compares with distances on the same images only."
    if metrics.get("intervals"):
        text += "\nIn brackets are 95 % intervals of the means, by a bootstrap over images."
    return text


def _budget(training: dict[str, Any]) -> str:
    seen, share, full = training["images"], trained_share(training), training.get("full_budget_images")
    if share is None:
        return f"It has seen {seen:,} images, one that came again counted again."
    if share == 1:
        return f"On {seen:,} images, the full budget."
    return f"**A short training**: on {seen:,} images, {share:.1%} of the full budget of {full:,}."
