"""What `vqzoo train` prints: a table of images and settings before training, and results after it."""

from pathlib import Path

from trainers.loop.best import load_best
from trainers.loop.samples import save_samples
from trainers.loop.session import Session
from trainers.own.images import Images
from trainers.own.plan import true_bits
from trainers.recipes.recipe import Recipe
from vqzoo.files.storage import cards_folder, read_json
from vqzoo.hub.card import METRICS


def table(recipe: Recipe, images: Images) -> list[tuple[str, str]]:
    """Return (label, value) of the images and of the settings, to print before training."""
    counts, sides = images.facts["images"], images.statistics.sides
    held_out = counts.get("held_out", recipe.held_out)
    train = counts["train"] - (0 if "held_out" in counts else held_out)
    how = "divided by their content"
    if not images.facts["divided"]:
        how = f"splits of the data set, {images.splits.test} to measure on"
    elif images.facts["copies"]:
        how += f", {images.facts['copies']:,} are copies of others"
    bits = true_bits(recipe)
    quantizer = ", ".join(f"{key} {value}" for key, value in recipe.quantizer.items() if key != "name")
    crop = f"; a step sees crops of {recipe.crop} x {recipe.crop}" if recipe.crop else ""
    stride = recipe.build().autoencoder.strides
    return [
        ("images", f"{train:,} to learn from, {held_out:,} held out, {counts['test']:,} to measure on; {how}"),
        ("column", images.facts["column"]),
        ("sizes", f"shorter sides from {min(sides)} to {max(sides)} pixels" + ", all grey" * images.statistics.grey),
        ("resolution", f"{recipe.resolution} x {recipe.resolution}, {recipe.fit}{crop}"),
        ("autoencoder", f"{recipe.autoencoder['name']}, stride {' and '.join(map(str, stride))}"),
        ("quantizer", f"{recipe.quantizer['name']}" + (f": {quantizer}" if quantizer else "")),
        ("true bits", f"{bits:,.0f} an image, {bits / recipe.resolution**2:.3f} a pixel"),
        ("loss", ", ".join(f"{name} {weight:g}" for name, weight in recipe.weights.items())),
        ("starts from", recipe.start_from or "nothing"),
        ("frozen", ", ".join(recipe.freeze) or "nothing"),
        ("model", recipe.name),
    ]


def print_table(rows: list[tuple[str, str]]) -> None:
    """Print labels and values, one pair a line."""
    for label, value in rows:
        print(f"{label:12} {value}", flush=True)


def write_contact_sheet(session: Session, folder: Path) -> Path:
    """Write a PNG of held-out originals above the best checkpoint's reconstructions; return its path."""
    path = folder / "contact_sheet.png"
    best = load_best(session.recipe, folder, session.accelerator.device)
    save_samples(best.tokenizer, session.held_out[:8], path)
    return path


def print_finished(card: Path, sheet: Path, recipe: Recipe) -> None:
    """Print the metrics of the finished model, and where its files are."""
    metrics = read_json(card / METRICS)["metrics"]
    print(
        f"finished: {recipe.name}, PSNR {metrics['psnr']:.2f} dB at {metrics['bits_per_image']:,.0f} true bits, on "
        f"{metrics['num_images']:,} images that it was not trained on"
    )
    print(f"model card: {card / 'README.md'}\ncontact sheet: {sheet}")
    elsewhere = "" if card.parent == cards_folder() else f"VQZOO_CARDS={card.parent} "
    print(f"to compare it in the app: {elsewhere}vqzoo app, and open its address with /?models={recipe.name}")
